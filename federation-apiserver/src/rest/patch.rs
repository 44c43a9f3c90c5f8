//! A part of an object changed, in one of four ways.

use serde_json::Value;

use super::change::{Current, Refused};
use super::decode::{check_place, read, told_twice};
use super::update::{ATTEMPTS, check_current};
use super::{At, Caller, Rest, Written};
use crate::FieldError;
use crate::body::Parsed;
use crate::object;
use crate::ownership;
use crate::request::{FieldValidation, WriteOptions};
use crate::resource::Resource;
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
        check_patched_kind(at, &new)?;
        let new = Parsed { value: new, duplicates: patch.duplicates.clone() };
        let mut new = match read(at.resource, new, options.field_validation, caller) {
            Ok(new) => new,
            Err(why) => {
                // It is made again to be shown, which costs those nothing whose patch is good.
                let shown = patched(at, patch_type, &current.object, &patch.value)?;
                return Err(ApiError::patched_misfit(&shown, &why).into());
            }
        };
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
        let new = ownership::applied(&served, at, live, &applied, options, (self.now)())?;
        let mut new = read(at.resource, new.into(), FieldValidation::Ignore, caller)?;
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
        let uid = object::uid(&applied);
        if !uid.is_empty() {
            let why = format!(
                "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            );
            return Err(ApiError::conflict(at.resource.group_resource(), at.name, &why));
        }
        let served = self.catalog.served();
        let new = ownership::applied(&served, &at, None, &applied, options, (self.now)())?;
        let mut new = read(at.resource, new.into(), FieldValidation::Ignore, caller)?;
        check_place(at.resource, at.namespace, Some(at.name), &mut new)?;
        self.create_prepared(at, new, options, caller).await
    }
}

/// The object that a manager applies.
fn applied(at: &At<'_>, patch: &Parsed, options: &WriteOptions, caller: &Caller) -> Result<Value, ApiError> {
    if options.field_manager.is_none() {
        return Err(ApiError::apply_needs_manager());
    }
    let mut applied = patch.value.clone();
    check_applied_kind(at, &applied)?;
    told_twice(at.resource, patch, options.field_validation, caller)?;
    check_place(at.resource, at.namespace, Some(at.name), &mut applied.clone())?;
    if applied["metadata"].get("name").is_none() {
        object::set(&mut applied, "name", Some(at.name.into()));
    }
    if applied["metadata"].get("managedFields").is_some_and(|fields| !fields.is_null()) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    Ok(applied)
}

/// What is applied says itself what it is.
fn check_applied_kind(at: &At<'_>, applied: &Value) -> Result<(), ApiError> {
    if !applied.is_object() {
        return Err(ApiError::bad_request("error decoding YAML: what is applied is not an object"));
    }
    let said = |field: &str| applied[field].as_str().unwrap_or_default();
    let (group, version) = said("apiVersion").split_once('/').unwrap_or(("", said("apiVersion")));
    let resource = at.resource;
    if version.is_empty() || group != resource.group || said("kind") != resource.kind {
        let kind = said("kind");
        return Err(ApiError::bad_request(format!("invalid object type: {group}/{version}, Kind={kind}")));
    }
    if version != resource.version {
        return Err(ApiError::bad_request(format!(
            "incorrect version specified in apply patch. Specified patch version: {}, expected: {}",
            said("apiVersion"),
            resource.api_version()
        )));
    }
    Ok(())
}

/// A custom resource stays what it is. (Of a built-in kind, reading it finds that out.)
fn check_patched_kind(at: &At<'_>, new: &Value) -> Result<(), ApiError> {
    let Resource { group, kind, custom, .. } = at.resource;
    let version = at.resource.api_version();
    let said = |field: &str| new[field].as_str().unwrap_or_default();
    if !custom || said("kind").is_empty() || said("apiVersion").is_empty() {
        return Ok(());
    }
    let wrong = |field: &str, is: &str| {
        let value = Value::from(said(field));
        FieldError::invalid(field, &value, &format!("must be {is}"))
    };
    let mut errors = Vec::new();
    if said("kind") != kind {
        errors.push(wrong("kind", kind));
    }
    if said("apiVersion") != version {
        errors.push(wrong("apiVersion", &version));
    }
    if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid(group, said("kind"), at.name, &errors)) }
}

fn patched(at: &At<'_>, patch_type: PatchType, current: &Value, patch: &Value) -> Result<Value, ApiError> {
    let patched = match (patch_type, at.resource.rules.schema()) {
        (PatchType::Json, _) => object_patch::json_patch(current, patch),
        (PatchType::Strategic, Some(schema)) => object_patch::strategic_merge(current, patch, schema.root()),
        (PatchType::Strategic | PatchType::Merge | PatchType::Apply, _) => {
            object_patch::merge_patch(current, patch)
        }
    };
    patched.map_err(ApiError::from)
}
