//! The kind that is written, with a schema, and its objects of 1 KB.

use bytes::Bytes;
use serde_json::{Value, json};

pub const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
pub const COLLECTION: &str = "/apis/bench.example.com/v1/namespaces/default/widgets";

pub fn definition() -> Bytes {
    let text = json!({"type": "string", "maxLength": 1000});
    let schema = json!({
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["replicas", "parts"],
                "properties": {
                    "replicas": {"type": "integer", "minimum": 0},
                    "paused": {"type": "boolean"},
                    "description": text,
                    "selector": {"type": "object", "additionalProperties": text},
                    "parts": {
                        "type": "array",
                        "maxItems": 100,
                        "items": {
                            "type": "object",
                            "required": ["name"],
                            "properties": {
                                "name": {"type": "string", "pattern": "^[a-z0-9-]+$"},
                                "value": text,
                                "port": {"type": "integer", "minimum": 1, "maximum": 65535},
                            },
                        },
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                    },
                },
            },
            "status": {"type": "object", "properties": {"ready": {"type": "integer"}}},
        },
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.bench.example.com"},
        "spec": {
            "group": "bench.example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
            }],
        },
    })
    .to_string()
    .into()
}

/// 1 KB of JSON, as a client sends it.
pub fn widget(number: usize) -> Bytes {
    let parts: Vec<Value> = (0..8)
        .map(|part| json!({"name": format!("part-{part}"), "value": "x".repeat(30), "port": 8000 + part}))
        .collect();
    json!({
        "apiVersion": "bench.example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name(number), "labels": {"app": "bench", "part": "widget"}},
        "spec": {
            "replicas": 1,
            "description": "d".repeat(200),
            "selector": {"app": "bench", "tier": "one"},
            "parts": parts,
        },
    })
    .to_string()
    .into()
}

pub fn path(number: usize) -> String {
    format!("{COLLECTION}/{}", name(number))
}

fn name(number: usize) -> String {
    format!("widget-{number:05}")
}
