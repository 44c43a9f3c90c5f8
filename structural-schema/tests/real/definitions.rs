//! Schemas, most of which are refused.

use serde_json::{Value, json};

/// Schemas, and whether the version has the status subresource.
pub(crate) fn all() -> Vec<(Value, bool)> {
    let properties = [
        json!({"type": "string"}),
        json!({}),
        json!({"type": "text"}),
        json!({"type": "null"}),
        json!({"type": "array"}),
        json!({"type": "array", "items": {}}),
        json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}),
        json!({"type": "string", "pattern": "("}),
        json!({"type": "string", "pattern": "a**"}),
        json!({"type": "string", "format": "unheard-of"}),
        json!({"type": "object", "additionalProperties": {"type": "string"}, "properties": {"a": {"type": "string"}}}),
        json!({"type": "object", "additionalProperties": false, "properties": {"a": {"type": "string"}}}),
        json!({"$ref": "#/definitions/x"}),
        json!({"type": "object", "patternProperties": {"a": {"type": "string"}}}),
        json!({"type": "object", "definitions": {"a": {"type": "string"}}}),
        json!({"type": "object", "dependencies": {"a": ["b"]}}),
        json!({"type": "object", "id": "x"}),
        json!({"type": "array", "items": [{"type": "string"}]}),
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": false}),
        json!({"type": "object", "x-kubernetes-embedded-resource": true}),
        json!({"type": "string", "x-kubernetes-embedded-resource": true}),
        json!({"x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}),
        json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": {
            "kind": {"type": "integer"}, "metadata": {"type": "string"}}}),
        json!({"x-kubernetes-int-or-string": true, "x-kubernetes-preserve-unknown-fields": true}),
        json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}),
        json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "string"}, {"type": "integer"}]}),
        json!({"type": "string", "anyOf": [{"type": "string", "description": "x", "nullable": true, "title": "t"}]}),
        json!({"type": "object", "not": {"properties": {"a": {"minLength": 1}}, "items": {}}}),
        json!({"type": "object", "allOf": [{"default": {}, "additionalProperties": {"minLength": 1},
            "x-kubernetes-list-type": "set", "x-kubernetes-validations": [{"rule": "true"}]}]}),
        json!({"type": "object", "properties": {"metadata": {"type": "string"}}, "oneOf": [{"properties": {"metadata": {}}}]}),
        json!({"type": "string", "default": 1}),
        json!({"type": "string", "default": "abc", "maxLength": 1}),
        json!({"type": "object", "default": {"a": 1, "b": 2}, "properties": {"a": {"type": "string"}}}),
        json!({"type": "object", "default": {"a": "x"}, "properties": {"a": {"type": "string", "enum": ["y"]}}}),
        json!({"type": "array", "x-kubernetes-list-type": "list", "items": {"type": "string"}}),
        json!({"type": "string", "x-kubernetes-list-type": "set"}),
        json!({"type": "string", "x-kubernetes-map-type": "atomic"}),
        json!({"type": "object", "x-kubernetes-map-type": "whole"}),
        json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "object", "properties": {}}}),
        json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "array", "x-kubernetes-list-type": "set",
            "items": {"type": "string"}}}),
        json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string", "nullable": true}}),
        json!({"type": "array", "x-kubernetes-list-map-keys": ["a"], "items": {"type": "object", "properties": {"a": {"type": "string"}}}}),
        json!({"type": "array", "x-kubernetes-list-type": "map", "items": {"type": "object"}}),
        json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"], "items": {"type": "string"}}),
        json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a", "b", "b", "c"],
            "items": {"type": "object", "required": ["b"], "properties": {
                "a": {"type": "string", "nullable": true}, "b": {"type": "object"}}}}),
    ];
    let rules = [
        json!({"rule": "self.a == 'x'"}),
        json!({"rule": ""}),
        json!({"rule": "self.a == 'x'", "message": " "}),
        json!({"rule": "self.a == 'x'", "message": "a\nb"}),
        json!({"rule": "self.a ==\n'x'"}),
        json!({"rule": "self.a == 'x'", "reason": "Bad"}),
        json!({"rule": "self.a == 'x'", "fieldPath": ".b"}),
        json!({"rule": "self.a == 'x'", "fieldPath": "a"}),
        json!({"rule": "self.a == 'x'", "fieldPath": ".a"}),
        json!({"rule": "self.a == 'x'", "messageExpression": " "}),
        json!({"rule": "self.a == 'x'", "messageExpression": "1 + 1"}),
        json!({"rule": "self.a == 'x'", "messageExpression": "'a' +"}),
        json!({"rule": "self.a == 'x'", "optionalOldSelf": true}),
        json!({"rule": "self.a =="}),
        json!({"rule": "self.b == 'x'"}),
        json!({"rule": "other.a == 'x'"}),
        json!({"rule": "nothing(self.a)"}),
        json!({"rule": "self.a"}),
        json!({"rule": "1 + 1"}),
        json!({"rule": "self.a == oldSelf.a"}),
    ];
    let of_properties =
        properties.into_iter().map(|property| json!({"type": "object", "properties": {"x": property}}));
    let of_rules = rules.iter().map(|rule| {
        json!({"type": "object", "properties": {"x": {"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}},
            "x-kubernetes-validations": [rule]}}})
    });
    let mut all: Vec<(Value, bool)> = of_properties.chain(of_rules).map(|schema| (schema, false)).collect();
    all.extend([
        (json!({}), false),
        (json!({"type": "string"}), false),
        (json!({"type": "object", "nullable": true}), false),
        (json!({"type": "object", "additionalProperties": {"type": "string"}}), false),
        (json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}}}}}), false),
        (json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}}), false),
        (json!({"type": "object", "properties": {"metadata": {"type": "object", "description": "x"}, "kind": {"type": "integer"}}}), false),
        (json!({"type": "object", "properties": {"apiVersion": {"type": "string", "default": "v1"}}}), false),
        (json!({"type": "string"}), true),
        (json!({"type": "object", "allOf": [{"required": ["a"]}]}), true),
        (json!({"type": "object", "properties": {"status": {"type": "object"}}}), true),
        (json!({"type": "object", "properties": {"list": {"type": "array", "maxItems": 5, "items": {"type": "string", "maxLength": 5,
            "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}}}}), false),
    ]);
    all
}
