//! A schema that uses everything, and objects for it.

use serde_json::{Value, json};

pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["name"],
                "minProperties": 1,
                "maxProperties": 12,
                "x-kubernetes-validations": [
                    {"rule": "!has(self.low) || !has(self.high) || self.low <= self.high", "message": "low is above high",
                     "fieldPath": ".low"},
                    {"rule": "self.name != 'forbidden'", "reason": "FieldValueForbidden", "messageExpression": "'name ' + self.name"},
                    {"rule": "!has(self.list) || self.list.all(e, e.size() < 9)"},
                ],
                "properties": {
                    "name": {"type": "string", "minLength": 2, "maxLength": 10, "pattern": "^[a-z\\d]+$", "default": "unnamed"},
                    "kind": {"type": "string", "enum": ["A", "B", "C<>"]},
                    "low": {"type": "integer", "minimum": 0, "maximum": 100, "multipleOf": 5},
                    "high": {"type": "integer", "format": "int32", "exclusiveMaximum": true, "maximum": 1000},
                    "long": {"type": "integer", "format": "int64"},
                    "ratio": {"type": "number", "minimum": 0.5, "exclusiveMinimum": true, "multipleOf": 0.25, "maximum": 3_000_000},
                    "single": {"type": "number", "format": "float"},
                    "flag": {"type": "boolean", "default": true},
                    "none": {"type": "string", "nullable": true},
                    "noneDefaulted": {"type": "string", "nullable": true, "default": "x"},
                    "choice": {"type": "integer", "nullable": true, "enum": [1, 2]},
                    "size": {"x-kubernetes-int-or-string": true, "maximum": 10, "pattern": "^[0-9]+%$"},
                    "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                    "list": {"type": "array", "minItems": 1, "maxItems": 4, "items": {"type": "string", "minLength": 1}},
                    "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                    "numbers": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "number"}},
                    "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                        "items": {"type": "object", "required": ["name"], "properties": {
                            "name": {"type": "string"}, "value": {"type": "integer", "default": 7}}}},
                    "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
                        "items": {"type": "object", "required": ["port"], "properties": {
                            "port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}}}},
                    "labels": {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "string", "maxLength": 3}},
                    "nested": {"type": "object", "additionalProperties": {"type": "object", "properties": {
                        "a": {"type": "string", "default": "d"}, "b": {"type": "integer"}}}},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
                        "known": {"type": "object", "properties": {"a": {"type": "string"}}}}},
                    "anything": {"x-kubernetes-preserve-unknown-fields": true},
                    "open": {"type": "object", "additionalProperties": true},
                    "template": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {
                        "spec": {"type": "object", "properties": {"a": {"type": "string"}}}}},
                    "embedded": {"type": "object", "x-kubernetes-embedded-resource": true,
                        "x-kubernetes-preserve-unknown-fields": true},
                    "any": {"type": "integer", "anyOf": [{"maximum": 1}, {"minimum": 5}]},
                    "one": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                        "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
                    "all": {"type": "string", "allOf": [{"minLength": 3}, {"pattern": "^a"}]},
                    "not": {"type": "string", "not": {"enum": ["bad"]}},
                    "formats": {"type": "object", "properties": {
                        "date": {"type": "string", "format": "date"}, "time": {"type": "string", "format": "date-time"},
                        "duration": {"type": "string", "format": "duration"}, "byte": {"type": "string", "format": "byte"},
                        "email": {"type": "string", "format": "email"}, "ipv4": {"type": "string", "format": "ipv4"},
                        "ipv6": {"type": "string", "format": "ipv6"}, "cidr": {"type": "string", "format": "cidr"},
                        "uri": {"type": "string", "format": "uri"}, "uuid": {"type": "string", "format": "uuid"},
                        "hostname": {"type": "string", "format": "hostname"}, "mac": {"type": "string", "format": "mac"},
                        "unknown": {"type": "string", "format": "unheard-of"},
                        "name": {"type": "string", "format": "k8s-short-name"}}},
                    "calls": {"type": "object", "properties": {
                        "s": {"type": "string", "maxLength": 20}, "n": {"type": "integer"}, "d": {"type": "number"},
                        "l": {"type": "array", "maxItems": 5, "items": {"type": "string", "maxLength": 9}},
                        "m": {"type": "object", "maxProperties": 5, "additionalProperties": {"type": "integer"}},
                        "q": {"x-kubernetes-int-or-string": true, "maxLength": 9},
                        "t": {"type": "string", "format": "duration", "maxLength": 9}},
                        "x-kubernetes-validations": [
                            {"rule": "!has(self.s) || self.s.matches('^[a-z ]*$')"},
                            {"rule": "!has(self.s) || self.s.upperAscii().lowerAscii() == self.s"},
                            {"rule": "!has(self.s) || self.s.split(' ').size() < 3"},
                            {"rule": "!has(self.s) || self.s.replace('a', 'b').indexOf('bb') < 0"},
                            {"rule": "!has(self.s) || self.s.substring(0, 1) != 'x'"},
                            {"rule": "!has(self.n) || (self.n > 0 ? self.n : -self.n) < 10"},
                            {"rule": "!has(self.n) || !has(self.d) || double(self.n) < self.d"},
                            {"rule": "!has(self.d) || self.d <= 10"},
                            {"rule": "!has(self.l) || self.l.exists_one(e, e == 'a')"},
                            {"rule": "!has(self.l) || self.l.isSorted()"},
                            {"rule": "!has(self.l) || self.l.map(e, size(e)).sum() < 9"},
                            {"rule": "!has(self.l) || self.l.filter(e, e.contains('b')).size() <= 1"},
                            {"rule": "!has(self.l) || self.l[1] != 'z'"},
                            {"rule": "!has(self.m) || self.m.all(k, k.startsWith('a') && self.m[k] > 0)"},
                            {"rule": "!has(self.m) || 'a' in self.m"},
                            {"rule": "!has(self.q) || (type(self.q) == int ? self.q < 5 : quantity(self.q).isLessThan(quantity('5')))"},
                            {"rule": "!has(self.t) || self.t < duration('1h')"},
                        ]},
                    "rules": {"type": "object", "properties": {
                        "text": {"type": "string", "x-kubernetes-validations": [{"rule": "self.startsWith('a')"}]},
                        "number": {"type": "integer", "x-kubernetes-validations": [
                            {"rule": "self % 2 == 0", "message": "must be even", "reason": "FieldValueDuplicate"}]},
                        "map": {"type": "object", "additionalProperties": {"type": "integer", "x-kubernetes-validations": [
                            {"rule": "100 / self > 1"}]}},
                        "items": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}},
                            "x-kubernetes-validations": [{"rule": "has(self.a)", "message": "a is needed"}]}},
                        "when": {"type": "string", "format": "date-time", "x-kubernetes-validations": [
                            {"rule": "self.getFullYear() > 2000"}]},
                        "a-b": {"type": "string"}},
                        "x-kubernetes-validations": [{"rule": "!has(self.a__dash__b) || self.a__dash__b == 'x'"},
                            {"rule": "!has(self.text) || self.?text.orValue('') != 'abc'", "reason": "FieldValueRequired",
                             "message": "not abc"}]},
                },
            },
            "status": {"type": "object", "properties": {"done": {"type": "boolean"}}},
        },
    })
}

