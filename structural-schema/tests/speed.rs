//! How long an object of 1 KB takes. `cargo test --release -p structural-schema --test speed -- --ignored --nocapture`
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test: it fails by panicking")]

use std::hint::black_box;
use std::time::Instant;

use serde_json::{Value, json};
use structural_schema::Schema;

fn schema(rules: &Value) -> Schema {
    Schema::compile(&json!({"type": "object", "properties": {"spec": {
        "type": "object",
        "required": ["name"],
        "x-kubernetes-validations": rules,
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z0-9-]+$", "maxLength": 63},
            "replicas": {"type": "integer", "minimum": 0, "default": 1},
            "mode": {"type": "string", "enum": ["A", "B", "C"]},
            "labels": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 63}},
            "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"}, "image": {"type": "string", "minLength": 1},
                    "port": {"x-kubernetes-int-or-string": true}}}},
        },
    }}}))
    .unwrap()
}

fn object() -> Value {
    let parts: Vec<Value> = (0..10)
        .map(|n| json!({"name": format!("part-{n}"), "image": "registry.example.com/team/image:v1.2.3", "port": n}))
        .collect();
    json!({"apiVersion": "example.com/v1", "kind": "App", "metadata": {"name": "a"}, "spec": {
        "name": "some-name", "replicas": 3, "mode": "B", "labels": {"app": "shop", "tier": "front", "team": "x"},
        "parts": parts}})
}

fn measure(what: &str, mut run: impl FnMut()) {
    const TIMES: u32 = 20_000;
    let start = Instant::now();
    (0..TIMES).for_each(|_| run());
    println!("{what}: {:?}", start.elapsed() / TIMES);
}

#[test]
#[ignore = "a measurement"]
fn an_object_of_1_kb() {
    let object = object();
    println!("{} bytes", object.to_string().len());
    let plain = schema(&json!([]));
    let ruled = schema(&json!([{"rule": "self.replicas > 0 && self.parts.all(p, p.image != '')"}]));
    measure("clone", || drop(black_box(object.clone())));
    measure("clone, prune and default", || {
        let mut object = object.clone();
        plain.prune(&mut object);
        plain.default(&mut object);
        black_box(object);
    });
    measure("validate", || assert!(black_box(plain.validate(&object, None)).is_empty()));
    measure("validate an update", || assert!(black_box(plain.validate(&object, Some(&object))).is_empty()));
    measure("validate with a rule", || assert!(black_box(ruled.validate(&object, None)).is_empty()));
}
