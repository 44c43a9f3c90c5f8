//! Structural schemas: every field has its type outside of `allOf` and its like, which only restrict values.

use serde_json::{Value, json};

use super::value::Source;
use crate::field_error::FieldError;
use crate::go_regex;

/// Where a schema stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Why a schema cannot even be read as a structural one.
pub(super) fn unsupported(source: Source<'_>) -> Option<String> {
    for (name, shown) in [("id", "id"), ("$schema", "schema"), ("$ref", "$ref")] {
        if !source.text(name).is_empty() {
            return Some(format!("OpenAPIV3Schema '{shown}' is not supported"));
        }
    }
    for name in ["patternProperties", "dependencies", "definitions"] {
        if source.get(name).and_then(Value::as_object).is_some_and(|map| !map.is_empty()) {
            return Some(format!("OpenAPIV3Schema '{name}' is not supported"));
        }
    }
    if source.get("additionalItems").is_some() {
        return Some("OpenAPIV3Schema 'additionalItems' is not supported".to_owned());
    }
    if source.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        let detail = "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined";
        return Some(detail.to_owned());
    }
    if source.get("items").is_some_and(Value::is_array) {
        return Some("OpenAPIV3Schema 'items' must be a schema, but is an array".to_owned());
    }
    let single = ["items", "additionalProperties", "not"].into_iter().filter_map(|name| source.schema(name));
    let listed = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|name| source.schemas(name));
    let named = source.named("properties").into_iter().map(|(_, schema)| schema);
    single.chain(listed).chain(named).find_map(unsupported)
}

pub(super) fn check(source: Source<'_>, path: &str, errors: &mut Vec<FieldError>) {
    invariants(source, Level::Root, path, errors);
}

fn invariants(source: Source<'_>, level: Level, path: &str, errors: &mut Vec<FieldError>) {
    let kind = source.text("type");
    if kind == "array" && source.get("items").is_none() {
        errors.push(FieldError::required(format!("{path}.items"), "must be specified"));
    }
    if let Some(items) = source.schema("items") {
        invariants(items, Level::Item, &format!("{path}.items"), errors);
    }
    for (name, property) in source.named("properties") {
        invariants(property, Level::Field, &format!("{path}.properties[{name}]"), errors);
    }
    let additional = format!("{path}.additionalProperties");
    if source.get("additionalProperties").is_some() {
        if level == Level::Root {
            errors.push(FieldError::forbidden(additional.as_str(), "must not be used at the root"));
        }
        if let Some(values) = source.schema("additionalProperties") {
            invariants(values, Level::Field, &additional, errors);
        }
    }
    extensions(source, path, errors);
    value_validation(source, is_int_or_string(source), first_is_int_or_string(source), path, errors);
    types(source, level, path, errors);
    metadata(source, level, path, errors);
}

fn extensions(source: Source<'_>, path: &str, errors: &mut Vec<FieldError>) {
    if !source.flag("x-kubernetes-int-or-string") {
        return;
    }
    for name in ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] {
        if source.flag(name) {
            let detail = "must be false if x-kubernetes-int-or-string is true";
            errors.push(FieldError::invalid(format!("{path}.{name}"), &Value::Bool(true), detail));
        }
    }
}

fn types(source: Source<'_>, level: Level, path: &str, errors: &mut Vec<FieldError>) {
    let kind = source.text("type");
    let embedded = source.flag("x-kubernetes-embedded-resource");
    let preserves = source.flag("x-kubernetes-preserve-unknown-fields");
    let field = format!("{path}.type");
    if embedded && kind != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        errors.push(match kind {
            "" => FieldError::required(field.as_str(), detail),
            _ => FieldError::invalid_text(field.as_str(), kind, detail),
        });
    } else if kind.is_empty() && !source.flag("x-kubernetes-int-or-string") && !preserves {
        let detail = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        errors.push(FieldError::required(field.as_str(), detail));
    }
    if embedded && source.get("additionalProperties").is_some() {
        let detail = "must not be used if x-kubernetes-embedded-resource is set";
        errors.push(FieldError::forbidden(format!("{path}.additionalProperties"), detail));
    }
    if level == Level::Root && !kind.is_empty() && kind != "object" {
        errors.push(FieldError::invalid_text(field, kind, "must be object at the root"));
    }
    if embedded && !preserves && source.named("properties").is_empty() {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                      x-kubernetes-preserve-unknown-fields";
        errors.push(FieldError::required(format!("{path}.properties"), detail));
    }
}

