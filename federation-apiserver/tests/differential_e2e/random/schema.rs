//! Definitions at random: structural ones, with what a schema can say.

use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::value::valid;

/// Names of fields.
pub(super) const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A definition of things in a group, in one or two versions.
pub(super) fn definition(dice: &mut Dice, group: &str) -> Value {
    let mut subresources = json!({});
    if !dice.once_in(3) {
        subresources["status"] = json!({});
    }
    let schema = root(dice);
    let mut versions = vec![version("v1", true, &schema, &subresources)];
    if dice.once_in(3) {
        // What only the version has that is not stored is lost, and kube-apiserver's field managers fail at that.
        let mut other = schema;
        if let Some(fields) = other.pointer_mut("/properties/spec/properties").and_then(Value::as_object_mut)
        {
            fields.remove(*dice.one_of(&NAMES));
        }
        if let Some(spec) = other.pointer_mut("/properties/spec").and_then(Value::as_object_mut) {
            spec.remove("required");
            spec.remove("default");
        }
        versions.push(version("v2", false, &other, &subresources));
    }
    json!({
        "metadata": {"name": format!("things.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
            "versions": versions,
        },
    })
}

fn version(name: &str, storage: bool, schema: &Value, subresources: &Value) -> Value {
    json!({
        "name": name, "served": true, "storage": storage, "subresources": subresources,
        "schema": {"openAPIV3Schema": schema},
    })
}

fn root(dice: &mut Dice) -> Value {
    let mut root = json!({"type": "object", "properties": {
        "spec": object(dice, 3),
        "status": object(dice, 2),
    }});
    if dice.once_in(5) {
        root["required"] = json!(["spec"]);
    }
    root
}

/// The schema of a field.
fn field(dice: &mut Dice, depth: usize) -> Value {
    let deeper = if depth == 0 { 5 } else { 12 };
    let mut schema = match dice.below(deeper) {
        0..=3 => scalar(dice),
        4 => int_or_string(dice),
        5 => anything(dice),
        6 => embedded(dice),
        7 | 8 => object(dice, depth - 1),
        9 => map(dice, depth - 1),
        _ => list(dice, depth - 1),
    };
    if dice.once_in(6) {
        schema["nullable"] = true.into();
    }
    if dice.once_in(4) {
        let default = valid(dice, &schema);
        if !default.is_null() {
            schema["default"] = default;
        }
    }
    schema
}

fn scalar(dice: &mut Dice) -> Value {
    match dice.below(8) {
        0 => json!({"type": "string"}),
        1 => json!({"type": "string", "enum": ["red", "green", "blue"]}),
        2 => json!({"type": "string", "pattern": "^[a-c]+$"}),
        3 => json!({"type": "string", "minLength": 2, "maxLength": 4}),
        4 => json!({"type": "integer", "minimum": -1, "maximum": 9}),
        5 => json!({"type": "integer", "multipleOf": 2, "exclusiveMaximum": true, "maximum": 8}),
        6 => json!({"type": "number"}),
        _ => json!({"type": "boolean"}),
    }
}

fn int_or_string(dice: &mut Dice) -> Value {
    let mut schema = json!({"x-kubernetes-int-or-string": true});
    if dice.once_in(2) {
        schema["anyOf"] = json!([{"type": "integer"}, {"type": "string"}]);
    }
    schema
}

/// What is kept whatever it is.
fn anything(dice: &mut Dice) -> Value {
    if dice.once_in(2) {
        json!({"x-kubernetes-preserve-unknown-fields": true})
    } else {
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"a": scalar(dice)}})
    }
}

fn embedded(dice: &mut Dice) -> Value {
    let mut schema = json!({"type": "object", "x-kubernetes-embedded-resource": true});
    if dice.once_in(2) {
        schema["x-kubernetes-preserve-unknown-fields"] = true.into();
    } else {
        schema["properties"] = json!({"spec": {"type": "object", "properties": {"a": scalar(dice)}}});
    }
    schema
}

fn object(dice: &mut Dice, depth: usize) -> Value {
    let mut properties = Map::new();
    for name in NAMES {
        if dice.once_in(2) {
            properties.insert(name.to_owned(), field(dice, depth));
        }
    }
    let mut schema = json!({"type": "object"});
    let names: Vec<String> = properties.keys().cloned().collect();
    if !properties.is_empty() {
        schema["properties"] = properties.into();
    }
    if !names.is_empty() && dice.once_in(4) {
        schema["required"] = json!([dice.one_of(&names)]);
    }
    if dice.once_in(8) {
        schema["x-kubernetes-map-type"] = "atomic".into();
    }
    if dice.once_in(8) {
        schema["maxProperties"] = 2.into();
    }
    schema
}

fn map(dice: &mut Dice, depth: usize) -> Value {
    let values = if dice.once_in(2) { scalar(dice) } else { object(dice, depth) };
    let mut schema = json!({"type": "object", "additionalProperties": values});
    if dice.once_in(4) {
        schema["x-kubernetes-map-type"] = "atomic".into();
    }
    if dice.once_in(4) {
        schema["minProperties"] = 1.into();
    }
    schema
}

fn list(dice: &mut Dice, depth: usize) -> Value {
    let mut schema = match dice.below(4) {
        0 => json!({"type": "array", "items": field(dice, depth)}),
        1 => json!({"type": "array", "x-kubernetes-list-type": "atomic", "items": object(dice, depth)}),
        2 => json!({"type": "array", "x-kubernetes-list-type": "set", "items": scalar(dice)}),
        _ => {
            let mut items = object(dice, depth);
            items["properties"]["key"] = json!({"type": "string"});
            items["required"] = json!(["key"]);
            if let Some(items) = items.as_object_mut() {
                items.remove("x-kubernetes-map-type");
            }
            json!({
                "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["key"],
                "items": items,
            })
        }
    };
    if dice.once_in(4) {
        schema["maxItems"] = 3.into();
    }
    if dice.once_in(6) {
        schema["minItems"] = 1.into();
    }
    schema
}
