//! A part of an object changed, in one of four ways.

use serde_json::Value;

use super::change::{Current, Refused};
use super::decode::{check_place, read};
use super::update::{ATTEMPTS, check_current};
use super::{At, Caller, Rest, Written};
use crate::body::Parsed;
use crate::object;
use crate::ownership;
use crate::request::WriteOptions;
use crate::status::ApiError;

/// The ways, by their media types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// `application/json-patch+json` (RFC 6902).
    Json,
    /// `application/merge-patch+json` (RFC 7396).
    Merge,
    /// `application/strategic-merge-patch+json`.
    Strategic,
    /// `application/apply-patch+yaml`: server-side apply.
    Apply,
}

impl PatchType {
    /// All, in the order in which kube-apiserver lists them.
    pub const ALL: [Self; 4] = [Self::Json, Self::Merge, Self::Strategic, Self::Apply];

    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
            Self::Apply => "application/apply-patch+yaml",
        }
    }
}

impl Rest {
    /// Changes an object as a patch says; server-side apply makes one where there is none.
    pub async fn patch(
        &self,
        at: At<'_>,
        patch_type: PatchType,
        patch: Parsed,
        options: &WriteOptions,
        caller: &Caller,
    ) -> Result<Written, ApiError> {
        for _ in 0..ATTEMPTS {
            let Some(current) = self.find(&at).await? else {
                if patch_type == PatchType::Apply && at.subresource.is_none() {
                    return self.apply_new(at, &patch, options, caller).await;
                }
                return Err(ApiError::not_found(at.resource.group_resource(), at.name));
            };
            let changed = match patch_type {
                PatchType::Apply => self.apply_to(&at, &current, &patch, options, caller).await,
                _ => self.patch_current(&at, &current, patch_type, &patch, options, caller).await,
            };
            match changed {
                Ok(object) => return Ok(Written { code: 200, object }),
                Err(Refused::Error(error)) => return Err(error),
                Err(Refused::Stale) => {}
            }
        }
        Err(ApiError::modified(at.resource.group_resource(), at.name))
    }

    async fn patch_current(
        &self,
        at: &At<'_>,
        current: &Current,
        patch_type: PatchType,
        patch: &Parsed,
        options: &WriteOptions,
        caller: &Caller,
    ) -> Result<Value, Refused> {
        let new = patched(at, patch_type, &current.object, &patch.value)?;
        let new = Parsed { value: new, duplicates: patch.duplicates.clone() };
        let mut new = read(at.resource, new, options.field_validation, caller)?;
        check_place(at.resource, at.namespace, Some(at.name), &mut new)?;
        check_current(at, &new, current)?;
        let manager = caller.manager(options.field_manager.as_deref());
        self.replace(at, caller, current, new, &manager, options).await
    }

    async fn apply_to(
        &self,
        at: &At<'_>,
        current: &Current,
        patch: &Parsed,
        options: &WriteOptions,
        caller: &Caller,
    ) -> Result<Value, Refused> {
        let applied = applied(at, patch, options, caller)?;
        check_current(at, &applied, current)?;
        let (served, live) = (self.catalog.served(), Some(&current.object));
        let mut new = ownership::applied(&served, at, live, &applied, options, (self.now)())?;
        super::change::settle(at, &mut new, &current.object);
        self.store_change(at, caller, current, new, options).await
    }

    async fn apply_new(
        &self,
        at: At<'_>,
        patch: &Parsed,
        options: &WriteOptions,
        caller: &Caller,
    ) -> Result<Written, ApiError> {
        let applied = applied(&at, patch, options, caller)?;
        if !object::uid(&applied).is_empty() {
            return Err(ApiError::conflict(
                at.resource.group_resource(),
                at.name,
                "uid mismatch: the provided object specified uid, and no existing object was found",
            ));
        }
        let served = self.catalog.served();
        let new = ownership::applied(&served, &at, None, &applied, options, (self.now)())?;
        self.create_prepared(at, new, options, caller).await
    }
}

/// The object that a manager applies.
fn applied(at: &At<'_>, patch: &Parsed, options: &WriteOptions, caller: &Caller) -> Result<Value, ApiError> {
    if options.field_manager.is_none() {
        return Err(ApiError::apply_needs_manager());
    }
    let mut applied = read(at.resource, patch.clone(), options.field_validation, caller)?;
    check_place(at.resource, at.namespace, Some(at.name), &mut applied)?;
    if applied["metadata"].get("managedFields").is_some_and(|fields| !fields.is_null()) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    Ok(applied)
}

fn patched(at: &At<'_>, patch_type: PatchType, current: &Value, patch: &Value) -> Result<Value, ApiError> {
    let patched = match (patch_type, at.resource.schema.as_ref()) {
        (PatchType::Json, _) => object_patch::json_patch(current, patch),
        (PatchType::Strategic, Some(schema)) => object_patch::strategic_merge(current, patch, schema.root()),
        (PatchType::Strategic | PatchType::Merge | PatchType::Apply, _) => {
            object_patch::merge_patch(current, patch)
        }
    };
    patched.map_err(ApiError::from)
}
