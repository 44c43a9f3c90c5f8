//! How a provider is, and how much it was asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::provider::ProviderError;

/// How a provider is, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Its name.
    pub provider: String,
    /// The id of its present key, by its last word; none before it answered once.
    pub key_id: Option<String>,
    /// How long ago it last said that it is well; none if it never did.
    pub well_since: Option<Duration>,
    /// What went wrong at the last call, if that failed.
    pub trouble: Option<ProviderError>,
    /// How much it was asked.
    pub calls: Calls,
}

impl Health {
    /// Whether it answered the last call, and there was one.
    pub fn is_well(&self) -> bool {
        self.trouble.is_none() && self.well_since.is_some()
    }
}

/// Numbers since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Data keys that it was asked to wrap.
    pub wraps: u64,
    /// Data keys that it was asked to unwrap.
    pub unwraps: u64,
    /// Data keys (and lately failed attempts at them) that were remembered instead.
    pub cache_hits: u64,
    /// Calls that failed, those for its status among them.
    pub failures: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) wraps: AtomicU64,
    pub(super) unwraps: AtomicU64,
    pub(super) cache_hits: AtomicU64,
    failures: AtomicU64,
}

/// What is written down of a provider.
#[derive(Default)]
pub(super) struct Record {
    pub(super) calls: Counters,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    status: Option<(String, Instant)>,
    trouble: Option<ProviderError>,
}

impl Record {
    /// Notes a call that wrapped or unwrapped. That a single key is refused says nothing of the provider's health.
    pub(super) fn called(
        &self,
        count: impl Fn(&Counters) -> &AtomicU64,
        outcome: Result<(), &ProviderError>,
    ) {
        count(&self.calls).fetch_add(1, Ordering::Relaxed);
        match outcome {
            Ok(()) => self.last.lock().trouble = None,
            Err(error) => {
                self.calls.failures.fetch_add(1, Ordering::Relaxed);
                if !matches!(error, ProviderError::Refused(_)) {
                    self.last.lock().trouble = Some(error.clone());
                }
            }
        }
    }

    /// Notes what it said of itself.
    pub(super) fn status(&self, status: &Result<String, ProviderError>) {
        let mut last = self.last.lock();
        match status {
            Ok(key_id) => {
                last.status = Some((key_id.clone(), Instant::now()));
                last.trouble = None;
            }
            Err(error) => {
                self.calls.failures.fetch_add(1, Ordering::Relaxed);
                last.trouble = Some(error.clone());
            }
        }
    }

    /// The id of its present key, if its word is not older than this.
    pub(super) fn key_id(&self, at_most: Duration) -> Option<String> {
        let last = self.last.lock();
        last.status.as_ref().filter(|(_, at)| at.elapsed() < at_most).map(|(key_id, _)| key_id.clone())
    }

    pub(super) fn last_key_id(&self) -> Option<String> {
        self.last.lock().status.as_ref().map(|(key_id, _)| key_id.clone())
    }

    pub(super) fn health(&self, provider: &str) -> Health {
        let last = self.last.lock();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Health {
            provider: provider.to_owned(),
            key_id: last.status.as_ref().map(|(key_id, _)| key_id.clone()),
            well_since: last.status.as_ref().map(|(_, at)| at.elapsed()),
            trouble: last.trouble.clone(),
            calls: Calls {
                wraps: read(&self.calls.wraps),
                unwraps: read(&self.calls.unwraps),
                cache_hits: read(&self.calls.cache_hits),
                failures: read(&self.calls.failures),
            },
        }
    }
}
