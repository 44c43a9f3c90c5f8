use serde_json::{Value, json};
use structural_schema::Schema;

use super::strategic_merge;

fn pod() -> Schema {
    let container = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "image": {"type": "string"},
            "args": {"type": "array", "items": {"type": "string"}},
            "env": {
                "type": "array",
                "x-kubernetes-patch-strategy": "merge",
                "x-kubernetes-patch-merge-key": "name",
                "items": {"type": "object", "properties": {"name": {"type": "string"}}},
            },
        },
    });
    Schema::compile(&json!({
        "type": "object",
        "properties": {
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "extra": {"type": "object", "additionalProperties": {"type": "object"}},
            "finalizers": {
                "type": "array",
                "items": {"type": "string"},
                "x-kubernetes-patch-strategy": "merge",
            },
            "strategy": {
                "type": "object",
                "x-kubernetes-patch-strategy": "retainKeys",
                "properties": {"type": {"type": "string"}, "rolling": {"type": "object"}},
            },
            "whole": {"type": "object", "x-kubernetes-patch-strategy": "replace"},
            "containers": {
                "type": "array",
                "x-kubernetes-patch-strategy": "merge",
                "x-kubernetes-patch-merge-key": "name",
                "items": container,
            },
        },
    }))
    .unwrap()
}

fn merged(object: Value, patch: Value) -> Value {
    strategic_merge(&object, &patch, pod().root())
        .unwrap_or_else(|error| json!(format!("{} {error}", error.code())))
}

#[test]
fn maps_and_scalars() {
    for (object, patch, expected) in [
        (
            json!({"labels": {"a": "1"}}),
            json!({"labels": {"b": "2", "a": null}}),
            json!({"labels": {"b": "2"}}),
        ),
        (json!({"labels": {"a": "1"}}), json!({"labels": {"$patch": "replace", "b": "2"}}), {
            json!({"labels": {"b": "2"}})
        }),
        (json!({"labels": {"a": "1"}}), json!({"labels": {"$patch": "delete"}}), json!({"labels": {}})),
        (json!({}), json!({"labels": {"$patch": "delete"}}), json!({})),
        (json!({}), json!({"labels": {"a": null, "b": "1"}}), json!({"labels": {"b": "1"}})),
        (json!({"whole": {"a": 1}}), json!({"whole": {"b": 2}}), json!({"whole": {"b": 2}})),
        (
            json!({"strategy": {"type": "Rolling", "rolling": {}}}),
            json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}),
            json!({"strategy": {"type": "Recreate"}}),
        ),
        (
            json!({"strategy": {}}),
            json!({"strategy": {"$retainKeys": ["rolling"], "type": "Recreate"}}),
            json!("400 invalid patch format of retainKeys"),
        ),
        (
            json!({"labels": {"a": "1"}}),
            json!({"labels": {"$patch": "merge"}}),
            json!("500 unknown patch type: merge in map: map[$patch:merge]"),
        ),
        (
            json!({"extra": {"a": {}}}),
            json!({"extra": {"a": {}}}),
            json!("500 merging an object in json but data type is not struct, instead is: map"),
        ),
    ] {
        assert_eq!(merged(object.clone(), patch.clone()), expected, "{object} with {patch}");
    }
}

#[test]
fn sets_of_scalars() {
    let with = |patch| merged(json!({"finalizers": ["a", "b", "c"]}), patch)["finalizers"].clone();
    assert_eq!(with(json!({"finalizers": ["d", "b"]})), json!(["d", "a", "b", "c"]));
    assert_eq!(with(json!({"$deleteFromPrimitiveList/finalizers": ["b", "x"]})), json!(["a", "c"]));
    assert_eq!(with(json!({"$setElementOrder/finalizers": ["c", "a"]})), json!(["b", "c", "a"]));
    assert_eq!(
        with(json!({"finalizers": ["d"], "$setElementOrder/finalizers": ["d", "a"]})),
        json!(["d", "a", "b", "c"])
    );
    assert_eq!(
        merged(json!({}), json!({"$deleteFromPrimitiveListx": []})),
        "400 invalid patch format of primitive list"
    );
    assert_eq!(
        merged(json!({"finalizers": ["a"]}), json!({"finalizers": [1]})),
        "500 list element types are not identical: [[a] [1]]"
    );
    assert_eq!(
        merged(json!({"finalizers": ["a"]}), json!({"finalizers": [["x"]]})),
        "500 list element types are not identical: [[a] [[x]]]"
    );
}

#[test]
fn lists_by_merge_key() {
    let with = |patch| {
        let object = json!({"containers": [
            {"name": "a", "image": "1", "args": ["x"]},
            {"name": "b", "image": "1"},
            {"name": "c", "image": "1"},
        ]});
        merged(object, json!({ "containers": patch }))["containers"].clone()
    };
    assert_eq!(
        with(json!([{"name": "a", "image": "2", "args": ["y"]}])),
        json!([{"name": "a", "image": "2", "args": ["y"]}, {"name": "b", "image": "1"}, {"name": "c", "image": "1"}])
    );
    assert_eq!(
        with(json!([{"name": "b", "$patch": "delete"}, {"name": "d"}])),
        json!([{"name": "d"}, {"name": "a", "image": "1", "args": ["x"]}, {"name": "c", "image": "1"}])
    );
    assert_eq!(with(json!([{"$patch": "replace"}, {"name": "d"}])), json!([{"name": "d"}]));

    let error = |patch| merged(json!({"containers": [{"name": "a"}]}), json!({ "containers": patch }));
    assert_eq!(
        error(json!([{"image": "2"}])),
        "500 map: map[image:2] does not contain declared merge key: name"
    );
    assert_eq!(
        error(json!([{"name": "a", "$patch": "merge"}])),
        "500 merging lists cannot yet be specified in the patch"
    );
    let order = json!({
        "$setElementOrder/containers": [{"name": "b"}],
        "containers": [{"name": "a"}],
    });
    assert_eq!(
        merged(json!({"containers": [{"name": "a"}]}), order),
        "500 The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n"
    );
}
