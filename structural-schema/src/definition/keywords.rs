//! Keywords that are not supported, or not where they stand.

use serde_json::Value;

use super::value::Source;
use super::{lists, rule_texts};
use crate::field_error::FieldError;
use crate::node::{Schema, SchemaRef};
use crate::prune::META_FIELDS;

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

/// What holds for a schema because of where it stands.
#[derive(Clone, Default)]
struct Place {
    /// Why there must not be a default.
    no_default: Option<String>,
    /// It speaks of the type or the metadata of an object.
    in_metadata: bool,
    /// The nearest place above from where on old values do not correlate.
    uncorrelated: Option<String>,
}

/// The errors of schemas, and apart from them those of rules.
type Errors = (Vec<FieldError>, Vec<FieldError>);

/// Checks a schema. Its rules are checked only if it was compiled, which it is if it is structural.
pub(super) fn check(source: Source<'_>, path: &str, compiled: Option<&Schema>) -> Errors {
    visit(source, path, &Place::default(), compiled.map(Schema::root), true)
}

fn visit(
    source: Source<'_>,
    path: &str,
    place: &Place,
    schema: Option<SchemaRef<'_>>,
    is_root: bool,
) -> Errors {
    let mut errors = Errors::default();
    own(source, path, place, &mut errors.0);
    let mut below = |source: Source<'_>, path: &str, place: &Place, schema: Option<SchemaRef<'_>>| {
        let (of_schema, of_rules) = visit(source, path, place, schema, false);
        errors.0.extend(of_schema);
        errors.1.extend(of_rules);
    };
    if let Some(values) = source.schema("additionalProperties") {
        let mut place = place.clone();
        if place.in_metadata {
            place.no_default = Some("inside additionalProperties applying to object metadata".to_owned());
        }
        let schema = schema.and_then(SchemaRef::values);
        below(values, &format!("{path}.additionalProperties"), &place, schema);
    }
    for (name, property) in source.named("properties") {
        let mut place = place.clone();
        if (is_root || source.flag("x-kubernetes-embedded-resource")) && META_FIELDS.contains(&name) {
            place.in_metadata = true;
            if is_root {
                place.no_default = Some(format!("in top-level {name}"));
            }
        }
        let schema = schema.and_then(|schema| schema.property(name));
        below(property, &format!("{path}.properties[{name}]"), &place, schema);
    }
    if let Some(not) = source.schema("not") {
        below(not, &format!("{path}.not"), place, None);
    }
    for name in ["allOf", "oneOf", "anyOf"] {
        for (index, nested) in source.schemas(name).into_iter().enumerate() {
            below(nested, &format!("{path}.{name}[{index}]"), place, None);
        }
    }
    for name in ["definitions", "dependencies"] {
        for (key, nested) in source.named(name) {
            below(nested, &format!("{path}.{name}[{key}]"), place, None);
        }
    }
    let mut of_items = place.clone();
    if source.text("x-kubernetes-list-type") != "map" {
        of_items.uncorrelated.get_or_insert_with(|| path.to_owned());
    }
    if let Some(items) = source.schema("items") {
        below(items, &format!("{path}.items"), &of_items, schema.and_then(SchemaRef::items));
    }
    for (index, items) in source.schemas("items").into_iter().enumerate() {
        below(items, &format!("{path}.items[{index}]"), &of_items, None);
    }
    lists::check(source, path, &mut errors.0);
    rule_texts::check(source, path, &mut errors.0);
    // Rules of a schema that is wrong would be told of for its faults.
    if let Some(schema) = schema.filter(|_| errors.0.is_empty()) {
        let is_resource = is_root || source.flag("x-kubernetes-embedded-resource");
        rule_texts::check_programs(
            source,
            schema,
            is_resource,
            place.uncorrelated.as_deref(),
            path,
            &mut errors.1,
        );
    }
    errors
}

/// What the schema itself says.
fn own(source: Source<'_>, path: &str, place: &Place, errors: &mut Vec<FieldError>) {
    let kind = source.text("type");
    let mut forbid = |name: &str, detail: &str| {
        errors.push(FieldError::forbidden(format!("{path}.{name}"), detail));
    };
    if let Some(reason) = place.no_default.as_ref().filter(|_| source.get("default").is_some()) {
        forbid("default", &format!("must not be set {reason}"));
    }
    if !source.text("id").is_empty() {
        forbid("id", "id is not supported");
    }
    if source.get("additionalItems").is_some() {
        forbid("additionalItems", "additionalItems is not supported");
    }
    for name in ["patternProperties", "definitions"] {
        if source.get(name).and_then(Value::as_object).is_some_and(|map| !map.is_empty()) {
            forbid(name, &format!("{name} is not supported"));
        }
    }
    for name in ["dependencies", "$ref"] {
        if source.get(name).is_some() {
            forbid(name, &format!("{name} is not supported"));
        }
    }
    if kind == "null" {
        forbid("type", "type cannot be set to null, use nullable as an alternative");
    }
    if source.get("items").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        forbid("items", "items must be a schema object and not an array");
    }
    if place.in_metadata && source.flag("x-kubernetes-embedded-resource") {
        forbid("x-kubernetes-embedded-resource", "must not be used inside of resource meta");
    }
    if source.flag("uniqueItems") {
        forbid(
            "uniqueItems",
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        );
    }
    let says_of_others = source.get("additionalProperties").is_some_and(|value| *value != Value::Bool(true));
    if says_of_others && !source.named("properties").is_empty() {
        forbid("additionalProperties", "additionalProperties and properties are mutual exclusive");
    }
    if !kind.is_empty() && !TYPES.contains(&kind) {
        errors.push(FieldError::not_supported(format!("{path}.type"), &Value::from(kind), TYPES));
    }
    let preserve = "x-kubernetes-preserve-unknown-fields";
    if let Some(value @ Value::Bool(false)) = source.get(preserve) {
        errors.push(FieldError::invalid(format!("{path}.{preserve}"), value, "must be true or undefined"));
    }
}
