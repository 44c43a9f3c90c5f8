//! Member objects as the engine remembers them: what decisions need, and nothing else.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use federation_model::{ObjectKey, label};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use parking_lot::RwLock;
use serde_json::Value;
use tokio::time::Instant;

use crate::registry::ServerId;
use crate::retain::{Retained, RetainedKind};
use crate::version::content_hash;

/// What is kept of a member object. Its data is not: a Secret's content is never held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Its uid.
    pub uid: String,
    /// Its resource version.
    pub resource_version: String,
    /// Its generation; 0 for kinds that have none.
    pub generation: i64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Its owners.
    pub owner_references: Vec<OwnerReference>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Hash of all that a writer can mean; the same hash means that only status or bookkeeping changed.
    pub content_hash: u64,
    /// Values that an update must keep.
    pub retained: Retained,
    /// Its `status`.
    pub status: Option<Arc<Value>>,
    /// Whether it is only known that it is there and at which version, since it is another shard's.
    pub shortened: bool,
}

impl Observed {
    /// Keeps what is needed of an object of this kind.
    pub fn of(kind: &RetainedKind, mut object: Value) -> Self {
        let content_hash = content_hash(&object);
        let retained = crate::retain::extract(kind, &object);
        let status = object.get_mut("status").map(Value::take).filter(|s| !s.is_null()).map(Arc::new);
        let mut meta = object.get_mut("metadata").map(Value::take).unwrap_or_default();
        let mut text = |field: &str| match meta.get_mut(field).map(Value::take) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (uid, resource_version) = (text("uid"), text("resourceVersion"));
        Self {
            uid,
            resource_version,
            generation: meta.get("generation").and_then(Value::as_i64).unwrap_or(0),
            deleting: meta.get("deletionTimestamp").is_some_and(|t| !t.is_null()),
            labels: strings(meta.get_mut("labels")),
            annotations: strings(meta.get_mut("annotations")),
            finalizers: meta
                .get_mut("finalizers")
                .map(Value::take)
                .and_then(|f| serde_json::from_value(f).ok())
                .unwrap_or_default(),
            owner_references: meta
                .get_mut("ownerReferences")
                .map(Value::take)
                .and_then(|o| serde_json::from_value(o).ok())
                .unwrap_or_default(),
            content_hash,
            retained,
            status,
            shortened: false,
        }
    }

    /// No more of it than that it is there, and at which version.
    #[must_use]
    pub fn shortened(&self) -> Self {
        Self {
            uid: self.uid.clone(),
            resource_version: self.resource_version.clone(),
            generation: self.generation,
            deleting: self.deleting,
            content_hash: self.content_hash,
            shortened: true,
            ..Self::default()
        }
    }

    /// `gen:<generation>`, or `rv:<resourceVersion>` for kinds without a generation (KubeFed's rule).
    pub fn version(&self) -> String {
        if self.generation == 0 {
            format!("rv:{}", self.resource_version)
        } else {
            format!("gen:{}", self.generation)
        }
    }

    /// Whether a user of the member refuses management.
    pub fn refuses_management(&self) -> bool {
        self.labels.get(label::MANAGED).is_some_and(|v| v == "false")
    }

    /// Whether it carries the managed label; only such an object is ever shortened.
    pub fn is_managed(&self) -> bool {
        self.shortened || self.labels.get(label::MANAGED).is_some_and(|v| v == "true")
    }

    /// Whether this state is later than `other`'s. Resource versions of one API server are ordered numbers (KEP-5504);
    /// others count as later, since they arrived later.
    fn is_after(&self, other: &Self) -> bool {
        match (self.resource_version.parse::<u64>(), other.resource_version.parse::<u64>()) {
            (Ok(a), Ok(b)) => a > b,
            _ => self.resource_version != other.resource_version,
        }
    }
}

fn strings(value: Option<&mut Value>) -> BTreeMap<String, String> {
    match value.map(Value::take) {
        Some(Value::Object(map)) => map
            .into_iter()
            .filter_map(|(k, v)| if let Value::String(v) = v { Some((k, v)) } else { None })
            .collect(),
        _ => BTreeMap::new(),
    }
}

/// The managed objects of one type on one API server.
///
/// Watch events and the answers to our own writes both feed it, in any order; the later state wins.
#[derive(Debug)]
pub struct ObservedCache {
    server: ServerId,
    holders: Arc<Holders>,
    state: RwLock<CacheState>,
}

/// The API servers that hold an object of a name, so that nobody has to ask each of them.
#[derive(Debug, Default)]
pub struct Holders(DashMap<ObjectKey, Vec<ServerId>>);

