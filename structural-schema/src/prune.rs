//! Pruning: a stored object has no fields that its schema does not specify.
//!
//! "Extend the Kubernetes API with CustomResourceDefinitions", sections "Field pruning", "Controlling pruning" and
//! "Defaulting and Nullable".

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::embedded;
use crate::node::{Additional, Schema, SchemaRef};

/// The fields of every object that no schema needs to specify.
pub(crate) const META_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

impl Schema {
    /// Takes away what is not specified, and the nulls of fields that are neither nullable nor have a default.
    ///
    /// The object's own `apiVersion`, `kind` and `metadata` are kept as they are; those of embedded resources are
    /// kept, and fields that are unknown in an embedded `metadata` are taken away. Returned are the paths of the
    /// fields that went for not being specified, as `fieldValidation` names them (`unknown field "spec.x"`): sorted,
    /// those of embedded metadata last. A null that goes is not named.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut paths = self.root().prune(object, true);
        drop_nulls(object, Some(self.root()));
        let mut unknown = UnknownFields::default();
        embedded::prune_metadata(self.root(), object, &mut unknown);
        unknown.found.sort_unstable();
        paths.append(&mut unknown.found);
        paths
    }
}

impl SchemaRef<'_> {
    /// Prunes a value by this schema; `is_root` if it is an object with `apiVersion`, `kind` and `metadata`.
    pub(crate) fn prune(self, value: &mut Value, is_root: bool) -> Vec<String> {
        let mut unknown = UnknownFields::default();
        let embedded = is_root || self.node().embedded;
        if self.node().preserve_unknown {
            skip(value, Some(self), embedded, &mut unknown);
        } else {
            prune(value, Some(self), embedded, &mut unknown);
        }
        unknown.found.sort_unstable();
        unknown.found
    }
}

/// The path that is being visited, and the unknown fields so far.
#[derive(Default)]
pub(crate) struct UnknownFields {
    path: String,
    found: Vec<String>,
}

impl UnknownFields {
    pub(crate) fn in_field(&mut self, name: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        visit(self);
        self.path.truncate(length);
    }

    pub(crate) fn in_key(&mut self, key: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        // Writing to a String does not fail.
        let _ = write!(self.path, "[{key}]");
        visit(self);
        self.path.truncate(length);
    }

    pub(crate) fn in_element(&mut self, index: usize, visit: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        // Writing to a String does not fail.
        let _ = write!(self.path, "[{index}]");
        visit(self);
        self.path.truncate(length);
    }

    pub(crate) fn record(&mut self, name: &str) {
        self.in_field(name, |unknown| {
            let path = unknown.path.clone();
            unknown.found.push(path);
        });
    }
}

/// What the schema of an object says of one of its fields.
enum Specified<'a> {
    /// Specified with this schema; none where any value is allowed.
    As(Option<SchemaRef<'a>>),
    /// Not specified.
    Not,
}

fn specified<'a>(schema: SchemaRef<'a>, name: &str) -> Specified<'a> {
    if let Some(property) = schema.property(name) {
        return Specified::As(Some(property));
    }
    match schema.node().additional {
        Additional::None if schema.node().additional_forbidden => Specified::As(None),
        Additional::None => Specified::Not,
        Additional::Any => Specified::As(None),
        Additional::Of(_) => Specified::As(schema.values()),
    }
}

fn visit(value: &mut Value, schema: Option<SchemaRef<'_>>, unknown: &mut UnknownFields) {
    match schema {
        Some(schema) if schema.node().preserve_unknown || schema.node().opaque => {
            skip(value, Some(schema), schema.node().embedded, unknown);
        }
        schema => prune(value, schema, schema.is_some_and(|schema| schema.node().embedded), unknown),
    }
}

fn prune(value: &mut Value, schema: Option<SchemaRef<'_>>, embedded: bool, unknown: &mut UnknownFields) {
    match value {
        Value::Object(fields) => {
            let Some(schema) = schema else {
                fields.keys().for_each(|name| unknown.record(name));
                fields.clear();
                return;
            };
            fields.retain(|name, field| {
                let is_meta = META_FIELDS.contains(&name.as_str());
                if embedded && is_meta {
                    return true;
                }
                match specified(schema, name) {
                    Specified::As(schema) => {
                        unknown.in_field(name, |unknown| visit(field, schema, unknown));
                        true
                    }
                    Specified::Not => {
                        if !is_meta || !unknown.path.is_empty() {
                            unknown.record(name);
                        }
                        false
                    }
                }
            });
        }
        Value::Array(elements) => {
            let items = schema.and_then(SchemaRef::items);
            for (index, element) in elements.iter_mut().enumerate() {
                unknown.in_element(index, |unknown| visit(element, items, unknown));
            }
        }
        _ => {}
    }
}

/// Below a schema that preserves unknown fields: only what is specified is pruned.
fn skip(value: &mut Value, schema: Option<SchemaRef<'_>>, embedded: bool, unknown: &mut UnknownFields) {
    let Some(schema) = schema else { return };
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if embedded && META_FIELDS.contains(&name.as_str()) {
                    continue;
                }
                if let Specified::As(schema) = specified(schema, name) {
                    unknown.in_field(name, |unknown| visit(field, schema, unknown));
                }
            }
        }
        Value::Array(elements) => {
            let items = schema.items();
            for (index, element) in elements.iter_mut().enumerate() {
                let embedded = items.is_some_and(|items| items.node().embedded);
                unknown.in_element(index, |unknown| skip(element, items, embedded, unknown));
            }
        }
        _ => {}
    }
}

/// Takes away the nulls that are neither allowed nor replaced by a default.
fn drop_nulls(value: &mut Value, schema: Option<SchemaRef<'_>>) {
    match value {
        Value::Object(fields) => drop_null_fields(fields, schema),
        Value::Array(elements) => {
            let items = schema.and_then(SchemaRef::items);
            elements.iter_mut().for_each(|element| drop_nulls(element, items));
        }
        _ => {}
    }
}

fn drop_null_fields(fields: &mut Map<String, Value>, schema: Option<SchemaRef<'_>>) {
    let Some(schema) = schema else { return };
    fields.retain(|name, field| {
        let schema = schema.field(name);
        let unwanted = |schema: SchemaRef<'_>| !schema.node().nullable && schema.node().default.is_none();
        if field.is_null() && schema.is_some_and(unwanted) {
            return false;
        }
        drop_nulls(field, schema);
        true
    });
}
