//! `x-kubernetes-list-type`, `x-kubernetes-list-map-keys` and `x-kubernetes-map-type`.

use serde_json::Value;

use super::value::Source;
use crate::field_error::FieldError;

const LIST_TYPE: &str = "x-kubernetes-list-type";
const MAP_TYPE: &str = "x-kubernetes-map-type";
const KEYS: &str = "x-kubernetes-list-map-keys";

pub(super) fn check(source: Source<'_>, path: &str, errors: &mut Vec<FieldError>) {
    if let Some(map_type) = source.some_text(MAP_TYPE) {
        expect_type(source, "object", MAP_TYPE, path, errors);
        if !matches!(map_type, "atomic" | "granular") {
            let field = format!("{path}.{MAP_TYPE}");
            errors.push(FieldError::not_supported(field, &Value::from(map_type), ["atomic", "granular"]));
        }
    }
    let list_type = source.some_text(LIST_TYPE);
    if let Some(list_type) = list_type {
        if !expect_type(source, "array", LIST_TYPE, path, errors) && list_type == "set" {
            check_set(source, path, errors);
        }
        if !matches!(list_type, "atomic" | "set" | "map") {
            let field = format!("{path}.{LIST_TYPE}");
            errors.push(FieldError::not_supported(field, &Value::from(list_type), ["atomic", "set", "map"]));
        }
    }
    let keys = source.texts(KEYS);
    if !keys.is_empty() && list_type != Some("map") {
        let field = format!("{path}.{LIST_TYPE}");
        let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
        errors.push(match list_type {
            None => FieldError::required(field, detail),
            Some(other) => FieldError::invalid_text(field, other, detail),
        });
    }
    if list_type == Some("map") {
        check_map(source, &keys, path, errors);
    }
    if let (Some(list_type @ ("set" | "map")), Some(items)) = (list_type, source.schema("items")) {
        check_elements(items, list_type, &keys, path, errors);
    }
}

/// Whether the type was another, which is reported.
fn expect_type(
    source: Source<'_>,
    kind: &str,
    keyword: &str,
    path: &str,
    errors: &mut Vec<FieldError>,
) -> bool {
    let found = source.text("type");
    let (field, detail) = (format!("{path}.type"), format!("must be {kind} if {keyword} is specified"));
    match found {
        _ if found == kind => return false,
        "" => errors.push(FieldError::required(field, &detail)),
        other => errors.push(FieldError::invalid_text(field, other, &detail)),
    }
    true
}

/// The elements of a set are each one value.
fn check_set(source: Source<'_>, path: &str, errors: &mut Vec<FieldError>) {
    let Some(items) = source.schema("items") else { return };
    let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
    // It is the list type that is shown, of objects as well.
    let shown = items.get(LIST_TYPE).cloned().unwrap_or_default();
    match items.text("type") {
        "array" if !matches!(items.some_text(LIST_TYPE), None | Some("atomic")) => {
            errors.push(FieldError::invalid(format!("{path}.items.{LIST_TYPE}"), &shown, detail));
        }
        "object" if items.some_text(MAP_TYPE) != Some("atomic") => {
            errors.push(FieldError::invalid(format!("{path}.items.{MAP_TYPE}"), &shown, detail));
        }
        _ => {}
    }
}

fn check_map(source: Source<'_>, keys: &[&str], path: &str, errors: &mut Vec<FieldError>) {
    if keys.is_empty() {
        let detail = "must not be empty if x-kubernetes-list-type is map";
        errors.push(FieldError::required(format!("{path}.{KEYS}"), detail));
    }
    if source.get("items").is_none() {
        let detail = "must have a schema if x-kubernetes-list-type is map";
        errors.push(FieldError::required(format!("{path}.items"), detail));
    }
    let Some(items) = source.schema("items") else { return };
    if items.text("type") != "object" {
        let detail = "must be object if parent array's x-kubernetes-list-type is map";
        errors.push(FieldError::invalid_text(format!("{path}.items.type"), items.text("type"), detail));
        return;
    }
    let shown = Value::from(keys.to_vec());
    for (index, key) in keys.iter().enumerate() {
        match items.property(key) {
            Some(property) if matches!(property.text("type"), "array" | "object") => {
                let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                let field = format!("{path}.items.properties[{key}].type");
                errors.push(FieldError::invalid_text(field, "object", detail));
            }
            Some(_) => {}
            None => {
                let detail = "entries must all be names of item properties";
                errors.push(FieldError::invalid(format!("{path}.{KEYS}"), &shown, detail));
            }
        }
        if keys[..index].contains(key) {
            let detail = "must not contain duplicate entries";
            errors.push(FieldError::invalid(format!("{path}.{KEYS}"), &shown, detail));
        }
    }
}

/// Elements are there, and so are their keys.
fn check_elements(
    items: Source<'_>,
    list_type: &str,
    keys: &[&str],
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    if items.flag("nullable") {
        let detail = format!("cannot be nullable when x-kubernetes-list-type is {list_type}");
        errors.push(FieldError::forbidden(format!("{path}.items.nullable"), &detail));
    }
    if list_type != "map" {
        return;
    }
    let required = items.texts("required");
    for key in keys {
        let Some(property) = items.property(key) else { continue };
        let field = format!("{path}.items.properties[{key}]");
        if !required.contains(key) && property.get("default").is_none() {
            let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required \
                          property";
            errors.push(FieldError::required(format!("{field}.default"), detail));
        }
        if property.flag("nullable") {
            let detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            errors.push(FieldError::forbidden(format!("{field}.nullable"), detail));
        }
    }
}
