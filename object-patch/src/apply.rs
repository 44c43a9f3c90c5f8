//! Server-side apply.

mod last_applied;

use serde_json::Value;

use crate::conflict::ApplyError;
use crate::depth;
use crate::managed_fields::{ManagedFields, Manager, Operation, Owned};
use crate::ownership::{Change, prune, reconciled, take_from_others};
use crate::resource::{Resource, Writer, object_text, type_text};
use crate::struct_fields::fill_structs;
use crate::track_update::{never_owned, nothing_of, updated};
use crate::typed::{self, Duplicates, validate};
use crate::value_order::equal;

/// Whose the fields are that an object has before anybody applies to it, when it was not tracked.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Applies a configuration. `live` is the stored object with its managed fields, `None` when there is none; the result
/// has its own, and is neither defaulted nor validated.
///
/// What the writer applied before and does not apply any more goes, unless others own it. What others own with another
/// value is a conflict; with `force`, the writer takes it.
pub fn apply(
    live: Option<&Value>,
    applied: &Value,
    resource: &Resource<'_>,
    writer: &Writer<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    check_request(applied, resource)?;
    let mut live = live.cloned().unwrap_or_else(|| nothing_of(resource));
    depth::check(&[&live, applied]).map_err(|error| ApplyError::BadRequest(error.to_string()))?;
    let mut managed = ManagedFields::of(&live)
        .map_err(|error| ApplyError::Internal(format!("failed to decode managed fields: {error}")))?;
    ManagedFields::strip(&mut live);
    fill_structs(&mut live, resource);
    if managed.entries.is_empty() {
        let manager =
            Manager::new(BEFORE_FIRST_APPLY, Operation::Update, resource.api_version, writer.subresource);
        managed = updated(nothing_of(resource), &live, managed, resource, manager, writer.time).map_err(
            |error| ApplyError::Internal(format!("failed to create manager for existing fields: {error}")),
        )?;
    }

    let request = Request { live: &live, applied, resource, writer, managed: &managed };
    let outcome = match request.carry_out(force) {
        Err(ApplyError::Conflicts(conflicts)) if writer.manager == last_applied::MANAGER => {
            last_applied::resolve(&request, conflicts)
        }
        outcome => outcome,
    };
    let (mut object, managed) = outcome?;
    if writer.manager == last_applied::MANAGER {
        last_applied::bring_up_to_date(&mut object, applied);
    }
    managed.put_into(&mut object);
    Ok(object)
}

fn check_request(applied: &Value, resource: &Resource<'_>) -> Result<(), ApplyError> {
    let text = |name: &str| applied[name].as_str().unwrap_or_default();
    if text("apiVersion") != resource.api_version || text("kind") != resource.kind {
        let found = type_text(text("apiVersion"), text("kind"));
        return Err(ApplyError::BadRequest(format!("invalid object type: {found}")));
    }
    if !applied["metadata"]["managedFields"].is_null() {
        return Err(ApplyError::BadRequest("metadata.managedFields must be nil".to_owned()));
    }
    Ok(())
}

/// An apply whose objects are as they are compared: without managed fields, with all that a struct has.
struct Request<'a> {
    live: &'a Value,
    applied: &'a Value,
    resource: &'a Resource<'a>,
    writer: &'a Writer<'a>,
    managed: &'a ManagedFields,
}

impl Request<'_> {
    /// The object, without managed fields, and the managed fields.
    fn carry_out(&self, force: bool) -> Result<(Value, ManagedFields), ApplyError> {
        let resource = self.resource;
        let ty = resource.ty(resource.api_version);
        validate(self.applied, ty, Duplicates::Refused).map_err(|error| {
            let object = object_text(self.applied);
            ApplyError::Internal(format!("failed to create typed patch object ({object}): {error}"))
        })?;
        validate(self.live, ty, Duplicates::Allowed).map_err(|error| {
            let object = object_text(self.live);
            ApplyError::Internal(format!("failed to create typed live object ({object}): {error}"))
        })?;

        let mut managed = reconciled(resource, self.live, self.managed.clone())?;
        let merged = typed::merge(self.live, self.applied, ty);
        let manager = Manager::new(self.writer.manager, Operation::Apply, "", self.writer.subresource);
        let last = managed.entries.remove(&manager);
        let owned = Owned {
            fields: typed::fields_of(self.applied, ty).recursive_difference(resource.ignored),
            api_version: resource.api_version.to_owned(),
            time: last.as_ref().and_then(|last| last.time.clone()),
        };
        managed.entries.insert(manager.clone(), owned);
        let merged = prune(resource, merged, &managed, last.as_ref())
            .map_err(|error| ApplyError::Internal(format!("failed to prune fields: {error}")))?;
        let change = Change { before: self.live, after: &merged, by: Some(&manager), force };
        take_from_others(resource, &mut managed, &change)?;

        let is_changed = !equal(self.live, &merged);
        if let Some(owned) = managed.entries.get_mut(&manager) {
            owned.fields = owned.fields.difference(&never_owned());
            if is_changed {
                owned.time = Some(self.writer.time.to_owned());
            }
        }
        managed.entries.retain(|_, owned| !owned.fields.is_empty());
        Ok((merged, managed))
    }
}

#[cfg(test)]
mod tests;
