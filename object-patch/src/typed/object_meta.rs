//! The type of metadata, for schemas of custom resources, which do not spell it out.

use std::sync::LazyLock;

use serde_json::{Value, json};
use structural_schema::{Schema, SchemaRef};

use super::Type;

/// `apiVersion`, `kind` and `metadata` of a resource whose schema leaves its metadata to Kubernetes.
pub(super) fn field<'a>(resource: SchemaRef<'a>, name: &str) -> Option<Type<'a>> {
    if !matches!(name, "apiVersion" | "kind" | "metadata") {
        return None;
    }
    let is_complete = |metadata: SchemaRef<'_>| metadata.property("managedFields").is_some();
    if resource.property("metadata").is_some_and(is_complete) {
        return None;
    }
    let resource = RESOURCE.as_ref()?;
    resource.root().property(name).map(|at| Type::Schema { at, preserves: false, resource: false })
}

static RESOURCE: LazyLock<Option<Schema>> = LazyLock::new(|| Schema::compile(&definition()).ok());

fn definition() -> Value {
    let text = || json!({"type": "string"});
    let texts = || json!({"type": "object", "additionalProperties": {"type": "string"}});
    let time = || json!({"type": "string", "format": "date-time"});
    let owner = json!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "apiVersion": text(),
            "kind": text(),
            "name": text(),
            "uid": text(),
            "controller": {"type": "boolean"},
            "blockOwnerDeletion": {"type": "boolean"},
        },
    });
    let entry = json!({
        "type": "object",
        "properties": {
            "manager": text(),
            "operation": text(),
            "apiVersion": text(),
            "time": time(),
            "fieldsType": text(),
            "fieldsV1": {"type": "object"},
            "subresource": text(),
        },
    });
    json!({
        "type": "object",
        "properties": {
            "apiVersion": text(),
            "kind": text(),
            "metadata": {
                "type": "object",
                "properties": {
                    "name": text(),
                    "generateName": text(),
                    "namespace": text(),
                    "selfLink": text(),
                    "uid": text(),
                    "resourceVersion": text(),
                    "generation": {"type": "integer"},
                    "creationTimestamp": time(),
                    "deletionTimestamp": time(),
                    "deletionGracePeriodSeconds": {"type": "integer"},
                    "labels": texts(),
                    "annotations": texts(),
                    "ownerReferences": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["uid"],
                        "items": owner,
                    },
                    "finalizers": {"type": "array", "x-kubernetes-list-type": "set", "items": text()},
                    "managedFields": {"type": "array", "x-kubernetes-list-type": "atomic", "items": entry},
                },
            },
        },
    })
}
