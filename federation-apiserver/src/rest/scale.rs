//! The `scale` subresource: one way to read and write the replicas of any kind (`autoscaling/v1 Scale`).

use serde_json::{Value, json};

use super::change::{Current, Refused};
use super::update::ATTEMPTS;
use super::{At, Caller, PatchType, Rest, Written};
use crate::definition::scale as fields;
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
        let scale = scale_of(&at, &current.object, paths)?;
        if scale["spec"].get("replicas").is_none() {
            let field = fields::field(&paths.spec_replicas);
            return Err(ApiError::internal(format!("the spec replicas field \"{field}\" does not exist")));
        }
        Ok(scale)
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
            let before = scale_of(&at, &current.object, paths)?;
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
            let replicas = wanted_replicas(&change, &wanted, paths)?;
            if replicas < 0 && !at.resource.custom {
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
                    return Ok(Written { code: 200, object: scale_of(&at, &scaled, paths)? });
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
        Ok(scale_of(&at, &changed, paths)?)
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
    if replicas.is_null() || replicas.as_i64().is_some_and(|replicas| i32::try_from(replicas).is_ok()) {
        return Ok(());
    }
    Err(ApiError::bad_request(
        "Scale in version \"v1\" cannot be handled as a Scale: spec.replicas is no whole number of 32 bits",
    ))
}

fn paths<'a>(at: &At<'a>) -> Result<&'a ScalePaths, ApiError> {
    at.resource.scale.as_ref().ok_or_else(ApiError::no_such_path)
}

/// What a client wants. Who sends a whole scale without it wants none.
fn wanted_replicas(change: &ScaleChange, scale: &Value, paths: &ScalePaths) -> Result<i64, ApiError> {
    match (scale["spec"]["replicas"].as_i64(), change) {
        (Some(replicas), _) => Ok(replicas),
        (None, ScaleChange::Replace(_)) => Ok(0),
        (None, ScaleChange::Patch(..)) => {
            let field = fields::field(&paths.spec_replicas);
            Err(ApiError::bad_request(format!("the spec replicas field \"{field}\" cannot be empty")))
        }
    }
}

/// The scale of an object; without wanted replicas where a custom resource does not say them.
fn scale_of(at: &At<'_>, object: &Value, paths: &ScalePaths) -> Result<Value, ApiError> {
    let number = |pointer: &str| {
        fields::number(object, pointer).map_err(|why| ApiError::unclassified(why.to_string()))
    };
    let mut status = json!({"replicas": number(&paths.status_replicas)?.unwrap_or(0)});
    match paths.label_selector.as_deref() {
        Some(pointer) if at.resource.custom => {
            let selector =
                fields::text(object, pointer).map_err(|why| ApiError::unclassified(why.to_string()))?;
            if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
                status["selector"] = selector.into();
            }
        }
        Some(pointer) => {
            let labels = object.pointer(pointer).unwrap_or(&Value::Null);
            if let Some(selector) = crate::select::LabelSelector::of_object(labels) {
                status["selector"] = selector.to_string().into();
            }
        }
        None => {}
    }
    let wanted = number(&paths.spec_replicas)?;
    let spec = match wanted {
        None if at.resource.custom => json!({}),
        wanted => json!({"replicas": wanted.unwrap_or(0)}),
    };
    let meta = |field: &str| object["metadata"].get(field).cloned().unwrap_or_default();
    let mut metadata = json!({
        "name": object::name(object), "uid": meta("uid"), "resourceVersion": meta("resourceVersion"),
        "creationTimestamp": meta("creationTimestamp"),
    });
    if !object::namespace(object).is_empty() {
        metadata["namespace"] = object::namespace(object).into();
    }
    Ok(json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status,
    }))
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
