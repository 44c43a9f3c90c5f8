//! An object that is under admission, in the version that a webhook wants.

use object_patch::PatchError;
use serde_json::Value;

use crate::admission::Attributes;
use crate::resource::Resource;
use crate::status::ApiError;
use crate::webhook::hook::Hook;
use crate::webhook::outcome::Failure;
use crate::webhook::review::Verdict;

/// The objects of a write in one version.
pub(super) struct Form<'a> {
    /// The resource in the version in which the objects are now.
    pub(super) resource: &'a Resource,
    /// The object as it will be; `Null` for a delete.
    pub(super) object: Value,
    /// The object as it is; `Null` for a create.
    pub(super) old: Value,
    /// A webhook has changed the object since it was converted.
    dirty: bool,
    /// The version of the request.
    requested: &'a Resource,
    /// The object in the version of the request, as it was when it was last converted.
    original: Value,
    original_old: Value,
}

impl<'a> Form<'a> {
    pub(super) fn of(write: &Attributes<'a>) -> Self {
        let old = write.old.cloned().unwrap_or_default();
        Self {
            resource: write.resource,
            object: write.object.clone(),
            old: old.clone(),
            dirty: false,
            requested: write.resource,
            original: write.object.clone(),
            original_old: old,
        }
    }

    /// Brings the objects into a version, from that of the request: what a conversion loses is lost by what a webhook
    /// has changed only.
    pub(super) async fn convert(&mut self, version: &'a Resource) -> Result<(), ApiError> {
        if self.resource.api_version() == version.api_version() {
            return Ok(());
        }
        if self.dirty {
            self.original = converted(self.object.clone(), self.requested).await?;
            self.dirty = false;
        }
        self.object = converted(self.original.clone(), version).await?;
        self.old = converted(self.original_old.clone(), version).await?;
        self.resource = version;
        Ok(())
    }

    /// Changes the object as a webhook says; `true` if that made a difference.
    pub(super) fn patch(&mut self, hook: &Hook, verdict: &Verdict) -> Result<bool, Failure> {
        if verdict.patch.is_empty() {
            return Ok(false);
        }
        let internal = |why: String| Failure::Refused(ApiError::internal(why));
        let patch: Value = serde_json::from_slice(&verdict.patch).map_err(|error| {
            Failure::Call(format!("received undecodable patch in webhook response: {error}"))
        })?;
        if patch.as_array().is_some_and(Vec::is_empty) {
            return Ok(false);
        }
        if self.object.is_null() {
            return Err(internal(format!(
                "admission webhook \"{}\" attempted to modify the object, which is not supported for this operation",
                hook.name
            )));
        }
        if verdict.patch_type != "JSONPatch" {
            return Err(Failure::Call(format!("unsupported patch type \"{}\"", verdict.patch_type)));
        }
        let mut patched = object_patch::json_patch(&self.object, &patch).map_err(|error| match error {
            PatchError::Unprocessable { detail } => internal(detail),
            error => internal(error.to_string()),
        })?;
        let rules = &self.resource.rules;
        (patched, _) = rules.read(patched).map_err(internal)?;
        let changed = patched != self.object;
        rules.default(&mut patched);
        self.object = patched;
        self.dirty = true;
        Ok(changed)
    }

    /// The object in the version of the request.
    pub(super) async fn finish(self) -> Result<Value, ApiError> {
        if self.dirty { converted(self.object, self.requested).await } else { Ok(self.original) }
    }
}

async fn converted(object: Value, to: &Resource) -> Result<Value, ApiError> {
    if object.is_null() {
        return Ok(object);
    }
    to.conversion.one(object, &to.api_version()).await
}
