//! Objects whose owners are gone go too ("Garbage Collection"; the rules are kube-controller-manager's).
//!
//! * In the *background*: an object none of whose owners is there is deleted; references to owners that are not there
//!   are removed from objects that have another.
//! * In the *foreground*: an owner that is to go stays, with the finalizer `foregroundDeletion`, until no dependent that
//!   blocks its deletion is left.
//! * *Orphaned*: the references to an owner that is to go are removed from its dependents, then its finalizer `orphan`.
//!
//! What the watch has told is only the reason to look. Before anything is deleted, the object and all its owners are
//! read from the store, and the deletion holds only for what was read. Owners of kinds that are not served are believed
//! to be there.

mod graph;
mod job;
mod metadata;
mod retries;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use revision_store::{Entry, EventKind};
use tokio_util::sync::CancellationToken;

use super::changes::{Change, Changes};
use super::hand::Hand;
use super::stored::Stored;
use crate::rest::Rest;
use graph::Graph;
use job::NotYet;
use metadata::Metadata;
use retries::Retries;

/// How many objects are looked at at once; as many as kube-controller-manager's workers.
const AT_ONCE: usize = 20;
/// Events have no dependents, and there are many of them.
const IGNORED: &str = "/registry/events/";

/// Collects garbage.
pub struct GarbageCollector {
    hand: Hand,
    changes: Changes,
    stored: Arc<Stored>,
    graph: Graph,
    /// Whether the graph has everything.
    loaded: bool,
    /// Objects to look at, by uid.
    due: BTreeSet<String>,
    /// Objects that are being looked at.
    running: HashSet<String>,
    retries: Retries,
}

type Running = FuturesUnordered<BoxFuture<'static, (String, Result<(), NotYet>)>>;

impl GarbageCollector {
    /// Nothing is known yet.
    pub fn new(rest: Arc<Rest>) -> Self {
        Self {
            changes: Changes::new(Arc::clone(rest.store()), ["/registry/"]),
            stored: Arc::new(Stored::of(rest.catalog())),
            hand: Hand::new(rest, "generic-garbage-collector"),
            graph: Graph::default(),
            loaded: false,
            due: BTreeSet::new(),
            running: HashSet::new(),
            retries: Retries::default(),
        }
    }

    /// Follows the store until it is cancelled.
    pub async fn run(mut self, stop: CancellationToken) {
        let follow = async {
            let mut running = Running::new();
            loop {
                tokio::select! {
                    change = self.changes.next() => self.learn(change),
                    Some((uid, outcome)) = running.next() => self.looked_at(uid, outcome),
                    uid = self.retries.next() => {
                        self.due.insert(uid);
                    }
                }
                self.start_due(&running);
            }
        };
        stop.run_until_cancelled(follow).await;
    }

    fn learn(&mut self, change: Change) {
        match change {
            Change::Begin => {
                self.graph = Graph::default();
                self.loaded = false;
                self.due.clear();
                self.retries = Retries::default();
            }
            Change::Found(entry) => {
                if let Some(metadata) = read(&entry) {
                    self.graph.found(entry.key, metadata);
                }
            }
            Change::Loaded => {
                self.due.extend(self.graph.loaded());
                self.loaded = true;
            }
            Change::Event(event) => {
                let Some(metadata) = read(&event.entry) else { return };
                self.due.extend(match event.kind {
                    EventKind::Put => self.graph.put(event.entry.key, metadata),
                    EventKind::Delete => {
                        self.retries.forget(&metadata.uid);
                        self.graph.remove(&metadata.uid)
                    }
                });
            }
        }
    }

    fn looked_at(&mut self, uid: String, outcome: Result<(), NotYet>) {
        self.running.remove(&uid);
        match outcome {
            Ok(()) => self.retries.forget(&uid),
            Err(why) => {
                tracing::debug!(uid, %why, "an object cannot be collected yet");
                self.retries.again(uid);
            }
        }
    }

    fn start_due(&mut self, running: &Running) {
        if !self.loaded {
            return;
        }
        if !self.stored.is_current(self.hand.rest().catalog()) {
            self.stored = Arc::new(Stored::of(self.hand.rest().catalog()));
            // A kind that was waited for may be there.
            self.due.extend(self.retries.take_waiting());
        }
        // What is due again while it is being looked at waits for the end of that.
        let free = AT_ONCE.saturating_sub(self.running.len());
        let next: Vec<String> =
            self.due.iter().filter(|uid| !self.running.contains(*uid)).take(free).cloned().collect();
        for uid in next {
            self.due.remove(&uid);
            let Some(job) = self.graph.job(&uid) else { continue };
            self.running.insert(uid.clone());
            let (hand, stored) = (self.hand.clone(), Arc::clone(&self.stored));
            running.push(Box::pin(async move {
                let outcome = job.run(&hand, &stored, &uid).await;
                (uid, outcome)
            }));
        }
    }
}

fn read(entry: &Entry) -> Option<Metadata> {
    if entry.key.starts_with(IGNORED) {
        return None;
    }
    Metadata::read(&entry.value)
}