/// Of the metadata of objects, only names can be restricted.
fn metadata(source: Source<'_>, level: Level, path: &str, errors: &mut Vec<FieldError>) {
    let is_resource = level == Level::Root || source.flag("x-kubernetes-embedded-resource");
    for name in ["kind", "apiVersion"] {
        if let Some(property) = source.property(name).filter(|_| is_resource)
            && property.text("type") != "string"
        {
            let field = format!("{path}.properties[{name}].type");
            errors.push(FieldError::invalid_text(field, property.text("type"), "must be string"));
        }
    }
    let Some(metadata) = source.property("metadata") else { return };
    let field = format!("{path}.properties[metadata]");
    if is_resource && metadata.text("type") != "object" {
        errors.push(FieldError::invalid_text(
            format!("{field}.type"),
            metadata.text("type"),
            "must be object",
        ));
    }
    let only_names =
        metadata.named("properties").iter().all(|(name, _)| matches!(*name, "name" | "generateName"));
    let says_more =
        metadata.said().any(|name| !matches!(name, "type" | "default" | "properties")) || !only_names;
    if level == Level::Root && says_more {
        let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        errors.push(FieldError::forbidden(field, detail));
    }
}

/// The one use of `type` in `anyOf` that is allowed.
fn is_int_or_string(source: Source<'_>) -> bool {
    source.get("anyOf") == Some(&json!([{"type": "integer"}, {"type": "string"}]))
}

fn first_is_int_or_string(source: Source<'_>) -> bool {
    source.schemas("allOf").first().is_some_and(|first| is_int_or_string(*first))
}

fn value_validation(
    source: Source<'_>,
    skip_any_of: bool,
    skip_first_all_of: bool,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    for name in ["anyOf", "allOf", "oneOf"] {
        if name == "anyOf" && skip_any_of {
            continue;
        }
        for (index, schema) in source.schemas(name).into_iter().enumerate() {
            let skip = name == "allOf" && index == 0 && skip_first_all_of;
            nested(schema, skip, &format!("{path}.{name}[{index}]"), errors);
        }
    }
    if let Some(not) = source.schema("not") {
        nested(not, false, &format!("{path}.not"), errors);
    }
    let pattern = source.text("pattern");
    if let Err(error) = go_regex::compile(pattern) {
        let detail = format!("must be a valid regular expression, but isn't: {error}");
        errors.push(FieldError::invalid_text(format!("{path}.pattern"), pattern, &detail));
    }
}

/// A schema within `allOf` and its like.
fn nested(source: Source<'_>, skip_any_of: bool, path: &str, errors: &mut Vec<FieldError>) {
    value_validation(source, skip_any_of, false, path, errors);
    if let Some(items) = source.schema("items") {
        nested(items, false, &format!("{path}.items"), errors);
    }
    for (name, property) in source.named("properties") {
        nested(property, false, &format!("{path}.properties[{name}]"), errors);
    }
    let mut forbid = |name: &str, said: bool, what: &str| {
        if said {
            errors.push(FieldError::forbidden(
                format!("{path}.{name}"),
                &format!("must be {what} to be structural"),
            ));
        }
    };
    for name in ["type", "title", "description"] {
        forbid(name, !source.text(name).is_empty(), "empty");
    }
    let additional = source.get("additionalProperties");
    forbid("additionalProperties", additional.is_some_and(|value| *value != Value::Bool(false)), "undefined");
    forbid("default", source.get("default").is_some(), "undefined");
    for name in [
        "nullable",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
    ] {
        forbid(name, source.flag(name), "false");
    }
    let has_some =
        |name: &str| source.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    forbid("x-kubernetes-list-map-keys", has_some("x-kubernetes-list-map-keys"), "empty");
    forbid("x-kubernetes-list-type", source.get("x-kubernetes-list-type").is_some(), "undefined");
    forbid("x-kubernetes-map-type", source.get("x-kubernetes-map-type").is_some(), "undefined");
    forbid("x-kubernetes-validations", has_some("x-kubernetes-validations"), "empty");
    if source.property("metadata").is_some() {
        let detail = "must not be specified in a nested context";
        errors.push(FieldError::forbidden(format!("{path}.properties[metadata]"), detail));
    }
}
