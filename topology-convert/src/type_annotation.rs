//! Where the two forms keep the topology type: a field in the one, an annotation in the other.
//!
//! The cluster form is KubeFed's and has no field for it. An annotation of that key which the topology form holds by
//! itself would be in the way, so it moves up by one: `k` is kept as `k.own`, `k.own` as `k.own.own`, and so on, and all
//! come back down. So nothing is lost whatever the annotations are.

use federation_model::annotation::TOPOLOGY_TYPE;
use serde_json::{Map, Value};

const OWN: &str = ".own";
const FIELD: &str = "topologyType";

/// The topology type of an object in the cluster form.
pub(crate) fn in_cluster_form(object: &Map<String, Value>) -> Option<&str> {
    let annotated = annotations(object).and_then(|a| a.get(TOPOLOGY_TYPE)).and_then(Value::as_str);
    annotated.or_else(|| field(object))
}

/// The topology type of an object in the topology form.
pub(crate) fn in_topology_form(object: &Map<String, Value>) -> Option<&str> {
    if has_spec(object) {
        return field(object);
    }
    // Without a spec there is no field, and the annotation stays where it is in both forms.
    annotations(object).and_then(|a| a.get(TOPOLOGY_TYPE)).and_then(Value::as_str)
}

/// The annotation of the type's key that the topology form holds by itself.
pub(crate) fn own_in_topology_form(object: &Map<String, Value>) -> Option<&str> {
    has_spec(object).then(|| annotations(object)?.get(TOPOLOGY_TYPE)?.as_str()).flatten()
}

/// Moves the field to the annotation.
pub(crate) fn to_annotation(object: &mut Map<String, Value>) {
    if !has_spec(object) || !takes_annotations(object) {
        return;
    }
    let field = object.get_mut("spec").and_then(Value::as_object_mut).and_then(|spec| take_text(spec, FIELD));
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        // The longest key first, so that each finds its new place empty.
        for key in own_keys(annotations).into_iter().rev() {
            if let Some(value) = annotations.remove(&key) {
                annotations.insert(key + OWN, value);
            }
        }
    }
    if let Some(field) = field {
        let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(TOPOLOGY_TYPE.to_owned(), field);
        }
    }
}

/// Moves the annotation to the field. A map of annotations that this empties goes too: Kubernetes knows no empty one.
pub(crate) fn to_field(object: &mut Map<String, Value>) {
    if !has_spec(object) {
        return;
    }
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else { return };
    let annotated = take_text(annotations, TOPOLOGY_TYPE);
    for key in own_keys(annotations) {
        if let Some(lower) = key.strip_suffix(OWN).map(str::to_owned)
            && let Some(value) = annotations.remove(&key)
        {
            annotations.insert(lower, value);
        }
    }
    let Some(annotated) = annotated else { return };
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert(FIELD.to_owned(), annotated);
    }
}

/// Keys of the type's annotation and of those kept for the topology form, shortest first.
fn own_keys(annotations: &Map<String, Value>) -> Vec<String> {
    let is_own = |key: &str| {
        key.strip_prefix(TOPOLOGY_TYPE).is_some_and(|mut rest| {
            while let Some(shorter) = rest.strip_prefix(OWN) {
                rest = shorter;
            }
            rest.is_empty()
        })
    };
    let mut keys: Vec<_> =
        annotations.iter().filter(|(k, v)| v.is_string() && is_own(k)).map(|(k, _)| k.clone()).collect();
    keys.sort_unstable_by_key(String::len);
    keys
}

fn take_text(map: &mut Map<String, Value>, key: &str) -> Option<Value> {
    map.get(key).is_some_and(Value::is_string).then(|| map.remove(key)).flatten()
}

fn has_spec(object: &Map<String, Value>) -> bool {
    object.get("spec").is_some_and(Value::is_object)
}

fn field(object: &Map<String, Value>) -> Option<&str> {
    object.get("spec")?.get(FIELD)?.as_str()
}

fn annotations(object: &Map<String, Value>) -> Option<&Map<String, Value>> {
    object.get("metadata")?.get("annotations")?.as_object()
}

/// Whether an annotation can be put in and taken out without a trace. Not where annotations are something that
/// Kubernetes never hands out (an empty map, null, a text); there the type stays in the field, in both forms.
fn takes_annotations(object: &Map<String, Value>) -> bool {
    let Some(Value::Object(metadata)) = object.get("metadata") else { return false };
    match metadata.get("annotations") {
        None => true,
        Some(Value::Object(annotations)) => !annotations.is_empty(),
        Some(_) => false,
    }
}
