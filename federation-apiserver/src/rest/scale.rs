//! The `scale` subresource: one way to read and write the replicas of any kind (`autoscaling/v1 Scale`).

use serde_json::{Value, json};

use super::change::{Current, Refused};
use super::update::ATTEMPTS;
use super::{At, Caller, PatchType, Rest, Written};
use crate::object;
use crate::ownership;
use crate::request::WriteOptions;
use crate::resource::ScalePaths;
use crate::status::{ApiError, GroupResource};

/// What a `Scale` is changed by.
pub enum ScaleChange {
    /// A whole new one.
    Replace(Value),
    /// A patch.
    Patch(PatchType, Value),
}

impl Rest {
    /// Reads the scale of an object.
    pub async fn scale(&self, at: At<'_>) -> Result<Value, ApiError> {
        let paths = paths(&at)?;
        let current = self.current(&at).await?;
        Ok(scale_of(&current.object, paths))
    }

    /// Writes the wanted replicas of an object.
    pub async fn set_scale(
        &self,
        at: At<'_>,
        change: ScaleChange,
        options: &WriteOptions,
        caller: &Caller,
    ) -> Result<Written, ApiError> {
        let paths = paths(&at)?;
        for _ in 0..ATTEMPTS {
            let current = self.current(&at).await?;
            let before = scale_of(&current.object, paths);
            let wanted = match &change {
                ScaleChange::Replace(scale) => scale.clone(),
                ScaleChange::Patch(PatchType::Apply, patch) => {
                    match self.apply_scale(&at, &current, patch, paths, options, caller).await {
                        Ok(object) => return Ok(Written { code: 200, object }),
                        Err(Refused::Error(error)) => return Err(error),
                        Err(Refused::Stale) => continue,
                    }
                }
                ScaleChange::Patch(PatchType::Json, patch) => object_patch::json_patch(&before, patch)?,
                ScaleChange::Patch(_, patch) => object_patch::merge_patch(&before, patch)?,
            };
            check(&at, &wanted).map_err(|why| match change {
                ScaleChange::Replace(_) => why,
                ScaleChange::Patch(..) => ApiError::patched_misfit(&wanted, &why),
            })?;
            super::decode::check_name(at.name, &wanted)?;
            super::update::check_current(&at, &wanted, &current)?;
            let replicas = wanted["spec"]["replicas"].as_i64().unwrap_or(0);
            if replicas < 0 {
                let error = crate::FieldError {
                    cause: crate::Cause::Invalid,
                    field: "spec.replicas".to_owned(),
                    message: format!("Invalid value: {replicas}: must be greater than or equal to 0"),
                };
                return Err(ApiError::invalid("autoscaling", "Scale", at.name, &[error]));
            }
            let mut new = current.object.clone();
            set(&mut new, &paths.spec_replicas, replicas.into());
            let manager = caller.manager(options.field_manager.as_deref());
            match self
                .replace(&At { subresource: Some("scale"), ..at }, caller, &current, new, &manager, options)
                .await
            {
                Ok(scaled) => {
                    return Ok(Written { code: 200, object: scale_of(&scaled, paths) });
                }
                Err(Refused::Error(error)) => return Err(error),
                Err(Refused::Stale) => {}
            }
        }
        Err(ApiError::modified(at.resource.group_resource(), at.name))
    }
}

impl Rest {
    /// Applies a scale: whoever applies owns the replicas of the object.
    async fn apply_scale(
        &self,
        at: &At<'_>,
        current: &Current,
        scale: &Value,
        paths: &ScalePaths,
        options: &WriteOptions,
        caller: &Caller,
    ) -> Result<Value, Refused> {
        if options.field_manager.is_none() {
            return Err(ApiError::apply_needs_manager().into());
        }
        let at = At { subresource: Some("scale"), ..*at };
        let mut applied = json!({
            "apiVersion": at.resource.api_version(), "kind": at.resource.kind, "metadata": {"name": at.name},
        });
        if let Some(namespace) = at.namespace {
            applied["metadata"]["namespace"] = namespace.into();
        }
        if let Some(replicas) = scale["spec"].get("replicas") {
            set(&mut applied, &paths.spec_replicas, replicas.clone());
        }
        let served = self.catalog.served();
        let live = Some(&current.object);
        let mut new = ownership::applied(&served, &at, live, &applied, options, (self.now)())?;
        super::change::settle(&at, &mut new, &current.object);
        let changed = self.store_change(&at, caller, current, new, options).await?;
        Ok(scale_of(&changed, paths))
    }
}

/// Whether a value is a scale at all.
fn check(at: &At<'_>, scale: &Value) -> Result<(), ApiError> {
    let kind = scale["kind"].as_str().unwrap_or_default();
    if !matches!(kind, "" | "Scale") {
        let (group, version) = (&at.resource.group, &at.resource.version);
        let of = GroupResource { group, resource: kind };
        return Err(ApiError::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a Scale: {of} is no scale"
        )));
    }
    let replicas = &scale["spec"]["replicas"];
    if replicas.is_null() || replicas.is_i64() {
        return Ok(());
    }
    Err(ApiError::bad_request(
        "Scale in version \"v1\" cannot be handled as a Scale: spec.replicas is no whole number",
    ))
}

fn paths<'a>(at: &At<'a>) -> Result<&'a ScalePaths, ApiError> {
    at.resource.scale.as_ref().ok_or_else(ApiError::no_such_path)
}

fn scale_of(object: &Value, paths: &ScalePaths) -> Value {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let mut status = json!({"replicas": number(&paths.status_replicas)});
    let selector = paths.label_selector.as_deref().and_then(|pointer| object.pointer(pointer));
    match selector {
        Some(Value::String(selector)) => status["selector"] = selector.as_str().into(),
        Some(labels @ Value::Object(_)) => {
            if let Some(selector) = crate::select::LabelSelector::of_object(labels) {
                status["selector"] = selector.to_string().into();
            }
        }
        _ => {}
    }
    let meta = |field: &str| object["metadata"].get(field).cloned().unwrap_or_default();
    let mut metadata = json!({
        "name": object::name(object), "uid": meta("uid"), "resourceVersion": meta("resourceVersion"),
        "creationTimestamp": meta("creationTimestamp"),
    });
    if !object::namespace(object).is_empty() {
        metadata["namespace"] = object::namespace(object).into();
    }
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": number(&paths.spec_replicas)}, "status": status,
    })
}

/// Sets a value at a pointer, with the objects on the way to it.
fn set(object: &mut Value, pointer: &str, value: Value) {
    let mut place = object;
    for field in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[field];
    }
    *place = value;
}
