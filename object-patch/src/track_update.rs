//! Managed fields after a create, an update, or a patch that is no apply.

use serde_json::{Value, json};

use crate::conflict::ApplyError;
use crate::depth;
use crate::field_set::FieldSet;
use crate::managed_fields::{ManagedFields, Manager, Operation, Owned};
use crate::ownership::{Change, reconciled, take_from_others};
use crate::resource::{Resource, Writer};
use crate::struct_fields::filled;
use crate::typed::{Duplicates, validate};

/// Gives the new object the managed fields that it has after a write by `writer`. `old` is the stored object, `None` for
/// a create.
///
/// The new object may come with managed fields of its own, by which its sender changes who owns what; an empty list, or
/// a list of one empty entry, takes all of them away, and from then on the object is not tracked until somebody applies.
/// An object that does not fit its type has none afterwards.
pub fn track_update(old: Option<&Value>, new: &mut Value, resource: &Resource<'_>, writer: &Writer<'_>) {
    let managed = sent_or_stored(old, new, !writer.subresource.is_empty());
    ManagedFields::strip(new);
    let is_untracked = managed.entries.is_empty() && old.is_some();
    if is_untracked || !new.is_object() {
        return;
    }
    let mut before = old.cloned().unwrap_or_else(|| nothing_of(resource));
    ManagedFields::strip(&mut before);
    let manager = Manager::new(writer.manager, Operation::Update, resource.api_version, writer.subresource);
    if let Ok(managed) = updated(before, new, managed, resource, manager, writer.time) {
        managed.put_into(new);
    }
}

/// What an object is before it is created.
pub(crate) fn nothing_of(resource: &Resource<'_>) -> Value {
    json!({"apiVersion": resource.api_version, "kind": resource.kind})
}

/// A subresource cannot change managed fields. Who sends none, or what cannot be read, does not mean to take them away.
fn sent_or_stored(old: Option<&Value>, new: &Value, is_subresource: bool) -> ManagedFields {
    let stored = || old.and_then(|old| ManagedFields::of(old).ok()).unwrap_or_default();
    if is_subresource {
        return stored();
    }
    match new["metadata"]["managedFields"].as_array().map(Vec::as_slice) {
        Some([]) => return ManagedFields::default(),
        Some([Value::Object(only)]) if only.is_empty() => return ManagedFields::default(),
        _ => {}
    }
    ManagedFields::of(new).ok().filter(|sent| !sent.entries.is_empty()).unwrap_or_else(stored)
}

/// The managed fields after a change by an updater.
pub(crate) fn updated(
    before: Value,
    after: &Value,
    managed: ManagedFields,
    resource: &Resource<'_>,
    manager: Manager,
    time: &str,
) -> Result<ManagedFields, ApplyError> {
    depth::check(&[&before, after]).map_err(|error| ApplyError::BadRequest(error.to_string()))?;
    let (before, after) = (filled(&before, resource), filled(after, resource));
    let ty = resource.ty(resource.api_version);
    for object in [&*after, &*before] {
        validate(object, ty, Duplicates::Allowed).map_err(ApplyError::Internal)?;
    }
    let mut managed = reconciled(resource, &before, managed)?;
    let change = Change { before: &before, after: &after, by: None, force: true };
    let comparison = take_from_others(resource, &mut managed, &change)?;
    let taken = comparison.modified.union(&comparison.added).difference(&never_owned());
    if !taken.is_empty() {
        let owned = managed.entries.entry(manager).or_insert_with(|| Owned {
            fields: FieldSet::new(),
            api_version: resource.api_version.to_owned(),
            time: None,
        });
        owned.fields = owned.fields.union(&taken);
        owned.time = Some(time.to_owned());
    }
    managed.cap();
    Ok(managed)
}

/// What names an object, or is the server's: nobody owns it.
pub(crate) fn never_owned() -> FieldSet {
    FieldSet::of_fields(&[
        &["apiVersion"],
        &["kind"],
        &["metadata"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "creationTimestamp"],
        &["metadata", "selfLink"],
        &["metadata", "uid"],
        &["metadata", "clusterName"],
        &["metadata", "generation"],
        &["metadata", "managedFields"],
        &["metadata", "resourceVersion"],
    ])
}

#[cfg(test)]
mod tests;
