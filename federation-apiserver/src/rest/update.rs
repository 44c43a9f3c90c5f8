//! An object replaced as a whole.

use serde_json::Value;

use super::change::{Current, Refused};
use super::decode::{check_place, read};
use super::{At, Caller, Rest, Written};
use crate::body::Parsed;
use crate::object;
use crate::ownership;
use crate::request::WriteOptions;
use crate::status::ApiError;
use crate::{Cause, FieldError};

/// How often a write without a version is tried again when others write at the same time.
pub(super) const ATTEMPTS: usize = 5;

impl Rest {
    /// Replaces an object by what a client sent.
    pub async fn update(
        &self,
        at: At<'_>,
        body: Parsed,
        options: &WriteOptions,
        caller: &Caller,
    ) -> Result<Written, ApiError> {
        let resource = at.resource;
        let mut new = read(resource, body, options.field_validation, caller)?;
        if object::name(&new).is_empty() {
            return Err(ApiError::bad_request(format!(
                "the name of the object ({} based on URL) was undeterminable: name must be provided",
                at.name
            )));
        }
        check_place(resource, at.namespace, Some(at.name), &mut new)?;
        let unconditional = matches!(object::text(&new, "resourceVersion"), "" | "0");
        for _ in 0..ATTEMPTS {
            let current = self.current(&at).await?;
            if unconditional && !resource.takes_unconditional_updates() {
                let error = FieldError {
                    cause: Cause::Invalid,
                    field: "metadata.resourceVersion".to_owned(),
                    message: "Invalid value: 0: must be specified for an update".to_owned(),
                };
                return Err(ApiError::invalid(&resource.group, &resource.plural, at.name, &[error]));
            }
            check_uid(&at, &new, &current)?;
            check_current(&at, &new, &current)?;
            // Only what is not bound to a version is tried again.
            let mut new = if unconditional { new.clone() } else { std::mem::take(&mut new) };
            if unconditional {
                let version = current.entry.mod_revision.to_string();
                object::set(&mut new, "resourceVersion", Some(version.into()));
            }
            let manager = caller.manager(options.field_manager.as_deref());
            match self.replace(&at, caller, &current, new, &manager, options).await {
                Ok(object) => return Ok(Written { code: 200, object }),
                Err(Refused::Error(error)) => return Err(error),
                Err(Refused::Stale) if unconditional => {}
                Err(Refused::Stale) => break,
            }
        }
        Err(ApiError::modified(resource.group_resource(), at.name))
    }

    /// Replaces the current object, with the fields that changed becoming the manager's.
    pub(super) async fn replace(
        &self,
        at: &At<'_>,
        caller: &Caller,
        current: &Current,
        mut new: Value,
        manager: &str,
        options: &WriteOptions,
    ) -> Result<Value, Refused> {
        // Who owns what goes by what the client sent: a field that it leaves out and the server keeps is nobody's.
        at.resource.rules.default(&mut new);
        let served = self.catalog.served();
        ownership::updated(&served, at, Some(&current.object), &mut new, manager, (self.now)());
        self.store_change(at, caller, current, new, options).await
    }
}

/// Whether an update is for the object that is there, and not for one of the same name before it.
fn check_uid(at: &At<'_>, new: &Value, current: &Current) -> Result<(), ApiError> {
    let (said, is) = (object::uid(new), object::uid(&current.object));
    if said.is_empty() || said == is {
        return Ok(());
    }
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {said}, UID in object meta: {is}",
        at.key()
    );
    Err(ApiError::conflict(at.resource.group_resource(), at.name, &why))
}

/// Whether the client knows the object as it is: the version that it gives, if any.
pub(super) fn check_current(at: &At<'_>, new: &Value, current: &Current) -> Result<(), ApiError> {
    let said = object::text(new, "resourceVersion");
    if !said.is_empty() && said != "0" && said != current.entry.mod_revision.to_string() {
        crate::request::check_version(said)?;
        return Err(ApiError::modified(at.resource.group_resource(), at.name));
    }
    Ok(())
}
