//! What holds for any schema and any object.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test: it fails by panicking")]

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use structural_schema::{Schema, check_definition};

const NAMES: [&str; 6] = ["a", "b", "c", "metadata", "kind", "x-y"];

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(&NAMES[..]).prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-5i64..5).prop_map(Value::from),
        any::<f64>().prop_map(|float| serde_json::Number::from_f64(float).map_or(Value::Null, Value::Number)),
        "[a-c]{0,3}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

/// Any JSON.
fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A structural schema, with defaults that are of its type.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": "string", "default": "a", "maxLength": 2})),
        Just(json!({"type": "string", "nullable": true, "pattern": "^[a-c]*$"})),
        Just(json!({"type": "string", "format": "date-time"})),
        Just(json!({"type": "integer", "default": 2, "minimum": 1})),
        Just(json!({"type": "number", "multipleOf": 0.5})),
        Just(json!({"type": "boolean", "default": false})),
        Just(json!({"type": "integer", "enum": [1, 2, 3]})),
        Just(json!({"x-kubernetes-int-or-string": true})),
        Just(json!({"type": "integer", "anyOf": [{"minimum": 3}, {"maximum": 0}]})),
        Just(json!({"type": "string", "x-kubernetes-validations": [{"rule": "self != 'a'"}]})),
        Just(json!({"type": "object", "additionalProperties": true})),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let object = prop::collection::btree_map(name(), inner.clone(), 1..4).boxed();
        prop_oneof![
            (object.clone(), any::<bool>(), any::<bool>()).prop_map(|(properties, preserve, default)| {
                let mut schema = json!({"type": "object", "properties": properties});
                if preserve {
                    schema["x-kubernetes-preserve-unknown-fields"] = json!(true);
                }
                if default {
                    schema["default"] = json!({});
                }
                schema
            }),
            object.prop_map(|mut properties| {
                properties.remove("metadata");
                properties.remove("kind");
                properties.insert("spec".to_owned(), json!({"type": "object"}));
                json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": properties})
            }),
            (inner.clone(), prop::sample::select(vec!["atomic", "set"])).prop_map(|(items, kind)| {
                json!({"type": "array", "items": items, "x-kubernetes-list-type": kind})
            }),
            inner.prop_map(|values| json!({"type": "object", "additionalProperties": values})),
        ]
    })
}

fn root() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(prop::sample::select(vec!["spec", "status", "a"]), schema(), 1..3)
        .prop_map(|properties| json!({"type": "object", "properties": properties}))
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(prop::sample::select(vec!["spec", "status", "a", "kind"]), value(), 0..4)
        .prop_map(|fields| json!(fields))
}

/// What the schema of a place says of a field: `None` if nothing.
fn unspecified(schema: &Value, value: &Value, is_resource: bool) -> bool {
    if schema["x-kubernetes-preserve-unknown-fields"] == json!(true) {
        return false;
    }
    match value {
        Value::Object(fields) => fields.iter().any(|(name, field)| {
            if is_resource && ["apiVersion", "kind", "metadata"].contains(&name.as_str()) {
                return false;
            }
            let specified = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
            specified.is_none_or(|schema| {
                unspecified(schema, field, schema["x-kubernetes-embedded-resource"] == json!(true))
            })
        }),
        Value::Array(elements) => elements.iter().any(|element| {
            let items = &schema["items"];
            unspecified(items, element, items["x-kubernetes-embedded-resource"] == json!(true))
        }),
        _ => false,
    }
}

proptest! {
    #[test]
    fn a_pruned_object_has_no_unknown_fields_and_stays_as_it_is(schema in root(), mut object in object()) {
        let compiled = Schema::compile(&schema).unwrap();
        compiled.prune(&mut object);
        prop_assert!(!unspecified(&schema, &object, true), "{object}");
        let before = object.clone();
        prop_assert_eq!(compiled.prune(&mut object), Vec::<String>::new());
        prop_assert_eq!(object, before);
    }

    #[test]
    fn defaults_are_given_once(schema in root(), mut object in object()) {
        let compiled = Schema::compile(&schema).unwrap();
        compiled.default(&mut object);
        let before = object.clone();
        compiled.default(&mut object);
        prop_assert_eq!(object, before);
    }

    #[test]
    fn any_json_is_validated(schema in root(), object in object(), old in object()) {
        let compiled = Schema::compile(&schema).unwrap();
        compiled.validate(&object, None);
        compiled.validate(&object, Some(&old));
        compiled.validate_status(&object, &old);
    }

    #[test]
    fn what_is_valid_may_stay(schema in root(), object in object()) {
        let compiled = Schema::compile(&schema).unwrap();
        if compiled.validate(&object, None).is_empty() {
            prop_assert_eq!(compiled.validate(&object, Some(&object)), vec![]);
        }
    }

    #[test]
    fn defaults_of_a_definition_that_is_accepted_are_valid(schema in root()) {
        prop_assume!(check_definition(&schema, "schema", false).is_empty());
        let compiled = Schema::compile(&schema).unwrap();
        let mut object = json!({});
        compiled.default(&mut object);
        // Defaults are checked without the defaults within them, as by Kubernetes.
        let errors = compiled.validate(&object, None);
        prop_assert!(errors.iter().all(|error| !error.message.starts_with("Required")), "{errors:?}");
    }

    #[test]
    fn any_json_is_checked_as_a_definition(schema in value(), keyed in root(), key in name()) {
        check_definition(&schema, "schema", true);
        let mut keyed = keyed;
        keyed["properties"][key] = schema;
        check_definition(&keyed, "schema", false);
    }
}
