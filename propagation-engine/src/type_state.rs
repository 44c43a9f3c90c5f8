//! What the engine holds for one federated type: the host's objects, the members' objects, and what came of the work.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use federation_model::{FeatureGates, FederatedObject, ObjectKey};
use parking_lot::RwLock;
use tenancy::Labels;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::contest::Corrections;
use crate::entry::Entry;
use crate::federated_type::FederatedType;
use crate::observed::{Holders, ObservedCache};
use crate::outcome::Outcome;
use crate::plan::Recorded;
use crate::queue::WorkQueue;
use crate::registry::ServerId;
use crate::version_record::VersionRecord;

/// What the engine holds for one federated type.
#[derive(Debug)]
pub struct TypeState {
    /// The type.
    pub ty: FederatedType,
    /// Objects whose finalizer or status is to be looked at.
    pub queue: WorkQueue<ObjectKey>,
    /// Ends the type's tasks.
    pub stop: CancellationToken,
    entries: RwLock<Entries>,
    synced: AtomicBool,
    work: DashMap<ObjectKey, ObjectWork>,
    caches: DashMap<ServerId, Arc<ObservedCache>>,
    holders: Arc<Holders>,
}

/// The host's objects of a type.
#[derive(Debug, Default)]
struct Entries {
    here: HashMap<ObjectKey, Arc<Entry>>,
    elsewhere: HashMap<ObjectKey, Elsewhere>,
}

/// An object that another shard's engine acts on. It may hold many times what is kept of it.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// Its resource version, if that is a number.
    version: Option<u64>,
    /// Its own labels, as far as they say a scope.
    pub scope_labels: Labels,
}

/// What came of the work on one object.
#[derive(Debug, Default)]
pub struct ObjectWork {
    /// Per cluster.
    pub clusters: BTreeMap<String, ClusterWork>,
    /// API servers in whose lanes the object waits or is worked on.
    pending: BTreeSet<ServerId>,
    /// Since when there is any.
    pending_since: Option<Instant>,
    /// Failures in a row of writes to the host.
    pub host_failures: u32,
    /// The object's resource version after this engine's last write of its status.
    pub written: Option<String>,
    /// Its `PropagatedVersion` on the host, as far as is known; only with the gate `VersionsInStatus` off.
    pub version: Option<VersionRecord>,
}

/// What came of the work on one object in one cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterWork {
    /// Of the last plan.
    pub outcome: Option<Outcome>,
    /// What was last written.
    pub recorded: Option<Recorded>,
    /// Failures in a row.
    pub failures: u32,
    /// What was done about changes that others made there.
    pub corrections: Corrections,
}

impl ObjectWork {
    /// The object waits in an API server's lane.
    pub fn set_pending(&mut self, server: &ServerId) {
        if self.pending.is_empty() {
            self.pending_since = Some(Instant::now());
        }
        self.pending.insert(server.clone());
    }

    /// It does not wait there any more.
    pub fn clear_pending(&mut self, server: &ServerId) {
        self.pending.remove(server);
        if self.pending.is_empty() {
            self.pending_since = None;
        }
    }

    /// Whether it waits in no lane.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// How much of `grace` is left before the lanes that are still at work are waited for no longer; none when nothing
    /// is waited for.
    pub fn grace_left(&self, grace: Duration) -> Option<Duration> {
        grace.checked_sub(self.pending_since?.elapsed()).filter(|rest| !rest.is_zero())
    }
}

/// How a host object changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostChange {
    /// What is wanted may have changed.
    Wanted,
    /// Only the status did, or other bookkeeping.
    Bookkeeping,
    /// Nothing did: this state was known.
    None,
}

impl TypeState {
    /// Nothing is known yet.
    pub fn new(ty: FederatedType, stop: CancellationToken) -> Self {
        Self {
            ty,
            queue: WorkQueue::default(),
            stop,
            entries: RwLock::default(),
            synced: AtomicBool::new(false),
            work: DashMap::new(),
            caches: DashMap::new(),
            holders: Arc::default(),
        }
    }

