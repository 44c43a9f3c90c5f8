//! Patches: an object on the first line of the input, a patch on the second.

use std::sync::OnceLock;

use object_patch::{
    FieldSet, ManagedFields, OneForm, Resource, Writer, json_patch, merge_patch, strategic_merge,
    track_update,
};
use serde_json::{Value, json};
use structural_schema::Schema;

use super::documents;

fn two(input: &[u8]) -> Option<(Value, Value)> {
    let mut documents = documents(input).into_iter();
    Some((documents.next()?, documents.next()?))
}

/// A type with every way to merge.
fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let text = json!({"type": "string"});
        let spec = json!({"type": "object", "properties": {
            "a": text,
            "map": {"type": "object", "additionalProperties": text},
            "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": text},
            "set": {"type": "array", "x-kubernetes-list-type": "set", "items": text},
            "list": {
                "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["key"],
                "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "key",
                "items": {"type": "object", "properties": {"key": text, "v": text}},
            },
            "free": {"x-kubernetes-preserve-unknown-fields": true},
        }});
        Schema::compile(&json!({"type": "object", "properties": {"spec": spec}})).expect("it is a schema")
    })
}

/// A patch of nothing changes nothing.
pub(crate) fn json(input: &[u8]) {
    let Some((object, patch)) = two(input) else { return };
    let _ = json_patch(&object, &patch);
    if let Ok(same) = json_patch(&object, &json!([])) {
        assert_eq!(same, object);
    }
}

/// Merged twice is merged once.
pub(crate) fn merge(input: &[u8]) {
    let Some((object, patch)) = two(input) else { return };
    if let Ok(once) = merge_patch(&object, &patch) {
        assert_eq!(merge_patch(&once, &patch).expect("it could be merged before"), once);
    }
}

/// Nothing panics, and a patch of nothing changes nothing.
pub(crate) fn strategic(input: &[u8]) {
    let Some((object, patch)) = two(input) else { return };
    let _ = strategic_merge(&object, &patch, schema().root());
    if object.is_object()
        && let Ok(same) = strategic_merge(&object, &json!({}), schema().root())
    {
        assert_eq!(same, object);
    }
}

/// Applied twice is applied once, and what is applied is owned.
pub(crate) fn apply(input: &[u8]) {
    let Some((mut object, mut applied)) = two(input) else { return };
    for value in [&mut object, &mut applied] {
        let Some(fields) = value.as_object_mut() else { return };
        fields.insert("apiVersion".to_owned(), json!("example.com/v1"));
        fields.insert("kind".to_owned(), json!("Thing"));
    }
    let forms = OneForm(Some(schema().root()));
    let ignored = FieldSet::of_fields(&[&["status"]]);
    let resource =
        Resource { api_version: "example.com/v1", kind: "Thing", forms: &forms, ignored: &ignored };
    let writer = Writer { manager: "one", subresource: "", time: "2026-01-01T00:00:00Z" };
    let _ = object_patch::apply(Some(&object), &applied, &resource, &writer, false);
    if let Ok(once) = object_patch::apply(Some(&object), &applied, &resource, &writer, true) {
        let twice = object_patch::apply(Some(&once), &applied, &resource, &writer, true);
        assert_eq!(twice.expect("it could be applied before"), once);
        ManagedFields::of(&once).expect("owners that are written can be read");
    }
    let mut updated = applied;
    track_update(Some(&object), &mut updated, &resource, &writer);
    ManagedFields::of(&updated).expect("owners that are written can be read");
}