/// Objects that are created, good and bad.
pub(crate) fn created() -> Vec<Value> {
    let specs = [
        json!({"name": "good"}),
        json!({}),
        json!({"name": null}),
        json!({"name": 1}),
        json!({"name": "x"}),
        json!({"name": "far too long a name"}),
        json!({"name": "UPPER"}),
        json!({"name": "é\u{661}"}),
        json!({"name": "forbidden"}),
        json!({"kind": "D"}),
        json!({"kind": "C<>"}),
        json!({"kind": 5}),
        json!({"low": 101}),
        json!({"low": -5}),
        json!({"low": 3}),
        json!({"low": 5.0}),
        json!({"low": 5.5}),
        json!({"low": "5"}),
        json!({"low": 10, "high": 5}),
        json!({"high": 3_000_000_000u32}),
        json!({"high": 1000}),
        json!({"high": true}),
        json!({"high": 1.5}),
        json!({"long": 9_223_372_036_854_775_807i64}),
        json!({"long": 9_223_372_036_854_775_808u64}),
        json!({"ratio": 0.5}),
        json!({"ratio": 0.6}),
        json!({"ratio": 3}),
        json!({"ratio": 3_000_001}),
        json!({"ratio": 4_000_000.25}),
        json!({"single": 1e39}),
        json!({"flag": null}),
        json!({"flag": "true"}),
        json!({"none": null, "noneDefaulted": null}),
        json!({"none": [], "flag": {}}),
        json!({"choice": null}),
        json!({"choice": 3}),
        json!({"choice": 1.0}),
        json!({"size": 11}),
        json!({"size": "11"}),
        json!({"size": "11%"}),
        json!({"size": true}),
        json!({"size": 1.5}),
        json!({"port": [], "size": null}),
        json!({"port": 1.5}),
        json!({"list": []}),
        json!({"list": ["a", "", 3, null]}),
        json!({"list": ["a", "b", "c", "d", "e"]}),
        json!({"list": {"a": 1}}),
        json!({"list": ["a", "far too long"]}),
        json!({"set": ["a", "b", "a", "a"]}),
        json!({"numbers": [1, 1.0, 1.5, 1.5, 2]}),
        json!({"parts": [{"name": "a"}, {"name": "a", "value": 2}]}),
        json!({"parts": [{"value": 1}, {"value": "x"}, {"name": "b", "other": 1}]}),
        json!({"ports": [{"port": 1}, {"port": 1, "protocol": "UDP"}, {"port": 1, "protocol": "TCP"}]}),
        json!({"ports": [1, null]}),
        json!({"labels": {"a": "b", "c": "toolong", "d": 1}}),
        json!({"labels": {"a": null}}),
        json!({"nested": {"x": {}, "y": {"b": "1", "z": 1}, "n": null}}),
        json!({"free": {"other": {"deep": [1, {"x": null}]}, "known": {"a": "a", "b": 1}}}),
        json!({"anything": {"a": [{"b": 1}]}, "open": {"a": 1, "b": {"c": 1}, "d": [{"e": 1}]}}),
        json!({"anything": 5, "open": []}),
        json!({"template": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"a": "b"}, "x": 1},
               "spec": {"a": "a", "b": 1}, "other": 1}}),
        json!({"template": {"kind": "", "metadata": {"name": "a/b", "labels": {"-": "?"}, "annotations": {"a b": "x"}}}}),
        json!({"template": {"apiVersion": "a/b/c", "kind": "not_a_kind", "metadata": {"namespace": "No", "finalizers": ["a b"]}}}),
        json!({"embedded": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "", "creationTimestamp": null}, "any": {"thing": 1}}}),
        json!({"any": 3}),
        json!({"any": "x"}),
        json!({"one": {}}),
        json!({"one": {"a": "a", "b": "b"}}),
        json!({"one": {"a": "a"}}),
        json!({"one": {"a": 1}}),
        json!({"all": "b"}),
        json!({"all": "bcd"}),
        json!({"all": "abc"}),
        json!({"not": "bad"}),
        json!({"formats": {"date": "2023-02-29", "time": "2024-01-01", "duration": "x", "byte": "!", "email": "x",
               "ipv4": "1.2.3", "ipv6": "1.2.3.4", "cidr": "10.0.0.0", "uri": "x", "uuid": "x", "hostname": "-",
               "mac": "x", "unknown": "x", "name": "A"}}),
        json!({"formats": {"date": "2024-02-29", "time": "2024-01-01T00:00:00Z", "duration": "1h", "byte": "YQ==",
               "email": "a@b.c", "ipv4": "1.2.3.4", "ipv6": "::1", "cidr": "10.0.0.0/8", "uri": "http://a/b",
               "uuid": "550e8400-e29b-41d4-a716-446655440000", "hostname": "a.b", "mac": "01:23:45:67:89:ab", "name": "a"}}),
        json!({"formats": {"date": [], "time": 5, "byte": {}, "uuid": ["x"]}}),
        json!({"rules": {"text": "b", "number": 3, "map": {"a": 100, "b": 0}, "a-b": "y"}}),
        json!({"rules": {"text": "abc", "items": [{}, {"a": "a"}], "when": "1999-01-01T00:00:00Z"}}),
        json!({"rules": {"text": "ab", "number": 2, "map": {"a": 1}, "when": "2024-01-01T00:00:00Z", "a-b": "x"}}),
        json!({"name": "ab", "a": {"b": 1}, "c": [1]}),
        json!({"calls": {"s": "aa", "n": 3, "d": 5, "l": ["a", "b"], "m": {"a": 1}, "t": "5m"}}),
        json!({"calls": {"s": "x y z", "n": -10, "d": 1.5, "l": ["b", "a", "bb"], "m": {"b": 1}, "t": "2h"}}),
        json!({"calls": {"s": "A", "n": 11, "d": 11, "l": ["a"], "m": {"a": 0}}}),
        json!({"calls": {"s": "", "l": ["a", "z"], "d": 10.5}}),
        json!({"calls": {"l": ["a", "a", "longlong"]}}),
        json!({"calls": {"q": 3}}),
        json!({"calls": {"q": 9}}),
        json!({"calls": {"q": "3"}}),
        json!({"calls": {"q": "1Gi"}}),
        json!({"calls": {"q": "no"}}),
    ];
    let mut all: Vec<Value> = specs.into_iter().map(|spec| json!({"spec": spec})).collect();
    all.extend([
        json!({}),
        json!({"spec": null}),
        json!({"spec": "text"}),
        json!({"spec": [], "status": {"done": "yes"}}),
        json!({"spec": {}, "status": {"done": true, "other": 1}, "more": {"x": 1}}),
    ]);
    all
}

