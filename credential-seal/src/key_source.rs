//! A provider with memory: data keys to seal with and to open with, at few calls.

mod cache;
mod health;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use self::cache::Cache;
use self::health::Record;
pub use self::health::{Calls, Health};
use crate::data_key::{DATA_KEY_LENGTH, DataKey};
use crate::provider::{KeyProvider, ProviderError, WrappedKey};

/// What a [`KeySource`] may remember, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Values sealed with one data key, at most (default 2^20). Each has a key of its own that is derived from it, so
    /// this bounds only how much one leaked data key opens.
    pub seals_per_key: u64,
    /// How long a data key seals (default 24 h).
    pub seal_for: Duration,
    /// How long an unwrapped data key is kept to open with (default 24 h, kube-apiserver's). This is how long the
    /// provider may be away before what is sealed cannot be opened any more.
    pub open_for: Duration,
    /// Unwrapped data keys kept at once, at most (default 1,000).
    pub keys: usize,
    /// How old the provider's word on its present key may be when something is sealed, before it is asked again (default
    /// 1 min, kube-apiserver's).
    pub status_every: Duration,
    /// How old it may be when the provider does not answer (default 3 min, kube-apiserver's). Then nothing is sealed.
    pub status_at_most: Duration,
    /// Whether each new data key is unwrapped once before it seals anything (default). A provider that wraps to garbage
    /// would otherwise be noticed when what it sealed is needed. It costs a call per data key.
    pub verify: bool,
    /// How long a failure is the answer to the same question before the provider is asked again (default 5 s).
    pub retry_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            seals_per_key: 1 << 20,
            seal_for: Duration::from_secs(24 * 60 * 60),
            open_for: Duration::from_secs(24 * 60 * 60),
            keys: 1000,
            status_every: Duration::from_secs(60),
            status_at_most: Duration::from_secs(180),
            verify: true,
            retry_after: Duration::from_secs(5),
        }
    }
}

/// A data key with its wrapped form, for one seal.
#[derive(Clone, Debug)]
pub struct SealingKey {
    /// The data key.
    pub key: Arc<DataKey>,
    /// The same, wrapped, to be stored with what it seals.
    pub wrapped: Arc<WrappedKey>,
}

/// A provider, and the data keys that it wrapped or unwrapped lately.
pub struct KeySource {
    provider: Arc<dyn KeyProvider>,
    limits: Limits,
    sealing: Mutex<Option<Sealing>>,
    opened: Cache,
    record: Record,
}

/// The data key that seals now.
struct Sealing {
    key: SealingKey,
    since: Instant,
    seals: u64,
    /// What the provider said of its present key when the data key was wrapped. While it changes keys, it may wrap with
    /// another than it says.
    under: String,
}

impl KeySource {
    /// A provider with an empty memory.
    pub fn new(provider: Arc<dyn KeyProvider>, limits: Limits) -> Self {
        Self {
            opened: Cache::new(limits.keys),
            provider,
            limits,
            sealing: Mutex::new(None),
            record: Record::default(),
        }
    }

    /// The provider's name.
    pub fn name(&self) -> &str {
        self.provider.name()
    }

    /// A data key to seal one value with. A new one is made when the provider has changed its key, or a limit is reached.
    ///
    /// # Errors
    /// The provider did not answer for longer than the limit, or cannot wrap.
    pub async fn to_seal(&self) -> Result<SealingKey, ProviderError> {
        let mut sealing = self.sealing.lock().await;
        let present = match self.record.key_id(self.limits.status_every) {
            Some(key_id) => key_id,
            None => match self.check().await {
                Ok(key_id) => key_id,
                Err(error) => self.record.key_id(self.limits.status_at_most).ok_or(error)?,
            },
        };
        if let Some(now) = sealing.as_mut().filter(|now| self.seals_still(now, &present)) {
            now.seals += 1;
            return Ok(now.key.clone());
        }
        let key = DataKey::generate().map_err(|error| ProviderError::Away(error.to_string()))?;
        let wrapped = self.provider.wrap(key.secret()).await;
        self.record.called(|calls| &calls.wraps, wrapped.as_ref().map(|_| ()));
        let key = SealingKey { key: Arc::new(key), wrapped: Arc::new(wrapped?) };
        if self.limits.verify {
            let unwrapped = self.provider.unwrap_key(&key.wrapped).await;
            self.record.called(|calls| &calls.unwraps, unwrapped.as_ref().map(|_| ()));
            if unwrapped? != *key.key.secret() {
                return Err(ProviderError::Nonsense("another key than the one it wrapped".to_owned()));
            }
        }
        let now = Instant::now();
        self.opened.insert(&key.wrapped, Arc::clone(&key.key), now + self.limits.open_for);
        *sealing = Some(Sealing { key: key.clone(), since: now, seals: 1, under: present });
        Ok(key)
    }

    fn seals_still(&self, sealing: &Sealing, present: &str) -> bool {
        let age = sealing.since.elapsed();
        let wrapped_by = &sealing.key.wrapped.key_id;
        let of_present_key =
            wrapped_by == present || (sealing.under == present && age < self.limits.status_every);
        of_present_key && sealing.seals < self.limits.seals_per_key && age < self.limits.seal_for
    }

    /// The data key that was wrapped. Whoever asks for the same key at once shares one call of the provider.
    ///
    /// # Errors
    /// It is not remembered, and the provider did not unwrap it.
    pub async fn to_open(&self, wrapped: &WrappedKey) -> Result<Arc<DataKey>, ProviderError> {
        let slot = self.opened.slot(wrapped);
        let mut slot = slot.lock().await;
        if let Some(known) = slot.known() {
            self.record.calls.cache_hits.fetch_add(1, Ordering::Relaxed);
            return known;
        }
        let unwrapped = self.provider.unwrap_key(wrapped).await.and_then(|bytes| {
            let length = bytes.len();
            DataKey::new(bytes).map(Arc::new).ok_or_else(|| {
                ProviderError::Nonsense(format!("a data key of {length} bytes; it has {DATA_KEY_LENGTH}"))
            })
        });
        self.record.called(|calls| &calls.unwraps, unwrapped.as_ref().map(|_| ()));
        let lasting = if unwrapped.is_ok() { self.limits.open_for } else { self.limits.retry_after };
        slot.set(unwrapped.clone(), Instant::now() + lasting);
        unwrapped
    }

    /// Notes whether a data key that was unwrapped opened a value that was sealed with it. A provider may have answered
    /// garbage, which is no reason to take that for the key as long as keys are remembered; a key that has opened
    /// anything is not doubted for a value that somebody changed.
    pub async fn note_opening(&self, wrapped: &WrappedKey, well: bool) {
        let slot = self.opened.slot(wrapped);
        let mut slot = slot.lock().await;
        if well {
            slot.prove();
        } else {
            slot.doubt(Instant::now() + self.limits.retry_after);
        }
    }

    /// Asks the provider how it is. Embedders do so now and then, so that health and staleness are known.
    ///
    /// # Errors
    /// It is not well.
    pub async fn check(&self) -> Result<String, ProviderError> {
        let status = self.provider.status().await;
        self.record.status(&status);
        status
    }

    /// Whether what was wrapped with this key is to be sealed anew, as the provider has another now. Unknown is no.
    pub fn is_stale(&self, key_id: &str) -> bool {
        self.record.last_key_id().is_some_and(|present| present != key_id)
    }

    /// How the provider is, as far as it is known without asking.
    pub fn health(&self) -> Health {
        self.record.health(self.name())
    }
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("KeySource").field("name", &self.name()).finish_non_exhaustive()
    }
}
