//! When which object has its outcome.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

#[derive(Default)]
pub(super) struct Timers {
    order: BTreeSet<(Instant, String)>,
    set: HashMap<String, (Instant, i64)>,
}

impl Timers {
    /// Starts an object's time; if it runs for this generation already, it goes on.
    pub(super) fn set(&mut self, key: String, generation: i64, delay: Duration) {
        if self.set.get(&key).is_some_and(|(_, running)| *running == generation) {
            return;
        }
        self.forget(&key);
        let at = Instant::now() + delay;
        self.order.insert((at, key.clone()));
        self.set.insert(key, (at, generation));
    }

    /// Stops an object's time.
    pub(super) fn forget(&mut self, key: &str) {
        if let Some((at, _)) = self.set.remove(key) {
            self.order.remove(&(at, key.to_owned()));
        }
    }

    /// The next object whose time has come, and the generation. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> (String, i64) {
        let Some((at, _)) = self.order.first() else { return std::future::pending().await };
        sleep_until(*at).await;
        let due = self.order.pop_first().and_then(|(_, key)| {
            let (_, generation) = self.set.remove(&key)?;
            Some((key, generation))
        });
        match due {
            Some(due) => due,
            None => std::future::pending().await,
        }
    }
}
