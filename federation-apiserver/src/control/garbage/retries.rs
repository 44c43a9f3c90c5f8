//! What is tried again, and when.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(300);

/// Objects that wait, each twice as long as the last time.
#[derive(Default)]
pub(super) struct Retries {
    waiting: BTreeSet<(Instant, String)>,
    failures: HashMap<String, u32>,
}

impl Retries {
    /// Something failed, once more.
    pub(super) fn again(&mut self, uid: String) {
        let failures = self.failures.entry(uid.clone()).or_default();
        let pause = FIRST.saturating_mul(1 << (*failures).min(20)).min(LONGEST);
        *failures += 1;
        self.waiting.insert((Instant::now() + pause, uid));
    }

    /// Something succeeded, or is gone.
    pub(super) fn forget(&mut self, uid: &str) {
        if self.failures.remove(uid).is_some() {
            self.waiting.retain(|(_, waiting)| waiting != uid);
        }
    }

    /// Everything that waits, at once.
    pub(super) fn take_waiting(&mut self) -> impl Iterator<Item = String> + use<> {
        std::mem::take(&mut self.waiting).into_iter().map(|(_, uid)| uid)
    }

    /// The next one whose time has come. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> String {
        let Some((at, _)) = self.waiting.first() else { return std::future::pending().await };
        sleep_until(*at).await;
        match self.waiting.pop_first() {
            Some((_, uid)) => uid,
            None => std::future::pending().await,
        }
    }
}
