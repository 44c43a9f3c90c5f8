//! Ends keys whose lease is over. Every replica does; the first one's deletion is the one that is done.

use std::sync::{Arc, Weak};

use futures::future::join_all;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{MysqlStore, Shared, publisher::Publisher, queries};
use crate::{Revision, StoreError, Write, WriteError};

/// How many keys end at one go.
const AT_ONCE: usize = 256;

/// How many revisions are looked at for leases at one go.
const STRETCH: u64 = 4096;

/// Runs until the store is closed; between two deadlines it does not hold it.
pub(super) async fn run(store: Weak<Shared>, publisher: Arc<Publisher>, closed: CancellationToken) {
    closed
        .run_until_cancelled(async {
            find_older(&store).await;
            loop {
                let next = publisher.leases(|leases| leases.next());
                tokio::select! {
                    () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                        let Some(store) = store.upgrade() else { return };
                        end_expired(&MysqlStore { shared: store }).await;
                    }
                    () = publisher.deadlines() => {}
                }
            }
        })
        .await;
}

/// Deletes what has expired.
async fn end_expired(store: &MysqlStore) {
    let publisher = &store.shared.publisher;
    let expired = publisher.leases(|leases| leases.expired(Instant::now(), AT_ONCE));
    let end = async |(key, expected): (Arc<str>, Revision)| {
        let delete = Write::Delete { key: key.to_string(), expected };
        match store.shared.write(delete).await {
            // A key that was written meanwhile lives as long as that write says; one that is gone is gone.
            Ok(_) | Err(WriteError::Conflict { .. } | WriteError::Store(StoreError::Closed)) => {}
            // Again in a second.
            Err(_) => publisher.leases(|leases| leases.found(&key, expected, 1, Instant::now())),
        }
    };
    join_all(expired.into_iter().map(end)).await;
}

/// Notes the leases of what was written before the store was opened. They count from now, as in kine.
async fn find_older(store: &Weak<Shared>) {
    let mut after = 0;
    while let Some(shared) = store.upgrade() {
        let upto = shared.publisher.hub.revision().min(after + STRETCH);
        if after >= upto {
            return;
        }
        let leases = shared.read(move |connection| Box::pin(queries::leases(connection, after, upto)));
        match leases.await {
            Ok(found) => shared.publisher.leases(|leases| {
                let now = Instant::now();
                found.iter().for_each(|(key, revision, lease)| leases.found(key, *revision, *lease, now));
            }),
            Err(StoreError::Closed) => return,
            Err(error) => return tracing::warn!(%error, "older leases do not end before the next start"),
        }
        after = upto;
    }
}
