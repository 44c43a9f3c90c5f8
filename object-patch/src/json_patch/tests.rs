use serde_json::json;

use super::*;

fn patched(object: &Value, patch: Value) -> Value {
    json_patch(object, &patch).unwrap_or_else(|error| json!(format!("{} {error}", error.code())))
}

const REJECTED: &str = "422 the server rejected our request due to an error in our request";

#[test]
fn operations() {
    let object = json!({"a": {"b": 1, "x/y": 2, "m~n": 3}, "list": [1, 2, 3], "none": null});
    let with = |change: fn(&mut Value)| {
        let mut object = object.clone();
        change(&mut object);
        object
    };
    for (operation, expected) in [
        (json!({"op": "add", "path": "/a/c", "value": 4}), with(|o| o["a"]["c"] = json!(4))),
        (json!({"op": "add", "path": "/a/x~1y", "value": 4}), with(|o| o["a"]["x/y"] = json!(4))),
        (json!({"op": "add", "path": "/a/m~0n", "value": 4}), with(|o| o["a"]["m~n"] = json!(4))),
        (json!({"op": "add", "path": "/list/1", "value": 9}), with(|o| o["list"] = json!([1, 9, 2, 3]))),
        (json!({"op": "add", "path": "/list/-", "value": 9}), with(|o| o["list"] = json!([1, 2, 3, 9]))),
        (json!({"op": "add", "path": "/list/-1", "value": 9}), with(|o| o["list"] = json!([1, 2, 3, 9]))),
        (json!({"op": "remove", "path": "/list/-1"}), with(|o| o["list"] = json!([1, 2]))),
        (json!({"op": "replace", "path": "/a/new", "value": 9}), with(|o| o["a"]["new"] = json!(9))),
        (json!({"op": "replace", "path": "/list/0", "value": 9}), with(|o| o["list"] = json!([9, 2, 3]))),
        (json!({"op": "move", "from": "/a/b", "path": "/list/0"}), {
            with(|o| {
                o["list"] = json!([1, 1, 2, 3]);
                o["a"] = json!({"x/y": 2, "m~n": 3});
            })
        }),
        (json!({"op": "copy", "from": "/a/missing", "path": "/list/0"}), {
            with(|o| o["list"] = json!([null, 1, 2, 3]))
        }),
        (json!({"op": "test", "path": "/a/b", "value": 1}), object.clone()),
        (json!({"op": "test", "path": "/missing", "value": null}), object.clone()),
        (json!({"op": "test", "path": "/none"}), object.clone()),
        (json!({"op": "replace", "path": "", "value": {"z": 1}}), json!({"z": 1})),
        (json!({"op": "test", "path": "/a/b", "value": 2}), json!(REJECTED)),
        (json!({"op": "test", "path": "/a/b", "value": 1.0}), json!(REJECTED)),
        (json!({"op": "add", "path": "", "value": {}}), json!(REJECTED)),
        (json!({"op": "add", "path": "/list/4", "value": 9}), json!(REJECTED)),
        (json!({"op": "add", "path": "/list/-5", "value": 9}), json!(REJECTED)),
        (json!({"op": "add", "path": "/none/x", "value": 9}), json!(REJECTED)),
        (json!({"op": "remove", "path": "/missing"}), json!(REJECTED)),
        (json!({"op": "replace", "path": "/list/3", "value": 9}), json!(REJECTED)),
        (json!({"op": "replace", "path": "", "value": 9}), json!(REJECTED)),
        (json!({"op": "remove"}), json!(REJECTED)),
        (json!({"op": "jump", "path": "/a"}), json!(REJECTED)),
        (json!(null), json!(REJECTED)),
    ] {
        assert_eq!(patched(&object, json!([operation])), expected, "{operation}");
    }
}

#[test]
fn malformed_patches() {
    let text = |patch| patched(&json!({}), patch);
    assert_eq!(text(json!(null)), json!({}));
    assert_eq!(
        text(json!({})),
        "400 error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
    );
    assert_eq!(
        text(json!(["x"])),
        "400 error decoding patch: json: cannot unmarshal string into Go value of type handlers.jsonPatchOp"
    );
    assert_eq!(
        text(json!([{"op": 1}])),
        "400 error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string"
    );
    assert_eq!(
        text(json!(vec![json!({"op": "test", "path": "/a"}); MAX_OPERATIONS + 1])),
        "413 Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001"
    );
    assert_eq!(
        unknown_fields(&json!([{"op": "add", "path": "/a", "value": 1}, {"op": "test", "pth": "/a"}])),
        ["json patch unknown field \"[1].pth\""]
    );
}

#[test]
fn copies_cannot_grow_without_bound() {
    let object = json!({"a": "x".repeat(1 << 20), "b": {}});
    let copy = |name: &str| json!({"op": "copy", "from": "/a", "path": format!("/b/{name}")});
    assert!(json_patch(&object, &json!([copy("1"), copy("2")])).is_ok());
    assert!(json_patch(&object, &json!([copy("1"), copy("2"), copy("3")])).is_err());

    let nesting = json!({"op": "copy", "from": "/b", "path": "/b/b"});
    assert!(json_patch(&json!({"b": {}}), &json!(vec![nesting; 300])).is_err());
}