/// A schema for objects that were stored before there was one.
pub(crate) fn strict_schema() -> Value {
    json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "text": {"type": "string", "maxLength": 3},
        "other": {"type": "string"},
        "object": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"type": "integer", "maximum": 3}}},
        "list": {"type": "array", "items": {"type": "string", "maxLength": 1}},
        "map": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
            "items": {"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}, "v": {"type": "integer", "maximum": 3}}}},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "any": {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}, "b": {"type": "string"}},
            "anyOf": [{"properties": {"a": {"maxLength": 2}}}]},
        "ruled": {"type": "object", "properties": {"n": {"type": "integer"}, "m": {"type": "integer"}},
            "x-kubernetes-validations": [{"rule": "!has(self.n) || self.n < 5", "message": "n is too large"}]},
        "fixed": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is immutable"}]},
        "grows": {"type": "object", "properties": {"n": {"type": "integer"}}, "x-kubernetes-validations": [
            {"rule": "!oldSelf.hasValue() || self.n >= oldSelf.value().n", "optionalOldSelf": true, "message": "n only grows"}]},
    }}}})
}

/// A schema of objects with a status.
pub(crate) fn status_schema() -> Value {
    json!({"type": "object",
    "x-kubernetes-validations": [{"rule": "!has(self.status) || !has(self.status.n) || self.status.n <= self.spec.n"}],
    "properties": {
        "spec": {"type": "object", "properties": {"n": {"type": "integer"}}},
        "status": {"type": "object", "properties": {
            "n": {"type": "integer", "minimum": 0},
            "phase": {"type": "string", "enum": ["A"]},
            "done": {"type": "boolean", "default": true},
            "any": {"type": "integer", "anyOf": [{"minimum": 5}]},
            "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}}},
    }})
}

/// Statuses, good and bad.
pub(crate) fn statuses() -> Vec<Value> {
    vec![
        json!({"n": 1}),
        json!({"n": 2}),
        json!({"n": -1, "any": 3}),
        json!({"phase": "B"}),
        json!({"set": ["a", "a"]}),
        json!({"done": null, "other": 1}),
        json!({"n": "x"}),
        json!([]),
        json!("text"),
        Value::Null,
    ]
}

/// Objects before and after an update.
pub(crate) fn updated() -> Vec<(Value, Value)> {
    [
        (json!({"text": "too long"}), json!({"text": "too long", "other": "new"})),
        (json!({"text": "too long"}), json!({"text": "still too long"})),
        (json!({"object": {"b": 9}}), json!({"object": {"b": 9}, "other": "new"})),
        (json!({"object": {"b": 9}}), json!({"object": {"b": 9, "a": "a"}})),
        (json!({"object": {"b": 9, "a": "a"}}), json!({"object": {"b": 9}})),
        (json!({"list": ["ab", "c"]}), json!({"list": ["ab", "c"], "other": "x"})),
        (json!({"list": ["ab", "c"]}), json!({"list": ["ab", "d"]})),
        (json!({"map": [{"k": "a", "v": 9}, {"k": "b"}]}), json!({"map": [{"k": "b"}, {"k": "a", "v": 9}]})),
        (
            json!({"map": [{"k": "a", "v": 9}, {"k": "b"}]}),
            json!({"map": [{"k": "a", "v": 9}, {"k": "c", "v": 9}]}),
        ),
        (json!({"set": ["a", "a"]}), json!({"set": ["a", "a", "b"]})),
        (json!({"set": ["a"]}), json!({"set": ["a", "a"]})),
        (json!({"any": {"a": "abcd"}}), json!({"any": {"a": "abcd", "b": "x"}})),
        (json!({"any": {"a": "abcd"}}), json!({"any": {"a": "abcd"}, "other": "x"})),
        (json!({"ruled": {"n": 9}}), json!({"ruled": {"n": 9}, "other": "x"})),
        (json!({"ruled": {"n": 9}}), json!({"ruled": {"n": 9, "m": 1}})),
        (json!({"fixed": "a"}), json!({"fixed": "a"})),
        (json!({"fixed": "a"}), json!({"fixed": "b"})),
        (json!({}), json!({"fixed": "b"})),
        (json!({"grows": {"n": 3}}), json!({"grows": {"n": 2}})),
        (json!({"grows": {"n": 3}}), json!({"grows": {"n": 4}})),
        (json!({}), json!({"grows": {"n": 1}})),
    ]
    .into_iter()
    .map(|(old, new)| (json!({"spec": old}), json!({"spec": new})))
    .collect()
}
