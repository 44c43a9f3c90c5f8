//! The loop of the parts that bring named things to what they should be.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use revision_store::{Entry, EventKind};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::changes::{Change, Changes};
use crate::status::ApiError;

/// How long a thing that could not be seen to is left alone, if nothing happens to it before.
const PAUSE: Duration = Duration::from_secs(5);
/// How many things are seen to at once.
const AT_ONCE: usize = 16;

/// A part of the server that brings named things to what they should be.
pub(super) trait Reconciler: Send + Sync {
    /// What names a thing.
    type Key: Ord + Clone + Debug + Send + Sync;

    /// Nothing that was learnt counts any more: what is there is told anew.
    fn forget(&mut self);

    /// Learns that an entry is there, or, if `gone`, that it has just been deleted. Returns what is due therefore.
    fn learn(&mut self, entry: &Entry, gone: bool) -> Vec<Self::Key>;

    /// Sees to one thing as it is in the store now, which may be otherwise than was learnt.
    fn reconcile(&self, key: &Self::Key) -> impl Future<Output = Result<(), ApiError>> + Send;
}

/// Follows the changes until it is cancelled. What fails is tried again.
pub(super) async fn follow<R: Reconciler>(mut part: R, changes: Changes, stop: CancellationToken) {
    let mut queue = Queue { changes, due: BTreeSet::new(), failed: BTreeSet::new(), again: None };
    let follow = async {
        loop {
            queue.wait(&mut part).await;
            queue.see_to_due(&part).await;
        }
    };
    stop.run_until_cancelled(follow).await;
}

struct Queue<K> {
    changes: Changes,
    due: BTreeSet<K>,
    failed: BTreeSet<K>,
    /// When those that failed are due again.
    again: Option<Instant>,
}

impl<K: Ord + Clone + Debug> Queue<K> {
    /// Returns when something may be due, after everything that is known by then has been taken in.
    async fn wait(&mut self, part: &mut impl Reconciler<Key = K>) {
        match self.changes.next_before(self.again).await {
            Some(change) => self.take_in(change, part),
            None => {
                self.again = None;
                self.due.append(&mut self.failed);
            }
        }
        while let Some(change) = self.changes.next_now() {
            self.take_in(change, part);
        }
    }

    fn take_in(&mut self, change: Change, part: &mut impl Reconciler<Key = K>) {
        match change {
            Change::Begin => {
                part.forget();
                self.due.clear();
                self.failed.clear();
            }
            Change::Found(entry) => self.due.extend(part.learn(&entry, false)),
            Change::Loaded => {}
            Change::Event(event) => {
                self.due.extend(part.learn(&event.entry, event.kind == EventKind::Delete));
            }
        }
    }

    async fn see_to_due<R: Reconciler<Key = K>>(&mut self, part: &R) {
        let due = std::mem::take(&mut self.due);
        let mut done = stream::iter(due)
            .map(|key| async move { (part.reconcile(&key).await, key) })
            .buffer_unordered(AT_ONCE);
        while let Some((done, key)) = done.next().await {
            if let Err(error) = done {
                tracing::warn!(part = std::any::type_name::<R>(), ?key, %error, "tried again later");
                self.failed.insert(key);
                self.again = Some(Instant::now() + PAUSE);
            }
        }
    }
}
