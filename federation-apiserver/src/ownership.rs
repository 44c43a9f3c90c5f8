//! Which manager owns which fields (`metadata.managedFields`).

use std::sync::Arc;

use jiff::Timestamp;
use object_patch::{FieldSet, Forms, Writer};
use serde_json::Value;
use structural_schema::SchemaRef;

use crate::conversion::Conversion;
use crate::object;
use crate::request::WriteOptions;
use crate::resource::{Resource, Served, api_version};
use crate::rest::At;
use crate::status::ApiError;

/// The forms of a resource that are served.
struct ServedForms<'a> {
    served: &'a Served,
    resource: &'a Resource,
}

impl ServedForms<'_> {
    fn form(&self, wanted: &str) -> Option<&Arc<Resource>> {
        let version = wanted.rsplit('/').next()?;
        let found = self.served.get(&self.resource.group, version, &self.resource.plural)?;
        (api_version(&found.group, &found.version) == wanted).then_some(found)
    }
}

impl Forms for ServedForms<'_> {
    fn schema(&self, wanted: &str) -> Option<SchemaRef<'_>> {
        let schema = if wanted == self.resource.api_version() {
            self.resource.rules.schema()
        } else {
            self.form(wanted)?.rules.schema()
        };
        schema.map(structural_schema::Schema::root)
    }

    fn convert(&self, object: &Value, wanted: &str) -> Result<Option<Value>, String> {
        if self.form(wanted).is_none() {
            return Ok(None);
        }
        match &self.resource.conversion {
            Conversion::None => {
                let mut object = object.clone();
                object::set_top(&mut object, "apiVersion", Some(wanted.into()));
                Ok(Some(object))
            }
            Conversion::By(converter) => converter.convert_now(object, wanted).map(Some),
        }
    }
}

/// The fields that a request to this part of an object cannot set: `GetResetFields` of the strategies in
/// `k8s.io/kubernetes/pkg/registry` and `k8s.io/apiextensions-apiserver/pkg/registry`.
fn ignored(at: &At<'_>) -> FieldSet {
    match (at.subresource, at.resource.kind.as_str()) {
        (Some("status"), _) if at.resource.custom => FieldSet::of_fields(&[&["metadata"], &["spec"]]),
        (Some("status"), "Deployment") => FieldSet::of_fields(&[&["metadata", "labels"], &["spec"]]),
        (Some("status"), "Pod") => FieldSet::of_fields(&[
            &["spec"],
            &["metadata", "deletionTimestamp"],
            &["metadata", "ownerReferences"],
        ]),
        (Some("status"), _) => FieldSet::of_fields(&[&["spec"]]),
        _ if at.resource.status => FieldSet::of_fields(&[&["status"]]),
        _ => FieldSet::new(),
    }
}

fn with_resource<T>(served: &Served, at: &At<'_>, act: impl FnOnce(&object_patch::Resource<'_>) -> T) -> T {
    let (api_version, ignored) = (at.resource.api_version(), ignored(at));
    let forms = ServedForms { served, resource: at.resource };
    let kind = &at.resource.kind;
    act(&object_patch::Resource { api_version: &api_version, kind, forms: &forms, ignored: &ignored })
}

/// Notes in a new object what a manager changed by any write but an apply.
pub(crate) fn updated(
    served: &Served,
    at: &At<'_>,
    old: Option<&Value>,
    new: &mut Value,
    manager: &str,
    now: Timestamp,
) {
    let time = object::time(now);
    let writer = Writer { manager, subresource: at.subresource.unwrap_or_default(), time: &time };
    with_resource(served, at, |resource| object_patch::track_update(old, new, resource, &writer));
}

/// The object after a server-side apply.
///
/// # Errors
/// Others own what is applied, or it does not fit.
pub(crate) fn applied(
    served: &Served,
    at: &At<'_>,
    live: Option<&Value>,
    applied: &Value,
    options: &WriteOptions,
    now: Timestamp,
) -> Result<Value, ApiError> {
    let time = object::time(now);
    let manager = options.field_manager.as_deref().unwrap_or_default();
    let writer = Writer { manager, subresource: at.subresource.unwrap_or_default(), time: &time };
    let force = options.force.unwrap_or(false);
    with_resource(served, at, |resource| object_patch::apply(live, applied, resource, &writer, force))
        .map_err(ApiError::from)
}
