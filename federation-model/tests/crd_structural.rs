//! Every schema is structural, as `apiextensions.k8s.io/v1` asks, and tells a reader of `kubectl explain` what each field
//! is.
//!
//! Source of the rules: Kubernetes' documentation, "Extend the Kubernetes API with CustomResourceDefinitions",
//! "Specifying a structural schema".

use std::collections::BTreeSet;

use federation_model::{ConversionWebhook, core_crds, default_types, federated_crd, type_config};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

fn every_definition() -> Vec<CustomResourceDefinition> {
    let mut all = core_crds();
    for ty in default_types() {
        for webhook in [ConversionWebhook::Pending, ConversionWebhook::None] {
            all.push(federated_crd(&type_config(&ty.target, "fed"), &ty.kind, &webhook));
        }
    }
    all
}

fn is_true(node: &Value, key: &str) -> bool {
    node[key] == true
}

/// What is wrong with a schema, each with its place.
fn troubles(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    node(schema, "", true, &mut found);
    found
}

fn node(schema: &Value, at: &str, is_root: bool, found: &mut Vec<String>) {
    const FORBIDDEN: [&str; 9] = [
        "$ref",
        "definitions",
        "dependencies",
        "deprecated",
        "discriminator",
        "id",
        "patternProperties",
        "readOnly",
        "writeOnly",
    ];
    let mut refuse = |what: &str| found.push(format!("{at}: {what}"));
    let open = is_true(schema, "x-kubernetes-preserve-unknown-fields")
        || is_true(schema, "x-kubernetes-int-or-string");
    if schema["type"].as_str().is_none_or(str::is_empty) && !open {
        refuse("no type");
    }
    if is_root && schema["type"] != "object" {
        refuse("the root is no object");
    }
    for key in FORBIDDEN {
        if !schema[key].is_null() {
            refuse(key);
        }
    }
    if is_true(schema, "uniqueItems") {
        refuse("uniqueItems");
    }
    if schema["additionalProperties"] == false
        || (!schema["properties"].is_null() && !schema["additionalProperties"].is_null())
    {
        refuse("additionalProperties that is false, or next to properties");
    }
    for junction in ["allOf", "anyOf", "oneOf"] {
        for branch in schema[junction].as_array().into_iter().flatten() {
            for key in ["type", "description", "default", "additionalProperties", "nullable"] {
                if !branch[key].is_null() {
                    refuse(&format!("{key} within {junction}"));
                }
            }
        }
    }
    if schema["type"] == "array" && schema["items"].is_null() {
        refuse("an array without items");
    }
    if schema["x-kubernetes-list-type"] == "map" {
        let required: BTreeSet<_> =
            schema["items"]["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for key in
            schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten().filter_map(Value::as_str)
        {
            if !required.contains(key) || schema["items"]["properties"][key]["type"] != "string" {
                refuse(&format!("map key {key} is not required, or no string"));
            }
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if schema["properties"][name].is_null() {
            refuse(&format!("{name} is required, but there is none"));
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        // The API server writes these three descriptions itself.
        let is_type_meta = is_root && ["apiVersion", "kind", "metadata"].contains(&name.as_str());
        if !is_type_meta && property["description"].as_str().is_none_or(str::is_empty) {
            found.push(format!("{at}: no description"));
        }
        node(property, &at, false, found);
    }
    if schema["items"].is_object() {
        node(&schema["items"], &format!("{at}[]"), false, found);
    }
    if schema["additionalProperties"].is_object() {
        node(&schema["additionalProperties"], &format!("{at}{{}}"), false, found);
    }
}

#[test]
fn every_schema_is_structural_and_described() {
    for crd in every_definition() {
        for version in &crd.spec.versions {
            let schema = serde_json::to_value(version.schema.as_ref().unwrap()).unwrap();
            let root = &schema["openAPIV3Schema"];
            let words = root["description"].as_str().unwrap_or_default();
            assert!(
                !words.is_empty() && !words.contains("Auto-generated"),
                "{}/{}",
                crd.spec.names.kind,
                version.name
            );
            assert!(!root.to_string().contains('`'), "{}: backticks are rustdoc's", crd.spec.names.kind);
            assert_eq!(troubles(root), [""; 0], "{}/{}", crd.spec.names.kind, version.name);
        }
    }
}

/// The walk above finds what it is there to find.
#[test]
fn the_walk_finds_trouble() {
    for (schema, what) in [
        (json!({"type": "string"}), ": the root is no object"),
        (json!({"type": "object", "properties": {"a": {"description": "x"}}}), ".a: no type"),
        (json!({"type": "object", "properties": {"a": {"type": "string"}}}), ".a: no description"),
        (
            json!({"type": "object", "properties": {"a": {"type": "array", "description": "x"}}}),
            ".a: an array without items",
        ),
        (json!({"type": "object", "$ref": "#/x"}), ": $ref"),
        (json!({"type": "object", "oneOf": [{"type": "object"}]}), ": type within oneOf"),
        (json!({"type": "object", "required": ["a"]}), ": a is required, but there is none"),
        (
            json!({"type": "object", "properties": {"a": {"type": "array", "description": "x", "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"], "items": {"type": "object"}}}}),
            ".a: map key name is not required, or no string",
        ),
    ] {
        assert_eq!(troubles(&schema), [what]);
    }
}

/// KubeFed's group, version, plural, scope, short names and subresources.
#[test]
fn kubefeds_kinds_are_where_kubefed_has_them() {
    let found: Vec<_> = core_crds()
        .iter()
        .map(|crd| {
            let version = &crd.spec.versions[0];
            assert_eq!(crd.spec.versions.len(), 1);
            assert!(version.served && version.storage);
            let status = version.subresources.as_ref().is_some_and(|s| s.status.is_some());
            format!(
                "{} {} {} [{}]{}",
                crd.metadata.name.as_deref().unwrap_or_default(),
                version.name,
                crd.spec.scope,
                crd.spec.names.short_names.as_deref().unwrap_or_default().join(","),
                if status { " status" } else { "" }
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "kubefedclusters.core.kubefed.io v1beta1 Namespaced [kfc] status",
            "kubefedconfigs.core.kubefed.io v1beta1 Namespaced []",
            "federatedtypeconfigs.core.kubefed.io v1beta1 Namespaced [ftc] status",
            "replicaschedulingpreferences.scheduling.kubefed.io v1alpha1 Namespaced [rsp]",
            "cells.fedd.io v1alpha1 Namespaced [] status",
            "topologytypes.fedd.io v1alpha1 Cluster [tt]",
            "propagatedversions.core.kubefed.io v1alpha1 Namespaced [] status",
            "clusterpropagatedversions.core.kubefed.io v1alpha1 Cluster [] status",
            "federatedservicestatuses.core.kubefed.io v1alpha1 Namespaced []",
        ]
    );
}