    /// Whether the host's objects are completely known.
    pub fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Acquire)
    }

    /// The host's objects are completely known; those not in `listed` are gone, and are answered.
    pub fn set_synced(&self, listed: &BTreeSet<ObjectKey>) -> Vec<ObjectKey> {
        let gone: Vec<_> = {
            let mut entries = self.entries.write();
            let known = entries.here.keys().chain(entries.elsewhere.keys());
            let gone: Vec<_> = known.filter(|k| !listed.contains(*k)).cloned().collect();
            gone.iter().for_each(|key| entries.remove(key));
            gone
        };
        self.synced.store(true, Ordering::Release);
        gone
    }

    /// The object of a name, if it is here to be acted on.
    pub fn entry(&self, key: &ObjectKey) -> Option<Arc<Entry>> {
        self.entries.read().here.get(key).cloned()
    }

    /// What is kept of an object that another shard's engine acts on.
    pub fn elsewhere(&self, key: &ObjectKey) -> Option<Elsewhere> {
        self.entries.read().elsewhere.get(key).cloned()
    }

    /// Whether another shard's engine acts on an object.
    pub fn is_elsewhere(&self, key: &ObjectKey) -> bool {
        self.entries.read().elsewhere.contains_key(key)
    }

    /// Whether there is an object of a name, whoever acts on it.
    pub fn knows(&self, key: &ObjectKey) -> bool {
        let entries = self.entries.read();
        entries.here.contains_key(key) || entries.elsewhere.contains_key(key)
    }

    /// The names of all objects that are acted on here.
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.entries.read().here.keys().cloned().collect()
    }

    /// Those of a namespace.
    pub fn keys_in(&self, namespace: &str) -> Vec<ObjectKey> {
        in_namespace(&self.entries.read().here, namespace).map(|(key, _)| key.clone()).collect()
    }

    /// The objects of a namespace that other shards' engines act on.
    pub fn elsewhere_in(&self, namespace: &str) -> Vec<(ObjectKey, Elsewhere)> {
        let entries = self.entries.read();
        in_namespace(&entries.elsewhere, namespace).map(|(key, kept)| (key.clone(), kept.clone())).collect()
    }

    /// An object is in this state on the host.
    pub fn apply(&self, object: FederatedObject, gates: &FeatureGates) -> (ObjectKey, HostChange) {
        let key = ObjectKey::of(&object.metadata);
        let current = self.entry(&key);
        if current.as_ref().is_some_and(|c| !is_after(&object, &c.object))
            || self.elsewhere(&key).is_some_and(|kept| kept.version > version(&object))
        {
            return (key, HostChange::None);
        }
        let change = match &current {
            Some(c) if !wants_differ(&c.object, &object) => HostChange::Bookkeeping,
            _ => HostChange::Wanted,
        };
        let first = current.is_none();
        let entry = match current {
            Some(current) if change == HostChange::Bookkeeping => current.with_bookkeeping_of(object),
            _ => Entry::new(object, gates),
        };
        if first {
            self.load_records(&entry);
        }
        let mut entries = self.entries.write();
        entries.elsewhere.remove(&key);
        entries.here.insert(key.clone(), entry);
        (key, change)
    }

    /// An object is in this state on the host, and another shard's engine acts on it: no more than its name is kept.
    /// Answers that, and whether all of it was known before.
    pub fn apply_elsewhere(&self, object: &FederatedObject, scope_labels: Labels) -> (ObjectKey, bool) {
        let key = ObjectKey::of(&object.metadata);
        let was_here = {
            let mut entries = self.entries.write();
            if entries.here.get(&key).is_some_and(|current| !is_after(object, &current.object)) {
                return (key, false);
            }
            entries.elsewhere.insert(key.clone(), Elsewhere { version: version(object), scope_labels });
            entries.here.remove(&key).is_some()
        };
        if was_here {
            self.work.remove(&key);
        }
        (key, was_here)
    }

    /// From now on, another shard's engine acts on an object.
    pub fn leave(&self, entry: &Entry, scope_labels: Labels) {
        {
            let mut entries = self.entries.write();
            let Some(last) = entries.here.remove(&entry.key) else { return };
            let version = version(&last.object);
            entries.elsewhere.insert(entry.key.clone(), Elsewhere { version, scope_labels });
        }
        self.work.remove(&entry.key);
    }

    /// An object is gone from the host.
    pub fn remove(&self, key: &ObjectKey) {
        self.entries.write().remove(key);
    }

    /// Takes over what an earlier run recorded: in the object's status, or else in its `PropagatedVersion`.
    fn load_records(&self, entry: &Entry) {
        let mut work = self.work.entry(entry.key.clone()).or_default();
        let in_status = entry.object.status.iter().flat_map(|s| &s.clusters).filter_map(|cluster| {
            let (revision, version) = (cluster.revision.clone()?, cluster.version.clone()?);
            Some((cluster.name.clone(), Recorded { revision, version, ..Recorded::default() }))
        });
        let in_version = work.version.iter().flat_map(|version| version.recorded(entry));
        for (cluster, recorded) in in_status.chain(in_version).collect::<Vec<_>>() {
            work.clusters.entry(cluster).or_default().recorded.get_or_insert(recorded);
        }
    }

    /// Takes over the `PropagatedVersion`s that are on the host, before its objects are known.
    pub fn load_versions(&self, records: Vec<VersionRecord>) {
        for record in records {
            if let Some(key) = record.origin(&self.ty) {
                self.with_work(&key, |work| work.version = Some(record));
            }
        }
    }

    /// The names of objects that are gone while their `PropagatedVersion` is left.
    pub fn orphaned_versions(&self) -> Vec<ObjectKey> {
        let left = |key: &ObjectKey| !self.knows(key);
        let with_version = self.work.iter().filter(|work| work.version.is_some());
        with_version.map(|work| work.key().clone()).filter(left).collect()
    }

    /// The cache of an API server's objects.
    pub fn cache(&self, server: &ServerId) -> Arc<ObservedCache> {
        if let Some(cache) = self.caches.get(server) {
            return cache.clone();
        }
        let new = || Arc::new(ObservedCache::new(server.clone(), self.holders.clone()));
        self.caches.entry(server.clone()).or_insert_with(new).clone()
    }

    /// The API servers that hold a managed object of a name.
    pub fn holders(&self, target: &ObjectKey) -> Vec<ServerId> {
        self.holders.of(target)
    }

    /// Forgets an API server's objects.
    pub fn drop_cache(&self, server: &ServerId) {
        if let Some((_, cache)) = self.caches.remove(server) {
            cache.clear();
        }
    }

    /// Looks at, or changes, what came of the work on an object. The closure must not wait.
    pub fn with_work<R>(&self, key: &ObjectKey, f: impl FnOnce(&mut ObjectWork) -> R) -> R {
        f(&mut self.work.entry(key.clone()).or_default())
    }

    /// What was done about changes that others made to an object in a cluster.
    pub fn corrections(&self, key: &ObjectKey, cluster: &str) -> Corrections {
        let of = |work: &ObjectWork| work.clusters.get(cluster).map(|c| c.corrections.clone());
        self.work.get(key).and_then(|work| of(&work)).unwrap_or_default()
    }

    /// The federated object changed: whoever undid what it said before may let what it says now stand.
    pub fn forget_corrections(&self, key: &ObjectKey) {
        if let Some(mut work) = self.work.get_mut(key) {
            work.clusters.values_mut().for_each(|c| c.corrections = Corrections::default());
        }
    }

    /// The clusters that something was done in for an object, or that something is wrong in.
    pub fn worked_in(&self, key: &ObjectKey) -> Vec<String> {
        self.work.get(key).map(|work| work.clusters.keys().cloned().collect()).unwrap_or_default()
    }

    /// What was last written for a cluster.
    pub fn recorded(&self, key: &ObjectKey, cluster: &str) -> Option<Recorded> {
        self.work.get(key)?.clusters.get(cluster)?.recorded.clone()
    }

    /// Forgets what came of the work on an object that is gone.
    pub fn forget_work(&self, key: &ObjectKey) {
        self.work.remove_if(key, |_, work| work.is_idle());
    }
}

impl Entries {
    fn remove(&mut self, key: &ObjectKey) {
        self.here.remove(key);
        self.elsewhere.remove(key);
    }
}

fn in_namespace<'a, T>(
    objects: &'a HashMap<ObjectKey, T>,
    namespace: &'a str,
) -> impl Iterator<Item = (&'a ObjectKey, &'a T)> {
    objects.iter().filter(move |(key, _)| key.namespace.as_deref() == Some(namespace))
}

fn version(object: &FederatedObject) -> Option<u64> {
    object.metadata.resource_version.as_deref()?.parse().ok()
}

/// Resource versions of one API server are ordered numbers; others count as later, since they came later.
fn is_after(new: &FederatedObject, current: &FederatedObject) -> bool {
    version(new).zip(version(current)).is_none_or(|(new, current)| new > current)
}

fn wants_differ(a: &FederatedObject, b: &FederatedObject) -> bool {
    let (a, b) = (&a.metadata, &b.metadata);
    a.generation.is_none()
        || a.generation != b.generation
        || a.uid != b.uid
        || a.labels != b.labels
        || a.annotations != b.annotations
        || a.finalizers != b.finalizers
        || a.deletion_timestamp != b.deletion_timestamp
}
