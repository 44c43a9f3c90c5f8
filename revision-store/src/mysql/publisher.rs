//! Makes known what has been written, whoever wrote it, in the order of revisions.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::queries::Extent;
use crate::{Event, Revision, hub::Hub, leases::Leases};

/// How many commits may be known here before what lies between them and what was published; more are read again.
const AHEAD: usize = 64;

/// What is between those who write or read the table and those who watch.
pub(super) struct Publisher {
    pub(super) hub: Arc<Hub>,
    state: Mutex<State>,
    reached: watch::Sender<Revision>,
    /// Up to here everything is durable. A database may show a write a moment before it is: what was told of such a
    /// write would be false if the database died in that moment.
    durable: AtomicU64,
    /// Up to here this store's own writer is committing: it will say itself when that is durable.
    committing: AtomicU64,
    /// The oldest revision that can be read, as far as it is known here.
    oldest: AtomicU64,
    /// Told when the table should be read soon.
    wanted: Notify,
    /// Told when the earliest deadline may have changed.
    deadlines: Notify,
}

struct State {
    leases: Leases,
    /// Commits of this store behind revisions that are not known yet, by the revision before each.
    ahead: BTreeMap<Revision, Vec<Arc<Event>>>,
}

impl Publisher {
    pub(super) fn new(newest: Revision, oldest: Revision) -> Self {
        Self {
            hub: Arc::new(Hub::new(newest)),
            state: Mutex::new(State { leases: Leases::default(), ahead: BTreeMap::new() }),
            reached: watch::Sender::new(newest),
            durable: AtomicU64::new(newest),
            committing: AtomicU64::new(0),
            oldest: AtomicU64::new(oldest),
            wanted: Notify::new(),
            deadlines: Notify::new(),
        }
    }

    /// Up to here everything is durable.
    pub(super) fn durable(&self) -> Revision {
        self.durable.load(Ordering::Acquire)
    }

    /// Everything up to this revision is durable.
    pub(super) fn is_durable(&self, upto: Revision) {
        self.durable.fetch_max(upto, Ordering::AcqRel);
    }

    /// This store's own writer commits everything up to this revision, and says so when it is durable; 0: it does not
    /// any more, or does not know.
    pub(super) fn commits(&self, upto: Revision) {
        self.committing.store(upto, Ordering::Release);
    }

    /// Up to here it is committing.
    pub(super) fn committing(&self) -> Revision {
        self.committing.load(Ordering::Acquire)
    }

    /// The oldest revision that can be read, as far as it is known here.
    pub(super) fn oldest(&self) -> Revision {
        self.oldest.load(Ordering::Acquire)
    }

    /// Notes how far others have compacted.
    pub(super) fn learn(&self, extent: Extent) {
        self.oldest.fetch_max(extent.oldest, Ordering::AcqRel);
    }

    /// What this store has committed, all of it behind the revision `after`. What lies before and is not known yet comes
    /// first, by a read of the table.
    pub(super) fn committed(&self, after: Revision, events: Vec<Arc<Event>>) {
        let Some(last) = events.last().map(|event| event.revision()) else { return };
        self.is_durable(last);
        let mut state = self.state.lock();
        if after <= self.hub.revision() {
            self.publish(&mut state, events, last);
        } else {
            if state.ahead.len() < AHEAD {
                state.ahead.insert(after, events);
            }
            self.wanted.notify_one();
        }
    }

    /// What a read of the table found: everything up to `upto`.
    pub(super) fn read(&self, events: Vec<Arc<Event>>, upto: Revision) {
        self.publish(&mut self.state.lock(), events, upto);
    }

    fn publish(&self, state: &mut State, events: Vec<Arc<Event>>, upto: Revision) {
        let (mut events, mut upto) = (events, upto);
        loop {
            let published = self.hub.revision();
            events.retain(|event| event.revision() > published);
            let now = Instant::now();
            for Event { entry, .. } in events.iter().map(|event| &**event) {
                state.leases.written(&entry.key, entry.mod_revision, entry.lease, now);
            }
            if events.iter().any(|event| event.entry.lease > 0) {
                self.deadlines.notify_one();
            }
            self.hub.publish(events, upto);
            let published = self.hub.revision();
            let Some(next) = state.ahead.first_entry().filter(|next| *next.key() <= published) else { break };
            events = next.remove();
            upto = events.last().map_or(published, |event| event.revision());
        }
        self.reached.send_replace(self.hub.revision());
    }

    /// Goes on behind history that was compacted before it was read: whoever watches finds that out by himself.
    pub(super) fn jump(&self, to: Revision) {
        let mut state = self.state.lock();
        self.is_durable(to);
        self.hub.jump(to);
        self.publish(&mut state, Vec::new(), to);
    }

    /// Waits until everything up to a revision has been published.
    pub(super) async fn reached(&self, revision: Revision) {
        if self.hub.revision() < revision {
            self.wanted.notify_one();
            let mut reached = self.reached.subscribe();
            // The sender lives as long as this.
            let _reached = reached.wait_for(|reached| *reached >= revision).await;
        }
    }

    /// Waits until the table should be read soon.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Waits until the earliest deadline may have changed.
    pub(super) async fn deadlines(&self) {
        self.deadlines.notified().await;
    }

    /// Works with the leases.
    pub(super) fn leases<T>(&self, work: impl FnOnce(&mut Leases) -> T) -> T {
        work(&mut self.state.lock().leases)
    }
}
