//! Forgets old revisions: a list or watch from one of them is answered "too old" from then on.

use std::sync::Arc;
use std::time::Duration;

use revision_store::Store;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// Compacts a store again and again, each time up to where it was one round ago.
pub struct Compaction {
    store: Arc<dyn Store>,
    every: Duration,
}

impl Compaction {
    /// A round takes so long.
    pub fn new(store: Arc<dyn Store>, every: Duration) -> Self {
        Self { store, every }
    }

    /// Runs until it is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let mut rounds = tokio::time::interval_at(Instant::now() + self.every, self.every);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = self.store.revision().await.ok();
        while stop.run_until_cancelled(rounds.tick()).await.is_some() {
            if let Some(revision) = before
                && let Err(error) = self.store.compact(revision).await
            {
                tracing::warn!(%error, revision, "the store cannot be compacted; it is tried again");
            }
            before = self.store.revision().await.ok();
        }
    }
}
