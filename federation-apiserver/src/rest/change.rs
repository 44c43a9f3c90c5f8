//! From one state of an object to the next: what create, update, patch and delete share.

use revision_store::{Entry, Write, WriteError};
use serde_json::Value;

use super::decode::{drop_unknown, stored_form};
use super::{At, Caller, Rest, encode, write_error};
use crate::admission::{Attributes, Operation, Options};
use crate::object;
use crate::request::WriteOptions;
use crate::resource::Resource;
use crate::status::ApiError;

/// Why a change was not made.
pub(super) enum Refused {
    /// The object was changed in between: the caller may look again.
    Stale,
    /// For good.
    Error(ApiError),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

/// An object as it is, stored and read.
pub(super) struct Current {
    pub(super) entry: Entry,
    pub(super) object: Value,
}

impl Rest {
    /// The object as it is now.
    pub(super) async fn current(&self, at: &At<'_>) -> Result<Current, ApiError> {
        self.find(at).await?.ok_or_else(|| ApiError::not_found(at.resource.group_resource(), at.name))
    }

    /// The object as it is now, if it is there.
    pub(super) async fn find(&self, at: &At<'_>) -> Result<Option<Current>, ApiError> {
        let got = self.store.get(&at.key(), None).await.map_err(super::store_error)?;
        let Some(entry) = got.entry else { return Ok(None) };
        let object = self.decode(at.resource, &entry).await?;
        Ok(Some(Current { entry, object }))
    }

    /// Stores a changed object, after everything that has a say has had it; answers with what it is now, or was at last
    /// if its last finalizer was removed.
    pub(super) async fn store_change(
        &self,
        at: &At<'_>,
        caller: &Caller,
        current: &Current,
        new: Value,
        options: &WriteOptions,
    ) -> Result<Value, Refused> {
        let old = &current.object;
        let mut write = Attributes {
            operation: Operation::Update,
            resource: at.resource,
            subresource: at.subresource,
            namespace: at.namespace,
            name: at.name,
            object: new,
            old: Some(old),
            user: &caller.user,
            dry_run: options.dry_run,
            options: Options::Write(options),
            warnings: Vec::new(),
        };
        self.admit(&mut write, caller).await?;
        settle(at, &mut write.object, old);
        let part = at.subresource.unwrap_or_default();
        let errors = at.resource.rules.validate(part, &write.object, Some(old));
        if !errors.is_empty() {
            let Resource { group, kind, .. } = at.resource;
            return Err(ApiError::invalid(group, kind, at.name, &errors).into());
        }
        self.validate(&mut write, caller).await?;
        let warnings = at.resource.rules.warnings(&write.object, Some(old));
        warnings.into_iter().for_each(|text| caller.warn(text));
        let mut new = write.object;
        if object::is_deleting(&new) && is_released(at.resource, &new) && is_released_after(at, old, &new) {
            let mut object = self.remove(at, &current.entry, new, options.dry_run).await?;
            // The answer is the object as it was at last; the version of its end is for those who watch.
            let version = current.entry.mod_revision.to_string();
            object::set(&mut object, "resourceVersion", Some(version.into()));
            return Ok(object);
        }
        object_patch::keep_times(old, &mut new);
        let stored = self.to_storage(at.resource, &mut new).await?;
        if stored == current.entry.value || options.dry_run {
            let version = current.entry.mod_revision.to_string();
            object::set(&mut new, "resourceVersion", Some(version.into()));
            return Ok(new);
        }
        let update = Write::Update {
            key: current.entry.key.clone(),
            value: stored,
            expected: current.entry.mod_revision,
            lease: at.resource.lease,
        };
        let written = self.store.write(update).await.map_err(|error| stale(error, at))?;
        object::set(&mut new, "resourceVersion", Some(written.revision.to_string().into()));
        if at.resource.custom && at.resource.api_version() != at.resource.storage_version {
            // What the stored version does not have is not there any more.
            return Ok(self.current(at).await?.object);
        }
        Ok(new)
    }

    /// Takes an object away.
    pub(super) async fn remove(
        &self,
        at: &At<'_>,
        entry: &Entry,
        mut last: Value,
        dry_run: bool,
    ) -> Result<Value, Refused> {
        if !dry_run {
            let delete = Write::Delete { key: entry.key.clone(), expected: entry.mod_revision };
            let written = self.store.write(delete).await.map_err(|error| stale(error, at))?;
            object::set(&mut last, "resourceVersion", Some(written.revision.to_string().into()));
        }
        Ok(last)
    }

    /// The bytes in which an object is stored. It loses its resource version, which the write gives it anew.
    pub(super) async fn to_storage(
        &self,
        resource: &Resource,
        object: &mut Value,
    ) -> Result<bytes::Bytes, ApiError> {
        object::set(object, "resourceVersion", None);
        if object["apiVersion"] == resource.storage_version {
            return encode(object);
        }
        let mut converted = resource.conversion.one(object.clone(), &resource.storage_version).await?;
        if resource.custom
            && let Some(stored) = stored_form(&self.catalog.served(), resource)
        {
            drop_unknown(stored, &mut converted);
            stored.rules.default(&mut converted);
        }
        encode(&converted)
    }
}

fn stale(error: WriteError, at: &At<'_>) -> Refused {
    match error {
        WriteError::Conflict { .. } => Refused::Stale,
        other => Refused::Error(write_error(other, at)),
    }
}

/// Whether nothing keeps an object that is to go.
pub(super) fn is_released(resource: &Resource, object: &Value) -> bool {
    object::finalizers(object).is_empty() && !resource.rules.is_kept(object)
}

/// An object goes with the update that releases it; one that nothing kept is waiting for something else, such as
/// the end of its grace period.
fn is_released_after(at: &At<'_>, old: &Value, new: &Value) -> bool {
    !is_released(at.resource, old) || new["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
}

/// What the server keeps of an object, whatever the client or a plugin wrote: its identity, its times, and what the
/// kind's rules keep.
pub(super) fn settle(at: &At<'_>, new: &mut Value, old: &Value) {
    let resource = at.resource;
    object::set_top(new, "apiVersion", Some(resource.api_version().into()));
    object::set_top(new, "kind", Some(resource.kind.clone().into()));
    for field in ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let kept = old["metadata"].get(field).filter(|value| !value.is_null()).cloned();
        object::set(new, field, kept);
    }
    // What a client leaves out of these, it means of the current object.
    for field in ["uid", "resourceVersion"] {
        if object::text(new, field).is_empty() {
            object::set(new, field, old["metadata"].get(field).cloned());
        }
    }
    object::set(new, "selfLink", None);
    resource.rules.prepare_update(at.subresource.unwrap_or_default(), new, old);
}
