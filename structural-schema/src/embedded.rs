//! Embedded resources (`x-kubernetes-embedded-resource`): objects within objects, with metadata of their own.

mod metadata;
mod names;

use serde_json::Value;

use crate::field_error::FieldError;
use crate::node::SchemaRef;
use crate::path::Path;
use crate::prune::UnknownFields;

pub(crate) use metadata::keep_known_fields;

/// Takes unknown fields out of the metadata of embedded resources, and what metadata of a typed client would not
/// write: what is empty.
pub(crate) fn prune_metadata(schema: SchemaRef<'_>, value: &mut Value, unknown: &mut UnknownFields) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if schema.node().embedded && name == "metadata" {
                    unknown.in_field(name, |unknown| keep_known_fields(field, unknown));
                }
                let Some(below) = schema.field(name).filter(|below| below.node().has_embedded) else {
                    continue;
                };
                if schema.property(name).is_some() {
                    unknown.in_field(name, |unknown| prune_metadata(below, field, unknown));
                } else {
                    unknown.in_key(name, |unknown| prune_metadata(below, field, unknown));
                }
            }
        }
        Value::Array(elements) => {
            if let Some(items) = schema.items()
                && items.node().has_embedded
            {
                for (index, element) in elements.iter_mut().enumerate() {
                    unknown.in_element(index, |unknown| prune_metadata(items, element, unknown));
                }
            }
        }
        _ => {}
    }
}

/// What is wrong with `apiVersion`, `kind` and `metadata` of embedded resources; of the top as well if it is one.
pub(crate) fn validate(
    schema: SchemaRef<'_>,
    value: &Value,
    path: &Path<'_>,
    is_resource: bool,
    errors: &mut Vec<FieldError>,
) {
    match value {
        Value::Object(fields) => {
            if is_resource || schema.node().embedded {
                metadata::validate(fields, path, errors);
            }
            if !schema.node().has_embedded {
                return;
            }
            for (name, field) in fields {
                if let Some(property) = schema.property(name) {
                    validate(property, field, &Path::Field(path, name), false, errors);
                } else if let Some(values) = schema.values() {
                    validate(values, field, &Path::Key(path, name), false, errors);
                }
            }
        }
        Value::Array(elements) if schema.node().has_embedded => {
            if let Some(items) = schema.items() {
                for (index, element) in elements.iter().enumerate() {
                    validate(items, element, &Path::Index(path, index), false, errors);
                }
            }
        }
        _ => {}
    }
}