impl Holders {
    /// The API servers that hold a managed object of this name.
    pub fn of(&self, target: &ObjectKey) -> Vec<ServerId> {
        self.0.get(target).map(|servers| servers.clone()).unwrap_or_default()
    }

    fn add(&self, target: &ObjectKey, server: &ServerId) {
        let mut servers = self.0.entry(target.clone()).or_default();
        if !servers.contains(server) {
            servers.push(server.clone());
        }
    }

    fn remove(&self, target: &ObjectKey, server: &ServerId) {
        self.0.remove_if_mut(target, |_, servers| {
            servers.retain(|s| s != server);
            servers.is_empty()
        });
    }
}

#[derive(Debug, Default)]
struct CacheState {
    objects: HashMap<ObjectKey, Kept>,
    epoch: Epoch,
    sync: Sync,
    /// The server's words when it last forbade to list or watch, and when that was.
    forbidden: Option<(String, Instant)>,
}

/// How long a server's word that something is forbidden counts: a watch that is refused is tried again every 30 s at the
/// latest (kube's back-off), and one that is taken up again tells nothing until an object changes.
const FORBIDDEN_FOR: Duration = Duration::from_secs(90);

/// Counts full lists, to tell objects that a list left out from objects that we wrote after it began.
type Epoch = u64;

#[derive(Debug)]
struct Kept {
    observed: Arc<Observed>,
    /// The list, or the watch after it, that showed it last; 0 when none did yet.
    seen: Epoch,
    /// The list during or after which we wrote it last; 0 when we did not.
    written: Epoch,
}

/// Objects that a full list left out.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// These are gone, and forgotten.
    pub gone: Vec<ObjectKey>,
    /// These we wrote while the list was made. It may be older than our write or newer than somebody's delete: only the
    /// member knows.
    pub unclear: Vec<(ObjectKey, Arc<Observed>)>,
}

/// Whether the cache can be trusted to know what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// The first list is under way.
    #[default]
    Listing,
    /// The first list failed, or takes too long; these are the words.
    Failing(String),
    /// It does.
    Synced,
}

impl ObservedCache {
    /// Nothing is known yet. What it holds is told to `holders`.
    pub fn new(server: ServerId, holders: Arc<Holders>) -> Self {
        Self { server, holders, state: RwLock::default() }
    }

    /// Holds nothing any more.
    pub fn clear(&self) {
        let mut state = self.state.write();
        for (key, _) in state.objects.drain() {
            self.holders.remove(&key, &self.server);
        }
    }

