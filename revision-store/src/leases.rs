//! When keys that do not live for ever end.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::Revision;

/// The deadlines of all keys that have a lease, by a clock that only goes forward: a wall clock that jumps changes
/// nothing.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    by_key: HashMap<Arc<str>, (Instant, Revision)>,
    order: BTreeSet<(Instant, Arc<str>)>,
}

impl Leases {
    /// Notes what a write means: a key written with a lease counts from now, any other has no deadline.
    pub(crate) fn written(&mut self, key: &str, revision: Revision, lease: u32, now: Instant) {
        self.forget(key);
        if lease > 0 {
            let (key, end): (Arc<str>, Instant) = (key.into(), now + Duration::from_secs(lease.into()));
            self.order.insert((end, Arc::clone(&key)));
            self.by_key.insert(key, (end, revision));
        }
    }

    /// Notes a key found in an older database, unless it was written since.
    pub(crate) fn found(&mut self, key: &str, revision: Revision, lease: u32, now: Instant) {
        if !self.by_key.contains_key(key) {
            self.written(key, revision, lease, now);
        }
    }

    /// Notes that a key is gone.
    pub(crate) fn forget(&mut self, key: &str) {
        if let Some((key, (end, _))) = self.by_key.remove_entry(key) {
            self.order.remove(&(end, key));
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(end, _)| *end)
    }

    /// Up to `most` keys whose time has come, with the revision that has expired. They are forgotten.
    pub(crate) fn expired(&mut self, now: Instant, most: usize) -> Vec<(Arc<str>, Revision)> {
        let mut expired = Vec::new();
        while expired.len() < most
            && self.order.first().is_some_and(|(end, _)| *end <= now)
            && let Some((_, key)) = self.order.pop_first()
        {
            if let Some((_, revision)) = self.by_key.remove(&key) {
                expired.push((key, revision));
            }
        }
        expired
    }
}
