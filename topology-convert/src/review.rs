//! A ConversionReview, answered.

use serde_json::{Map, Value, json};

use crate::form::{CLUSTER, Form, to_cluster_form, to_topology_form};
use crate::registry::Registry;

const API_VERSION: &str = "apiextensions.k8s.io/v1";
const KIND: &str = "ConversionReview";

/// Why a review was not answered with objects. None of these depends on what an object says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum ReviewError {
    #[error(
        "the request is no {KIND} of {API_VERSION}: apiVersion is {api_version}, kind is {kind}; list v1 first in conversionReviewVersions"
    )]
    NoReview { api_version: Value, kind: Value },
    #[error("{field}: must be {wanted}, and is {is}")]
    Shape { field: &'static str, is: &'static str, wanted: &'static str },
    #[error("request.desiredAPIVersion: '{desired}' is no version of a federated kind; known are {group}/{cluster} and {group}/{topology}",
        group = federation_model::TYPES_GROUP,
        cluster = federation_model::CLUSTER_FORM_VERSION,
        topology = federation_model::TOPOLOGY_FORM_VERSION)]
    Desired { desired: String },
    #[error("request.objects[{at}]: apiVersion {api_version} does not convert to {desired}")]
    Object { at: usize, api_version: Value, desired: String },
}

/// Answers a ConversionReview: each object of the request in the desired version, in order.
///
/// Both take and give the whole review as JSON
/// (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#webhook-request-and-response>).
/// Objects that are in the desired version already come back as they are. The answer's result is `Failure`, with a
/// message that says which field is wrong, only for what no API server sends: a request of another shape, or a version
/// that federated kinds do not have. A well-formed object of a federated kind is always converted, whatever is in it.
pub fn review(mut review: Value, registry: &Registry) -> Value {
    let uid = review.pointer_mut("/request/uid").map(Value::take).filter(Value::is_string);
    let uid = uid.unwrap_or_else(|| Value::String(String::new()));
    let (objects, result) = match converted(&mut review, registry) {
        Ok(objects) => (objects, json!({"status": "Success"})),
        Err(error) => (Vec::new(), json!({"status": "Failure", "message": error.to_string()})),
    };
    let mut answer =
        json!({"apiVersion": API_VERSION, "kind": KIND, "response": {"uid": uid, "result": result}});
    // Put in by hand: `json!` would serialise the objects anew, which costs far more than to convert them.
    answer["response"]["convertedObjects"] = Value::Array(objects);
    answer
}

fn converted(review: &mut Value, registry: &Registry) -> Result<Vec<Value>, ReviewError> {
    let said = |key| review.get(key).cloned().unwrap_or(Value::Null);
    let (api_version, kind) = (said("apiVersion"), said("kind"));
    if api_version != API_VERSION || kind != KIND {
        return Err(ReviewError::NoReview { api_version, kind });
    }
    let request = match review.get_mut("request") {
        Some(Value::Object(request)) => request,
        other => return Err(shape("request", other.as_deref(), "an object")),
    };
    let desired = match request.remove("desiredAPIVersion") {
        Some(Value::String(desired)) => desired,
        other => return Err(shape("request.desiredAPIVersion", other.as_ref(), "a text")),
    };
    let objects = match request.remove("objects") {
        Some(Value::Array(objects)) => objects,
        other => return Err(shape("request.objects", other.as_ref(), "a list")),
    };
    let Some((group, to)) = desired.rsplit_once('/').and_then(|(g, v)| Some((g, Form::of_version(v)?)))
    else {
        return Err(ReviewError::Desired { desired });
    };
    let convert = if *to == CLUSTER { to_cluster_form } else { to_topology_form };
    let each = objects.into_iter().enumerate().map(|(at, object)| {
        let of_group = |object: &Map<String, Value>| Form::of(object).is_some_and(|(of, _)| of == group);
        if object.as_object().is_some_and(of_group) {
            return Ok(convert(object, registry));
        }
        let api_version = object.get("apiVersion").cloned().unwrap_or(Value::Null);
        Err(ReviewError::Object { at, api_version, desired: desired.clone() })
    });
    each.collect()
}

fn shape(field: &'static str, value: Option<&Value>, wanted: &'static str) -> ReviewError {
    let is = match value {
        None => "missing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a truth value",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a text",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    };
    ReviewError::Shape { field, is, wanted }
}
