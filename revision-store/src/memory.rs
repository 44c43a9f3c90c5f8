//! A store in memory.

mod expiry;
mod versions;

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};
use versions::Versions;

use crate::{
    Event, Got, Page, Range, Revision, Store, StoreError, Watch, Write, WriteError, Written,
    history::{History, Stretch},
    hub::Hub,
    leases::Leases,
    limits,
};

/// How many events a watch that is behind reads at one go.
const STRETCH: usize = 512;

/// A store that is gone when its last handle is dropped. Leases count in tokio's time, so they pass quickly where a
/// test pauses it.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    /// Never held over an await: nothing under it waits.
    state: Mutex<State>,
    hub: Arc<Hub>,
    /// Told when the earliest deadline may have changed.
    deadlines: Arc<Notify>,
}

struct State {
    versions: Versions,
    leases: Leases,
    /// Whether a task ends keys; there is none until a key has a lease.
    expiring: bool,
    closed: bool,
}

impl MemoryStore {
    /// An empty store. It is at revision 1, as an empty etcd is, so that even an empty list has a revision.
    pub fn new() -> Self {
        let versions = Versions::new();
        let hub = Arc::new(Hub::new(versions.revision()));
        let state = State { versions, leases: Leases::default(), expiring: false, closed: false };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), hub, deadlines: Arc::default() }) }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("MemoryStore")
            .field("revision", &self.shared.hub.revision())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn write(self: &Arc<Self>, write: Write) -> Result<Written, WriteError> {
        limits::check(&write)?;
        let mut state = self.state.lock();
        if state.closed {
            return Err(StoreError::Closed.into());
        }
        let event = Arc::new(state.versions.write(write)?);
        let (revision, lease) = (event.revision(), event.entry.lease);
        state.leases.written(&event.entry.key, revision, lease, Instant::now());
        // Under the lock, so that events are published in the order of their revisions.
        self.hub.publish([event], revision);
        if lease > 0 {
            if !std::mem::replace(&mut state.expiring, true) {
                tokio::spawn(expiry::run(Arc::downgrade(self), Arc::clone(&self.deadlines)));
            }
            self.deadlines.notify_one();
        }
        Ok(Written { revision })
    }

    fn read<T>(&self, read: impl FnOnce(&Versions) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let state = self.state.lock();
        if state.closed { Err(StoreError::Closed) } else { read(&state.versions) }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn write(&self, write: Write) -> Result<Written, WriteError> {
        self.shared.write(write)
    }

    async fn get(&self, key: &str, at: Option<Revision>) -> Result<Got, StoreError> {
        self.shared.read(|versions| versions.get(key, at))
    }

    async fn list(&self, range: Range) -> Result<Page, StoreError> {
        self.shared.read(|versions| versions.list(&range))
    }

    async fn count(&self, prefix: &str) -> Result<u64, StoreError> {
        self.shared.read(|versions| Ok(versions.count(prefix)))
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch, StoreError> {
        let history = Arc::clone(&self.shared) as Arc<dyn History>;
        self.shared.read(|versions| {
            versions.check_watch(after)?;
            Watch::begin(&self.shared.hub, history, prefix, after)
        })
    }

    async fn compact(&self, to: Revision) -> Result<Revision, StoreError> {
        let mut state = self.shared.state.lock();
        if state.closed { Err(StoreError::Closed) } else { state.versions.compact(to) }
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.shared.read(|versions| Ok(versions.revision()))
    }

    async fn close(&self) {
        self.shared.state.lock().closed = true;
        self.shared.hub.close();
        self.shared.deadlines.notify_one();
    }
}

#[async_trait]
impl History for Shared {
    async fn stretch(&self, prefix: &str, after: Revision, upto: Revision) -> Result<Stretch, StoreError> {
        self.read(|versions| {
            versions.check_watch(after)?;
            let mut reached = upto;
            let mut events: Vec<Arc<Event>> = Vec::new();
            for event in versions.events(after, upto) {
                if event.entry.key.starts_with(prefix) {
                    events.push(Arc::clone(event));
                    if events.len() == STRETCH {
                        reached = event.revision();
                        break;
                    }
                }
            }
            Ok(Stretch { events, reached })
        })
    }
}
