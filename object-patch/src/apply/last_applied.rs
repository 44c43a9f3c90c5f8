//! The way from kubectl's client-side apply to server-side apply.
//!
//! Client-side apply keeps what it applied in an annotation. What is still as it was applied then is kubectl's to change,
//! although the managed fields give it to an updater; and the annotation follows, for who goes back.

use serde_json::Value;
use structural_schema::go_text::{Encoder, json};

use super::Request;
use crate::conflict::{ApplyError, Conflict};
use crate::field_set::FieldSet;
use crate::managed_fields::ManagedFields;
use crate::typed::{self, Duplicates, validate};

/// The manager that this is done for.
pub(super) const MANAGER: &str = "kubectl";

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The most bytes that the keys and values of an object's annotations may have.
const MAX_ANNOTATIONS: usize = 256 << 10;

/// Applies in spite of conflicts that are only about what client-side apply set.
pub(super) fn resolve(
    request: &Request<'_>,
    conflicts: Vec<Conflict>,
) -> Result<(Value, ManagedFields), ApplyError> {
    let Some(allowed) = client_side_fields(request) else {
        return Err(ApplyError::Conflicts(conflicts));
    };
    let others: Vec<_> =
        conflicts.into_iter().filter(|conflict| !allowed.contains(&conflict.field.0)).collect();
    if others.is_empty() { request.carry_out(true) } else { Err(ApplyError::Conflicts(others)) }
}

/// The fields that are as client-side apply set them.
fn client_side_fields(request: &Request<'_>) -> Option<FieldSet> {
    let applied: Value = serde_json::from_str(annotation(request.live)?).ok()?;
    if applied["apiVersion"] != request.resource.api_version {
        return None;
    }
    let ty = request.resource.ty(request.resource.api_version);
    validate(request.live, ty, Duplicates::Refused).ok()?;
    validate(&applied, ty, Duplicates::Refused).ok()?;
    let change = typed::compare(&applied, request.live, ty);
    let fields = typed::fields_of(&applied, ty);
    Some(fields.difference(&change.modified).difference(&change.added).difference(&change.removed))
}

fn annotation(object: &Value) -> Option<&str> {
    object["metadata"]["annotations"][ANNOTATION].as_str().filter(|text| !text.is_empty())
}

/// Writes what is applied into the annotation of an object that has it; one that would become too large loses it.
pub(super) fn bring_up_to_date(object: &mut Value, applied: &Value) {
    if annotation(object).is_none() {
        return;
    }
    let mut applied = applied.clone();
    if let Some(annotations) = applied.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(ANNOTATION);
    }
    let text = json(&applied, Encoder::Standard) + "\n";
    let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) else {
        return;
    };
    annotations.insert(ANNOTATION.to_owned(), Value::String(text));
    let size = |(key, value): (&String, &Value)| key.len() + value.as_str().map_or(0, str::len);
    if annotations.iter().map(size).sum::<usize>() > MAX_ANNOTATIONS {
        annotations.remove(ANNOTATION);
    }
}
