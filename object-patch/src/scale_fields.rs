//! Managed fields of an object and of its scale subresource.
//!
//! A `Scale` is another object than the one that it scales. What it shows of the managed fields is who owns the replicas;
//! and who sets them through it owns the field of the object that they are kept in.

use std::collections::BTreeMap;

use crate::field_set::{FieldSet, Path};
use crate::managed_fields::{ManagedFields, Manager, Operation, Owned};

const SCALE: &str = "autoscaling/v1";

/// Where each served form keeps its replicas; `None` for a form without a scale subresource.
pub type ReplicasPaths = BTreeMap<String, Option<Path>>;

fn replicas_of_scale() -> FieldSet {
    FieldSet::of_fields(&[&["spec", "replicas"]])
}

/// The managed fields of an object's scale: who owns the replicas.
pub fn to_scale(managed: &ManagedFields, paths: &ReplicasPaths) -> ManagedFields {
    let owners = managed.entries.iter().filter(|(_, owned)| {
        let path = paths.get(&owned.api_version).and_then(Option::as_ref);
        path.is_some_and(|path| owned.fields.contains(&path.0))
    });
    let entries = owners.map(|(manager, owned)| {
        let owned =
            Owned { fields: replicas_of_scale(), api_version: SCALE.to_owned(), time: owned.time.clone() };
        (in_form(manager, SCALE), owned)
    });
    ManagedFields { entries: entries.collect() }
}

/// The managed fields of an object after its scale has become `scale`, by a request in the form `api_version`. Entries in
/// forms that are not served go. One who takes the replicas has no time in its entry, as on kube-apiserver.
pub fn from_scale(
    managed: ManagedFields,
    mut scale: ManagedFields,
    paths: &ReplicasPaths,
    api_version: &str,
) -> ManagedFields {
    let mut entries = BTreeMap::new();
    for (manager, mut owned) in managed.entries {
        let Some(path) = paths.get(&owned.api_version) else { continue };
        if let Some(path) = path.as_ref().filter(|path| owned.fields.contains(&path.0))
            && scale.entries.remove(&in_form(&manager, SCALE)).is_none()
        {
            owned.fields = owned.fields.difference(&only(path));
        }
        if !owned.fields.is_empty() {
            entries.insert(manager, owned);
        }
    }
    let path = paths.get(api_version).and_then(Option::as_ref);
    for (manager, owned) in scale.entries {
        if let Some(path) = path.filter(|_| !owned.fields.intersection(&replicas_of_scale()).is_empty()) {
            let owned = Owned { fields: only(path), api_version: api_version.to_owned(), time: None };
            entries.insert(in_form(&manager, api_version), owned);
        }
    }
    ManagedFields { entries }
}

fn only(path: &Path) -> FieldSet {
    let mut fields = FieldSet::new();
    fields.insert(&path.0);
    fields
}

fn in_form(manager: &Manager, api_version: &str) -> Manager {
    let api_version = if manager.operation == Operation::Apply { "" } else { api_version };
    Manager { api_version: api_version.to_owned(), ..manager.clone() }
}