    /// The object of a name.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<Observed>> {
        self.state.read().objects.get(key).map(|k| k.observed.clone())
    }

    /// Whether it can be trusted.
    pub fn sync(&self) -> Sync {
        self.state.read().sync.clone()
    }

    /// The names of all objects.
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.state.read().objects.keys().cloned().collect()
    }

    /// A full list begins.
    pub fn restarted(&self) {
        self.state.write().epoch += 1;
    }

    /// A full list is complete; answers what was not in it.
    pub fn synced(&self) -> LeftOut {
        let mut state = self.state.write();
        state.sync = Sync::Synced;
        state.forbidden = None;
        let epoch = state.epoch;
        let mut left_out = LeftOut::default();
        for (key, kept) in state.objects.iter().filter(|(_, kept)| kept.seen < epoch) {
            if kept.written >= epoch {
                left_out.unclear.push((key.clone(), kept.observed.clone()));
            } else {
                left_out.gone.push(key.clone());
            }
        }
        for key in &left_out.gone {
            self.take(&mut state, key);
        }
        left_out
    }

    /// The list fails; answers whether that is news. A cache that was synced stays so: what it knows is what it knew.
    pub fn failing(&self, words: &str) -> bool {
        let mut state = self.state.write();
        let failing = Sync::Failing(words.to_owned());
        if state.sync == Sync::Synced || state.sync == failing {
            return false;
        }
        state.sync = failing;
        true
    }

    /// The server forbids to list or watch.
    pub fn forbidden(&self, words: &str) {
        self.state.write().forbidden = Some((words.to_owned(), Instant::now()));
    }

    /// The server's words, if it forbids to list or watch.
    pub fn refusal(&self) -> Option<String> {
        let state = self.state.read();
        state
            .forbidden
            .as_ref()
            .filter(|(_, at)| at.elapsed() < FORBIDDEN_FOR)
            .map(|(words, _)| words.clone())
    }

    /// A list or a watch shows an object in this state; answers what it was before when the state is news.
    pub fn applied(&self, key: &ObjectKey, observed: Observed) -> Option<Change> {
        self.update(key, observed, |kept, epoch| kept.seen = epoch)
    }

    /// We wrote an object, and this is the answer.
    pub fn written(&self, key: &ObjectKey, observed: Observed) {
        self.update(key, observed, |kept, epoch| kept.written = epoch);
    }

    fn update(&self, key: &ObjectKey, observed: Observed, mark: impl Fn(&mut Kept, Epoch)) -> Option<Change> {
        let mut state = self.state.write();
        let epoch = state.epoch;
        // An object that lost its label is no longer ours to see, as if it were gone.
        if !observed.is_managed() {
            return self.take(&mut state, key).map(|before| Change { before: Some(before), after: None });
        }
        let observed = Arc::new(observed);
        match state.objects.get_mut(key) {
            Some(kept) => {
                mark(kept, epoch);
                if !observed.is_after(&kept.observed) {
                    return None;
                }
                let before = std::mem::replace(&mut kept.observed, observed.clone());
                Some(Change { before: Some(before), after: Some(observed) })
            }
            None => {
                let mut kept = Kept { observed: observed.clone(), seen: 0, written: 0 };
                mark(&mut kept, epoch);
                state.objects.insert(key.clone(), kept);
                self.holders.add(key, &self.server);
                Some(Change { before: None, after: Some(observed) })
            }
        }
    }

    /// No more of an object is to be kept than that it is there.
    pub fn shorten(&self, key: &ObjectKey) {
        if let Some(kept) = self.state.write().objects.get_mut(key).filter(|kept| !kept.observed.shortened) {
            kept.observed = Arc::new(kept.observed.shortened());
        }
    }

    /// An object that was shortened was read.
    pub fn completed(&self, key: &ObjectKey, observed: Observed) {
        let mut state = self.state.write();
        if !observed.is_managed() {
            self.take(&mut state, key);
            return;
        }
        if let Some(kept) = state.objects.get_mut(key)
            && kept.observed.shortened
            && !kept.observed.is_after(&observed)
        {
            kept.observed = Arc::new(observed);
        }
    }

    /// An object is gone, `last` being its last state; answers whether that is news.
    pub fn deleted(&self, key: &ObjectKey, last: &Observed) -> bool {
        let mut state = self.state.write();
        match state.objects.get(key) {
            // A newer object of that name was made meanwhile.
            Some(kept) if kept.observed.uid != last.uid && kept.observed.is_after(last) => false,
            Some(_) => self.take(&mut state, key).is_some(),
            None => false,
        }
    }

    /// An object is known to be gone from an answer (404) rather than from a watch.
    pub fn forget(&self, key: &ObjectKey) {
        self.take(&mut self.state.write(), key);
    }

    fn take(&self, state: &mut CacheState, key: &ObjectKey) -> Option<Arc<Observed>> {
        let taken = state.objects.remove(key)?;
        self.holders.remove(key, &self.server);
        Some(taken.observed)
    }
}

/// A member object changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// What it was.
    pub before: Option<Arc<Observed>>,
    /// What it is; none when it is no longer ours.
    pub after: Option<Arc<Observed>>,
}

impl Change {
    /// Whether only status or bookkeeping changed: nothing that a plan looks at.
    pub fn is_status_only(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                before.content_hash == after.content_hash
                    && before.generation == after.generation
                    && before.deleting == after.deleting
                    && before.uid == after.uid
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn object(version: u64) -> Observed {
        Observed {
            uid: "u".to_owned(),
            resource_version: version.to_string(),
            labels: BTreeMap::from([(label::MANAGED.to_owned(), "true".to_owned())]),
            ..Observed::default()
        }
    }

    #[test]
    fn what_a_list_leaves_out_is_gone_unless_it_was_written_meanwhile() {
        let cache = ObservedCache::new(Arc::from("m1"), Arc::default());
        let key = |name: &str| ObjectKey::namespaced("n", name);
        cache.restarted();
        for name in ["stays", "goes", "rewritten"] {
            cache.applied(&key(name), object(1));
        }
        assert!(cache.synced().gone.is_empty());
        cache.written(&key("written-before"), object(2));

        cache.restarted();
        cache.written(&key("rewritten"), object(3));
        cache.written(&key("new"), object(4));
        cache.applied(&key("stays"), object(1));
        let left_out = cache.synced();
        let names = |keys: Vec<ObjectKey>| keys.into_iter().map(|k| k.name).collect::<BTreeSet<_>>();
        assert_eq!(names(left_out.gone), BTreeSet::from(["goes".to_owned(), "written-before".to_owned()]));
        let unclear = names(left_out.unclear.into_iter().map(|(key, _)| key).collect());
        assert_eq!(unclear, BTreeSet::from(["rewritten".to_owned(), "new".to_owned()]));
        assert!(cache.get(&key("new")).is_some() && cache.get(&key("goes")).is_none());

        // The next list is clear about them.
        cache.restarted();
        assert_eq!(cache.synced().gone.len(), 3);
    }
}
