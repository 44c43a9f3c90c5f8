//! Ends keys whose lease is over.

use std::sync::{Arc, Weak};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::Shared;
use crate::Write;

/// How many keys end at one go.
const AT_ONCE: usize = 256;

/// Runs until no key has a lease, or until the store is closed or gone: between two deadlines it does not hold it.
pub(super) async fn run(store: Weak<Shared>, deadlines: Arc<Notify>) {
    while let Some(next) = store.upgrade().and_then(|store| end_expired(&store)) {
        tokio::select! {
            () = sleep_until(next) => {}
            () = deadlines.notified() => {}
        }
    }
}

/// Deletes what has expired. The next deadline, or `None` if there is nothing to wait for.
fn end_expired(store: &Arc<Shared>) -> Option<Instant> {
    let expired = store.state.lock().leases.expired(Instant::now(), AT_ONCE);
    for (key, expected) in expired {
        // Refused if the key was written meanwhile; it then lives as long as that write says.
        let _ended = store.write(Write::Delete { key: key.to_string(), expected });
    }
    let state = &mut *store.state.lock();
    let next = state.leases.next().filter(|_| !state.closed);
    state.expiring = next.is_some();
    next
}
