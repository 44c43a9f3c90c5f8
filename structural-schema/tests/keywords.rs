//! Each keyword with what kube-apiserver says of a value that breaks it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test: it fails by panicking")]

use serde_json::{Value, json};
use structural_schema::Schema;

/// What is said of `x: value`, where `x` has this schema: `reason field message` of each error.
fn said(schema: Value, value: Value) -> Vec<String> {
    let schema = json!({"type": "object", "properties": {"x": schema}});
    let errors = Schema::compile(&schema).unwrap().validate(&json!({"x": value}), None);
    errors.iter().map(|error| format!("{} {} {}", error.cause.reason(), error.field, error.message)).collect()
}

#[track_caller]
fn check(schema: Value, value: Value, errors: &[&str]) {
    assert_eq!(said(schema.clone(), value.clone()), errors, "{value} by {schema}");
}

#[test]
fn types() {
    check(
        json!({"type": "string"}),
        json!(1),
        &[r#"FieldValueTypeInvalid x Invalid value: "integer": x in body must be of type string: "integer""#],
    );
    check(
        json!({"type": "string"}),
        Value::Null,
        &[r#"FieldValueTypeInvalid x Invalid value: "null": x in body must be of type string: "null""#],
    );
    check(json!({"type": "string", "nullable": true}), Value::Null, &[]);
    check(json!({"type": "integer"}), json!(1.0), &[]);
    check(json!({"type": "number"}), json!(1), &[]);
    check(
        json!({"type": "integer"}),
        json!(1.5),
        &[
            r#"FieldValueTypeInvalid x Invalid value: "number": x in body must be of type integer: "number""#,
            r#"FieldValueInvalid <nil> Invalid value: "": Checked value must be of type integer (default format) in x"#,
        ],
    );
    check(
        json!({"x-kubernetes-int-or-string": true}),
        json!(true),
        &[
            r#"FieldValueTypeInvalid x Invalid value: "boolean": x in body must be of type integer,string: "boolean""#,
        ],
    );
    check(
        json!({"type": "integer", "format": "int32"}),
        json!(true),
        &[r#"FieldValueTypeInvalid x Invalid value: "": x in body must be of type int32: """#],
    );
    check(
        json!({"type": "integer", "format": "int32"}),
        json!(3_000_000_000u32),
        &[
            r#"FieldValueInvalid <nil> Invalid value: "": Checked value must be of type integer with format int32 in x"#,
        ],
    );
}

#[test]
fn texts() {
    check(json!({"type": "string", "maxLength": 3}), json!("éé"), &[]);
    check(
        json!({"type": "string", "maxLength": 3}),
        json!("abcd"),
        &["FieldValueTooLong x Too long: may not be more than 3 bytes"],
    );
    check(
        json!({"type": "string", "minLength": 2}),
        json!("é"),
        &[r#"FieldValueInvalid x Invalid value: "é": x in body should be at least 2 chars long"#],
    );
    check(
        json!({"type": "string", "pattern": "^a+$"}),
        json!("b"),
        &[r#"FieldValueInvalid x Invalid value: "b": x in body should match '^a+$'"#],
    );
    check(
        json!({"type": "string", "format": "date"}),
        json!("b"),
        &[r#"FieldValueTypeInvalid x Invalid value: "b": x in body must be of type date: "b""#],
    );
    check(json!({"type": "string", "format": "unheard-of"}), json!("b"), &[]);
    check(
        json!({"type": "string", "enum": ["a", "b"]}),
        json!("c"),
        &[r#"FieldValueNotSupported x Unsupported value: "c": supported values: "a", "b""#],
    );
    check(
        json!({"type": "string", "nullable": true, "enum": ["a"]}),
        Value::Null,
        &[r#"FieldValueNotSupported x Unsupported value: null: supported values: "a""#],
    );
}

#[test]
fn numbers() {
    check(
        json!({"type": "integer", "maximum": 10}),
        json!(11),
        &["FieldValueInvalid x Invalid value: 11: x in body should be less than or equal to 10"],
    );
    check(
        json!({"type": "number", "minimum": 0.5, "exclusiveMinimum": true}),
        json!(0.5),
        &["FieldValueInvalid x Invalid value: 0.5: x in body should be greater than 0.5"],
    );
    check(
        json!({"type": "number", "maximum": 2_000_000}),
        json!(2_000_000.5),
        &[
            "FieldValueInvalid x Invalid value: 2.0000005e+06: x in body should be less than or equal to 2e+06",
        ],
    );
    check(
        json!({"type": "integer", "multipleOf": 3}),
        json!(4),
        &["FieldValueInvalid x Invalid value: 4: x in body should be a multiple of 3"],
    );
    check(json!({"type": "number", "multipleOf": 0.1}), json!(0.3), &[]);
}

#[test]
fn lists_and_objects() {
    check(
        json!({"type": "array", "items": {"type": "string"}, "minItems": 2}),
        json!(["a"]),
        &["FieldValueInvalid x Invalid value: 1: x in body should have at least 2 items"],
    );
    check(
        json!({"type": "array", "items": {"type": "string"}, "maxItems": 1}),
        json!(["a", "b"]),
        &["FieldValueTooMany x Too many: 2: must have at most 1 item"],
    );
    check(
        json!({"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 1, "minProperties": 1}),
        json!({"a": "a", "b": 1}),
        &[
            "FieldValueTooMany x Too many: 2: must have at most 1 item",
            r#"FieldValueTypeInvalid x.b Invalid value: "integer": x.b in body must be of type string: "integer""#,
        ],
    );
    check(
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}),
        json!({}),
        &["FieldValueRequired x.a Required value"],
    );
    check(
        json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}),
        json!(["a", "b", "a", "a"]),
        &[r#"FieldValueDuplicate x[2] Duplicate value: "a""#],
    );
    check(
        json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
               "items": {"type": "object", "properties": {"k": {"type": "string"}}}}),
        json!([{"k": "a"}, {"k": "a"}]),
        &[r#"FieldValueDuplicate x[1] Duplicate value: {"k":"a"}"#],
    );
}

#[test]
fn combinations() {
    check(
        json!({"type": "integer", "anyOf": [{"maximum": 1}, {"minimum": 5}]}),
        json!(3),
        &[
            r#"FieldValueInvalid <nil> Invalid value: "": "x" must validate at least one schema (anyOf)"#,
            "FieldValueInvalid x Invalid value: 3: x in body should be less than or equal to 1",
        ],
    );
    check(
        json!({"type": "integer", "oneOf": [{"minimum": 1}, {"minimum": 2}]}),
        json!(3),
        &[
            r#"FieldValueInvalid <nil> Invalid value: "": "x" must validate one and only one schema (oneOf). Found 2 valid alternatives"#,
        ],
    );
    check(
        json!({"type": "integer", "allOf": [{"minimum": 5}, {"minimum": 1}]}),
        json!(3),
        &[
            "FieldValueInvalid x Invalid value: 3: x in body should be greater than or equal to 5",
            r#"FieldValueInvalid <nil> Invalid value: "": "x" must validate all the schemas (allOf)"#,
        ],
    );
    check(
        json!({"type": "integer", "not": {"minimum": 1}}),
        json!(3),
        &[r#"FieldValueInvalid <nil> Invalid value: "": "x" must not validate the schema (not)"#],
    );
}

#[test]
fn embedded_resources() {
    let schema = json!({"type": "object", "x-kubernetes-embedded-resource": true,
                        "x-kubernetes-preserve-unknown-fields": true});
    check(
        schema.clone(),
        json!({"kind": "", "metadata": {"name": "a/b"}}),
        &[
            "FieldValueRequired x.apiVersion Required value",
            r#"FieldValueInvalid x.kind Invalid value: "": must not be empty"#,
            r#"FieldValueInvalid x.metadata.name Invalid value: "a/b": may not contain '/'"#,
        ],
    );
    check(schema, json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "any": 1}), &[]);
}

#[test]
fn what_an_update_does_not_change_is_not_refused() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "object", "properties": {"b": {"type": "string", "maxLength": 1}, "c": {"type": "string"}}},
        "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                 "items": {"type": "object", "required": ["v"], "properties": {"k": {"type": "string"}, "v": {"type": "string"}}}},
    }});
    let schema = Schema::compile(&schema).unwrap();
    let old = json!({"a": {"b": "long"}, "list": [{"k": "x"}, {"k": "y"}]});
    let new = json!({"a": {"b": "long", "c": "new"}, "list": [{"k": "y"}, {"k": "x"}]});
    assert_eq!(schema.validate(&new, Some(&old)), []);
    assert_eq!(schema.validate(&new, None).len(), 3);
    let new = json!({"a": {"b": "longer"}, "list": [{"k": "y"}, {"k": "z"}]});
    assert_eq!(schema.validate(&new, Some(&old)).len(), 2);
}
