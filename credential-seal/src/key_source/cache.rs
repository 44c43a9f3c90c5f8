//! Data keys that were unwrapped, bounded in number and in time.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::data_key::DataKey;
use crate::provider::{ProviderError, WrappedKey};

/// What is known of one wrapped key. Whoever asks the provider holds the lock meanwhile; the others wait for the answer.
#[derive(Default)]
pub(super) struct Slot {
    known: Option<(Result<Arc<DataKey>, ProviderError>, Instant)>,
    /// Whether the key has opened something: it is no garbage.
    proved: bool,
}

impl Slot {
    /// The key or the last failure, while it holds.
    pub(super) fn known(&self) -> Option<Result<Arc<DataKey>, ProviderError>> {
        self.known.as_ref().filter(|(_, until)| Instant::now() < *until).map(|(known, _)| known.clone())
    }

    pub(super) fn set(&mut self, outcome: Result<Arc<DataKey>, ProviderError>, until: Instant) {
        *self = Self { known: Some((outcome, until)), proved: false };
    }

    /// The key has opened something.
    pub(super) fn prove(&mut self) {
        self.proved = true;
    }

    /// The key has not opened something. One that never opened anything may be garbage, and is asked for anew then.
    pub(super) fn doubt(&mut self, until: Instant) {
        if let Some((_, known_until)) = self.known.as_mut().filter(|_| !self.proved) {
            *known_until = until.min(*known_until);
        }
    }
}

type Shared = Arc<tokio::sync::Mutex<Slot>>;

pub(super) struct Cache {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// With each slot, when it was made, as a number that grows.
    slots: HashMap<WrappedKey, (u64, Shared)>,
    made: u64,
}

impl Cache {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), state: Mutex::default() }
    }

    /// The slot of a wrapped key. Where there is no room for one more, the oldest goes.
    pub(super) fn slot(&self, wrapped: &WrappedKey) -> Shared {
        let state = &mut *self.state.lock();
        if let Some((_, slot)) = state.slots.get(wrapped) {
            return Arc::clone(slot);
        }
        if state.slots.len() >= self.most {
            let oldest = state.slots.iter().min_by_key(|(_, (made, _))| *made).map(|(key, _)| key.clone());
            oldest.and_then(|key| state.slots.remove(&key));
        }
        state.made += 1;
        let slot = Shared::default();
        state.slots.insert(wrapped.clone(), (state.made, Arc::clone(&slot)));
        slot
    }

    /// Remembers a key that is known because it was made here.
    pub(super) fn insert(&self, wrapped: &WrappedKey, key: Arc<DataKey>, until: Instant) {
        // Nobody else can have asked for a key that was made just now.
        if let Ok(mut slot) = self.slot(wrapped).try_lock() {
            slot.set(Ok(key), until);
            slot.prove();
        }
    }
}
