//! An object goes, or is marked to go once nothing keeps it.
//!
//! The rules are those of "Garbage Collection" and "Finalizers" in Kubernetes' documentation.

use serde_json::{Value, json};

use super::change::{Current, Refused, is_released};
use super::update::ATTEMPTS;
use super::{At, Caller, Rest, Written};
use crate::admission::{Attributes, Operation, Options};
use crate::object;
use crate::request::DeleteOptions;
use crate::status::{ApiError, GroupResource};

/// The finalizer that the garbage collector removes when the dependents are on their own.
pub(crate) const ORPHAN: &str = "orphan";
/// The finalizer that the garbage collector removes when the dependents are gone.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";

impl Rest {
    /// Deletes an object: at once if nothing keeps it.
    pub async fn delete(
        &self,
        at: At<'_>,
        options: &DeleteOptions,
        caller: &Caller,
    ) -> Result<Written, ApiError> {
        for _ in 0..ATTEMPTS {
            let current = self.current(&at).await?;
            match self.delete_current(&at, &current, options, caller).await {
                Ok(written) => return Ok(written),
                Err(Refused::Error(error)) => return Err(error),
                Err(Refused::Stale) => {}
            }
        }
        Err(ApiError::modified(at.resource.group_resource(), at.name))
    }

    async fn delete_current(
        &self,
        at: &At<'_>,
        current: &Current,
        options: &DeleteOptions,
        caller: &Caller,
    ) -> Result<Written, Refused> {
        check_preconditions(at, current, options)?;
        let mut write = Attributes {
            operation: Operation::Delete,
            resource: at.resource,
            subresource: None,
            namespace: at.namespace,
            name: at.name,
            object: Value::Null,
            old: Some(&current.object),
            user: &caller.user,
            dry_run: options.dry_run,
            options: Options::Delete(options),
            warnings: Vec::new(),
        };
        self.admit(&mut write, caller).await?;
        self.validate(&mut write, caller).await?;
        let mut last = current.object.clone();
        if !object::is_deleting(&last) {
            at.resource.rules.prepare_delete(&mut last, (self.now)());
        }
        let before = object::finalizers(&last);
        let finalizers = with_policy(before.clone(), options.propagation_policy.as_deref());
        if finalizers != before {
            let finalizers = (!finalizers.is_empty()).then(|| json!(finalizers));
            object::set(&mut last, "finalizers", finalizers);
        }
        if is_released(at.resource, &last) {
            let last = self.remove(at, &current.entry, last, options.dry_run).await?;
            return Ok(Written { code: 200, object: success(at, &last) });
        }
        if !object::is_deleting(&last) {
            object::set(&mut last, "deletionTimestamp", Some(object::time((self.now)()).into()));
            object::set(&mut last, "deletionGracePeriodSeconds", Some(0.into()));
            if let Some(generation) = last["metadata"]["generation"].as_i64() {
                object::set(&mut last, "generation", Some((generation + 1).into()));
            }
        }
        if last == current.object {
            return Ok(Written { code: 200, object: last });
        }
        let value = self.to_storage(at.resource, &mut last.clone()).await?;
        if !options.dry_run {
            let update = revision_store::Write::Update {
                key: current.entry.key.clone(),
                value,
                expected: current.entry.mod_revision,
                lease: at.resource.lease,
            };
            let written = self.store.write(update).await.map_err(|error| match error {
                revision_store::WriteError::Conflict { .. } => Refused::Stale,
                other => Refused::Error(super::write_error(other, at)),
            })?;
            object::set(&mut last, "resourceVersion", Some(written.revision.to_string().into()));
        }
        Ok(Written { code: 200, object: last })
    }
}

/// The finalizers that a policy asks for, beside those of others.
fn with_policy<'a>(now: Vec<&'a str>, policy: Option<&str>) -> Vec<&'a str> {
    let wanted = match policy {
        Some("Orphan") => Some(ORPHAN),
        Some("Foreground") => Some(FOREGROUND),
        Some(_) => None,
        // Without a policy, what was asked for before stays.
        None => return now,
    };
    let mut all: Vec<&str> = now.into_iter().filter(|one| ![ORPHAN, FOREGROUND].contains(one)).collect();
    all.extend(wanted);
    all
}

fn check_preconditions(at: &At<'_>, current: &Current, options: &DeleteOptions) -> Result<(), ApiError> {
    let conflict = |what: &str, said: &str, is: &str, then: &str| {
        let kind = GroupResource { group: &at.resource.group, resource: &at.resource.kind };
        Err(ApiError::conflict(
            kind,
            at.name,
            &format!(
                "the {what} in the precondition ({said}) does not match the {what} in record ({is}). The object might have been {then}"
            ),
        ))
    };
    let uid = object::uid(&current.object);
    if let Some(said) = options.uid.as_deref().filter(|said| *said != uid) {
        return conflict("UID", said, uid, "deleted and then recreated");
    }
    let version = current.entry.mod_revision.to_string();
    if let Some(said) = options.resource_version.as_deref().filter(|said| *said != version) {
        return conflict("ResourceVersion", said, &version, "modified");
    }
    Ok(())
}

/// What a client is told when an object is gone.
fn success(at: &At<'_>, last: &Value) -> Value {
    let mut details = json!({"name": at.name, "kind": at.resource.plural, "uid": object::uid(last)});
    if !at.resource.group.is_empty() {
        details["group"] = at.resource.group.clone().into();
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
