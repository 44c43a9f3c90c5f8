//! Pruning and defaulting.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test: it fails by panicking")]

use serde_json::{Value, json};
use structural_schema::Schema;

fn schema() -> Schema {
    Schema::compile(&json!({"type": "object", "properties": {"spec": {
        "type": "object",
        "default": {"name": "default", "unknown": true},
        "properties": {
            "name": {"type": "string"},
            "size": {"type": "integer", "default": 3},
            "nothing": {"type": "string", "nullable": true, "default": "some"},
            "text": {"type": "string"},
            "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {
                "a": {"type": "string", "default": "x"}}}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
                "known": {"type": "object", "properties": {"a": {"type": "string"}}}}},
            "template": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {
                "spec": {"type": "object", "properties": {"a": {"type": "string"}}}}},
        },
    }}}))
    .unwrap()
}

#[track_caller]
fn pruned(mut object: Value, paths: &[&str], result: Value) {
    assert_eq!(schema().prune(&mut object), paths);
    assert_eq!(object, result);
}

#[test]
fn what_is_not_specified_is_pruned() {
    pruned(
        json!({"apiVersion": "v1", "kind": "K", "metadata": {"name": "a", "any": 1}, "status": {}, "spec": {
            "z": 1, "list": [{"b": 1}, {"a": "a"}], "map": {"k": {"b": 1}}}}),
        &["spec.list[0].b", "spec.map.k.b", "spec.z", "status"],
        json!({"apiVersion": "v1", "kind": "K", "metadata": {"name": "a", "any": 1}, "spec": {
            "list": [{}, {"a": "a"}], "map": {"k": {}}}}),
    );
}

#[test]
fn what_is_preserved_is_kept_but_for_what_is_specified() {
    pruned(
        json!({"spec": {"free": {"any": {"thing": 1}, "known": {"a": "a", "b": "b"}}}}),
        &["spec.free.known.b"],
        json!({"spec": {"free": {"any": {"thing": 1}, "known": {"a": "a"}}}}),
    );
}

#[test]
fn embedded_resources_keep_their_type_and_metadata() {
    pruned(
        json!({"spec": {"template": {"apiVersion": "v1", "kind": "K", "other": 1, "spec": {"b": 1},
            "metadata": {"name": "a", "unknown": 1, "creationTimestamp": null}}}}),
        &["spec.template.other", "spec.template.spec.b", "spec.template.metadata.unknown"],
        json!({"spec": {"template": {"apiVersion": "v1", "kind": "K", "spec": {}, "metadata": {"name": "a"}}}}),
    );
}

#[test]
fn nulls_go_unless_they_are_allowed_or_have_a_default() {
    pruned(
        json!({"spec": {"text": null, "nothing": null, "size": null}}),
        &[],
        json!({"spec": {"nothing": null, "size": null}}),
    );
}

#[test]
fn missing_fields_get_defaults_also_within_defaults() {
    let mut object = json!({});
    schema().default(&mut object);
    assert_eq!(object, json!({"spec": {"name": "default", "size": 3, "nothing": "some"}}));

    let mut object = json!({"spec": {"size": null, "nothing": null, "map": {"k": {}}}});
    schema().default(&mut object);
    assert_eq!(object, json!({"spec": {"size": 3, "nothing": null, "map": {"k": {"a": "x"}}}}));
}
