//! From what is stored to what is served, and from what a client sends to an object.

use std::collections::BTreeSet;

use revision_store::Entry;
use serde_json::Value;

use super::{Caller, Rest};
use crate::FieldError;
use crate::body::Parsed;
use crate::builtin::{KINDS, Kind};
use crate::object;
use crate::request::FieldValidation;
use crate::resource::{Resource, Served};
use crate::status::ApiError;

impl Rest {
    /// A stored object in the version of the resource.
    pub(crate) async fn decode(&self, resource: &Resource, entry: &Entry) -> Result<Value, ApiError> {
        let mut all = self.decode_all(resource, std::slice::from_ref(entry)).await?;
        all.pop().ok_or_else(|| ApiError::internal("a conversion gave nothing back"))
    }

    /// Stored objects in the version of the resource, in the same order.
    pub(crate) async fn decode_all(
        &self,
        resource: &Resource,
        entries: &[Entry],
    ) -> Result<Vec<Value>, ApiError> {
        let mut objects = Vec::with_capacity(entries.len());
        for entry in entries {
            let mut object: Value = serde_json::from_slice(&entry.value)
                .map_err(|error| ApiError::internal(format!("{} cannot be read: {error}", entry.key)))?;
            object::set(&mut object, "resourceVersion", Some(entry.mod_revision.to_string().into()));
            objects.push(object);
        }
        let is_stored = resource.api_version() == resource.storage_version;
        let served = self.catalog.served();
        // Defaults are those of the stored version.
        let stored = if is_stored { Some(resource) } else { stored_form(&served, resource) };
        if let Some(stored) = stored.filter(|stored| stored.defaults_on_read) {
            objects.iter_mut().for_each(|object| stored.rules.default(object));
        }
        let mut objects = resource.conversion.all(objects, &resource.api_version()).await?;
        if resource.custom && !is_stored {
            // What the stored version has and this one has not is not served in this one.
            objects.iter_mut().for_each(|object| drop_unknown(resource, object));
        }
        Ok(objects)
    }
}

/// The version of a resource in which its objects are stored, if it is served.
pub(super) fn stored_form<'a>(served: &'a Served, resource: &Resource) -> Option<&'a Resource> {
    let version = resource.storage_version.rsplit('/').next().unwrap_or_default();
    served.get(&resource.group, version, &resource.plural).map(AsRef::as_ref)
}

/// Drops what a version of a custom resource does not have. An object that does not fit it at all stays as it is.
pub(super) fn drop_unknown(resource: &Resource, object: &mut Value) {
    if let Ok((read, _)) = resource.rules.read(object.clone()) {
        *object = read;
    }
}

/// Reads an object that a client sent: of the resource's kind and version, without what the kind does not have.
pub(super) fn read(
    resource: &Resource,
    body: Parsed,
    unknown: FieldValidation,
    caller: &Caller,
) -> Result<Value, ApiError> {
    let Parsed { mut value, duplicates } = body;
    check_kind(resource, &mut value)?;
    let (value, dropped) = resource.rules.read(value).map_err(|why| misfit(resource, &why))?;
    tell(resource, &duplicates, &dropped, unknown, caller)?;
    Ok(value)
}

/// Tells the client which fields it gave twice.
pub(super) fn told_twice(
    resource: &Resource,
    body: &Parsed,
    validation: FieldValidation,
    caller: &Caller,
) -> Result<(), ApiError> {
    tell(resource, &body.duplicates, &[], validation, caller)
}

/// Tells the client which fields it gave twice, and which the kind does not have.
fn tell(
    resource: &Resource,
    duplicates: &[String],
    dropped: &[String],
    validation: FieldValidation,
    caller: &Caller,
) -> Result<(), ApiError> {
    let found: BTreeSet<String> = (duplicates.iter().map(|field| format!("duplicate field \"{field}\"")))
        .chain(dropped.iter().map(|field| format!("unknown field \"{field}\"")))
        .collect();
    match validation {
        _ if found.is_empty() => Ok(()),
        FieldValidation::Ignore => Ok(()),
        FieldValidation::Warn => {
            found.into_iter().for_each(|text| caller.warn(text));
            Ok(())
        }
        FieldValidation::Strict => {
            let all = found.into_iter().collect::<Vec<_>>().join(", ");
            Err(misfit(resource, &format!("strict decoding error: {all}")))
        }
    }
}

fn misfit(Resource { kind, version, .. }: &Resource, why: &str) -> ApiError {
    ApiError::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"))
}

fn check_kind(resource: &Resource, object: &mut Value) -> Result<(), ApiError> {
    if object.is_null() && !resource.custom {
        *object = Value::Object(serde_json::Map::new());
    }
    if !object.is_object() {
        return Err(ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {})",
            resource.kind
        )));
    }
    let wanted = resource.api_version();
    let custom = resource.custom;
    let said = |field: &str| object[field].as_str().unwrap_or_default();
    let (version, kind) = (said("apiVersion"), said("kind"));
    // Built-in kinds are known by the path alone; custom resources must say what they are.
    if custom && kind.is_empty() {
        return Err(ApiError::bad_request(format!("Object 'Kind' is missing in '{object}'")));
    }
    if ["apiVersion", "kind"].iter().any(|field| !object[*field].is_null() && !object[*field].is_string()) {
        return Err(ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): couldn't get version/kind; apiVersion and kind must be strings",
            resource.kind
        )));
    }
    if (custom || !version.is_empty()) && version != wanted {
        let kind = if kind.is_empty() { &resource.kind } else { kind };
        let is = |one: &Kind| one.kind == kind && one.group_version.api_version() == version;
        if !custom && !KINDS.iter().any(is) {
            let said = version.rsplit('/').next().unwrap_or_default();
            return Err(ApiError::bad_request(format!(
                "{kind} in version \"{said}\" cannot be handled as a {}: no kind \"{kind}\" is registered for version \"{version}\"",
                resource.kind
            )));
        }
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({wanted})"
        )));
    }
    if !kind.is_empty() && kind != resource.kind {
        let (group, served) = (&resource.group, &resource.version);
        if custom {
            let error = FieldError::invalid_text("kind", kind, &format!("must be {}", resource.kind));
            return Err(ApiError::invalid(group, kind, object::name(object), &[error]));
        }
        return Err(ApiError::bad_request(format!(
            "{kind} in version \"{served}\" cannot be handled as a {}",
            resource.kind
        )));
    }
    object::set_top(object, "apiVersion", Some(wanted.into()));
    object::set_top(object, "kind", Some(resource.kind.clone().into()));
    Ok(())
}

/// Puts the path's namespace and name into an object, which must not say otherwise.
pub(super) fn check_place(
    resource: &Resource,
    namespace: Option<&str>,
    name: Option<&str>,
    object: &mut Value,
) -> Result<(), ApiError> {
    if let Some(namespace) = namespace.filter(|_| resource.namespaced) {
        match object::namespace(object) {
            "" => object::set(object, "namespace", Some(namespace.into())),
            said if said == namespace => {}
            _ => {
                return Err(ApiError::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
        }
    } else {
        object::set(object, "namespace", None);
    }
    if let Some(name) = name {
        check_name(name, object)?;
        object::set(object, "name", Some(name.into()));
    }
    Ok(())
}

/// Whether an object is of the path's name, or of none.
pub(super) fn check_name(name: &str, object: &Value) -> Result<(), ApiError> {
    match object::name(object) {
        "" => Ok(()),
        said if said == name => Ok(()),
        said => Err(ApiError::bad_request(format!(
            "the name of the object ({said}) does not match the name on the URL ({name})"
        ))),
    }
}
