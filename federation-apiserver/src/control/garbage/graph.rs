//! Who belongs to whom, as the watch tells it.
//!
//! Only dependents, and owners that wait for theirs, are kept: an object that is neither is not needed for a decision.
//! Since one watch tells of all kinds in the order of the writes, an owner that has not been told of is not there.

use std::collections::{BTreeSet, HashMap};

use super::job::{Dependent, Job};
use super::metadata::{Ending, Metadata, Owner};

#[derive(Default)]
pub(super) struct Graph {
    nodes: HashMap<String, Node>,
    /// The uids of the dependents of each uid, be it there or not.
    dependents: HashMap<String, BTreeSet<String>>,
    /// While everything is being read: what each uid is.
    known: HashMap<String, Identity>,
}

struct Node {
    key: String,
    owners: Vec<Owner>,
    ending: Ending,
}

struct Identity {
    name: String,
    namespace: String,
}

impl Graph {
    /// An object is there, when everything is read. What is due is told by [`Graph::loaded`].
    pub(super) fn found(&mut self, key: String, metadata: Metadata) {
        let identity = Identity { name: metadata.name.clone(), namespace: metadata.namespace.clone() };
        self.known.insert(metadata.uid.clone(), identity);
        self.put(key, metadata);
    }

    /// Everything has been read. Due are owners that wait for dependents, what depends on these, and objects whose
    /// owners seem not to be there.
    pub(super) fn loaded(&mut self) -> BTreeSet<String> {
        let known = std::mem::take(&mut self.known);
        let mut due = BTreeSet::new();
        for (uid, node) in &self.nodes {
            let namespace = known.get(uid).map_or("", |identity| &identity.namespace);
            let is_there = |owner: &Owner| {
                known.get(&owner.uid).is_some_and(|one| {
                    one.name == owner.name && (one.namespace.is_empty() || one.namespace == namespace)
                })
            };
            if !node.owners.iter().all(is_there) {
                due.insert(uid.clone());
            }
            if matches!(node.ending, Ending::Foreground | Ending::Orphan) {
                due.insert(uid.clone());
                due.extend(self.dependents(uid).cloned());
            }
        }
        due
    }

    /// An object has been written. Returns what is to be looked at.
    pub(super) fn put(&mut self, key: String, metadata: Metadata) -> BTreeSet<String> {
        let ending = metadata.ending();
        let Metadata { uid, owner_references: owners, .. } = metadata;
        let old = self.nodes.remove(&uid);
        let was = old.as_ref().map_or(Ending::No, |old| old.ending);
        let had = old.map(|old| old.owners).unwrap_or_default();
        let mut due = BTreeSet::new();
        if owners.iter().any(|owner| !had.contains(owner)) {
            due.insert(uid.clone());
        }
        for owner in &had {
            let still = owners.iter().find(|one| one.uid == owner.uid);
            if owner.block_owner_deletion && still.is_none_or(|one| !one.block_owner_deletion) {
                due.insert(owner.uid.clone());
            }
            if still.is_none() {
                self.disconnect(&uid, &owner.uid);
            }
        }
        for owner in &owners {
            self.dependents.entry(owner.uid.clone()).or_default().insert(uid.clone());
        }
        if ending != was && matches!(ending, Ending::Foreground | Ending::Orphan) {
            due.insert(uid.clone());
        }
        if ending != was && ending == Ending::Foreground {
            due.extend(self.dependents(&uid).cloned());
        }
        if !owners.is_empty() || matches!(ending, Ending::Foreground | Ending::Orphan) {
            self.nodes.insert(uid, Node { key, owners, ending });
        }
        due
    }

    /// An object is gone. Returns what is to be looked at: its dependents, and owners that waited for it.
    pub(super) fn remove(&mut self, uid: &str) -> BTreeSet<String> {
        let mut due: BTreeSet<String> = self.dependents(uid).cloned().collect();
        if let Some(node) = self.nodes.remove(uid) {
            for owner in &node.owners {
                self.disconnect(uid, &owner.uid);
                if self.nodes.get(&owner.uid).is_some_and(|owner| owner.ending == Ending::Foreground) {
                    due.insert(owner.uid.clone());
                }
            }
        }
        due
    }

    /// What is to be done about an object, if anything.
    pub(super) fn job(&self, uid: &str) -> Option<Job> {
        let node = self.nodes.get(uid)?;
        let key = node.key.clone();
        match node.ending {
            Ending::Plain => None,
            Ending::No if node.owners.is_empty() => None,
            Ending::No => {
                let mut dependents = self.dependents(uid).filter_map(|uid| self.nodes.get(uid)).peekable();
                let has_dependents = dependents.peek().is_some();
                let circle = dependents.any(|one| one.ending == Ending::Foreground);
                Some(Job::Check { key, has_dependents, circle })
            }
            Ending::Foreground => {
                let blocks = |owner: &Owner| owner.uid == uid && owner.block_owner_deletion;
                let blocked = (self.dependents(uid).filter_map(|uid| self.nodes.get(uid)))
                    .any(|dependent| dependent.owners.iter().any(blocks));
                (!blocked).then_some(Job::Release { key })
            }
            Ending::Orphan => {
                let dependent = |uid: &String| {
                    let key = self.nodes.get(uid)?.key.clone();
                    Some(Dependent { uid: uid.clone(), key })
                };
                Some(Job::Orphan { key, dependents: self.dependents(uid).filter_map(dependent).collect() })
            }
        }
    }

    fn dependents(&self, uid: &str) -> impl Iterator<Item = &String> {
        self.dependents.get(uid).into_iter().flatten()
    }

    fn disconnect(&mut self, dependent: &str, owner: &str) {
        if let Some(dependents) = self.dependents.get_mut(owner) {
            dependents.remove(dependent);
            if dependents.is_empty() {
                self.dependents.remove(owner);
            }
        }
    }
}
