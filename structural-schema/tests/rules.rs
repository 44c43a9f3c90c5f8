//! Rules in CEL.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test: it fails by panicking")]

use serde_json::{Value, json};
use structural_schema::{FieldError, Schema};

fn lines(errors: Vec<FieldError>) -> Vec<String> {
    errors.iter().map(|error| format!("{} {} {}", error.cause.reason(), error.field, error.message)).collect()
}

/// A schema of an object with `spec`, whose rules are these.
fn with_rules(rules: Value) -> Schema {
    Schema::compile(&json!({"type": "object", "properties": {"spec": {
        "type": "object",
        "x-kubernetes-validations": rules,
        "properties": {
            "min": {"type": "integer"}, "max": {"type": "integer"}, "name": {"type": "string"},
            "a-b": {"type": "string"}, "when": {"type": "string", "format": "date-time"},
            "size": {"x-kubernetes-int-or-string": true},
            "list": {"type": "array", "items": {"type": "integer"}},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }}}))
    .unwrap()
}

#[track_caller]
fn check(rule: Value, spec: Value, errors: &[&str]) {
    assert_eq!(lines(with_rules(json!([rule])).validate(&json!({"spec": spec}), None)), errors);
}

#[test]
fn rules_hold_or_say_what_is_wrong() {
    let rule = json!({"rule": "self.min <= self.max", "message": "min is above max"});
    check(rule.clone(), json!({"min": 1, "max": 2}), &[]);
    check(rule, json!({"min": 3, "max": 2}), &["FieldValueInvalid spec Invalid value: min is above max"]);
    check(
        json!({"rule": "self.min > 3"}),
        json!({"min": 3}),
        &["FieldValueInvalid spec Invalid value: failed rule: self.min > 3"],
    );
    check(
        json!({"rule": "self.min > 3", "messageExpression": "'got ' + string(self.min)", "message": "no"}),
        json!({"min": 3}),
        &["FieldValueInvalid spec Invalid value: got 3"],
    );
    check(
        json!({"rule": "self.min > 3", "reason": "FieldValueForbidden", "fieldPath": ".min", "message": "no"}),
        json!({"min": 3}),
        &["FieldValueForbidden spec.min Forbidden: no"],
    );
    check(
        json!({"rule": "self.max > 3"}),
        json!({"min": 3}),
        &[
            r#"FieldValueInvalid spec Invalid value: "object": no such key: max evaluating rule: self.max > 3"#,
        ],
    );
}

#[test]
fn values_have_the_types_that_the_schema_gives_them() {
    for rule in [
        "self.a__dash__b == 'x'",
        "self.when > timestamp('2020-01-01T00:00:00Z')",
        "self.map['a-b'] == 'y'",
        "has(self.map) && !has(self.name)",
        "self.list.all(n, n > 0) && self.list.exists(n, n == 2) && self.list.map(n, n * 2) == [2, 4]",
        "self.size == 5",
        "self.?name.orValue('none') == 'none'",
        "isURL('https://a.b') && quantity('1Gi').isGreaterThan(quantity('1Mi'))",
    ] {
        let spec = json!({"a-b": "x", "when": "2024-01-01T00:00:00Z", "map": {"a-b": "y"}, "list": [1, 2], "size": 5});
        check(json!({"rule": rule}), spec, &[]);
    }
}

#[test]
fn rules_about_changes_need_an_old_value() {
    let schema = with_rules(json!([{"rule": "self.name == oldSelf.name", "message": "name is immutable"}]));
    let (a, b) = (json!({"spec": {"name": "a"}}), json!({"spec": {"name": "b"}}));
    assert_eq!(lines(schema.validate(&b, None)), [""; 0]);
    assert_eq!(
        lines(schema.validate(&b, Some(&a))),
        ["FieldValueInvalid spec Invalid value: name is immutable"]
    );
    assert_eq!(lines(schema.validate(&a, Some(&a))), [""; 0]);

    let rule = json!([{"rule": "oldSelf.hasValue() || self.name == 'first'", "optionalOldSelf": true}]);
    let schema = with_rules(rule);
    assert_eq!(schema.validate(&b, None).len(), 1);
    assert_eq!(schema.validate(&b, Some(&a)), []);
}

#[test]
fn what_an_update_does_not_change_is_not_refused() {
    let schema = with_rules(json!([{"rule": "self.min > 3"}]));
    let old = json!({"spec": {"min": 1}});
    assert_eq!(schema.validate(&old, Some(&old)), []);
    assert_eq!(schema.validate(&json!({"spec": {"min": 1, "max": 1}}), Some(&old)).len(), 1);
}

#[test]
fn rules_are_not_evaluated_of_values_of_other_types() {
    let schema = with_rules(json!([{"rule": "self.min > 3"}]));
    assert_eq!(
        lines(schema.validate(&json!({"spec": {"min": "x"}}), None)),
        [
            r#"FieldValueTypeInvalid spec.min Invalid value: "string": spec.min in body must be of type integer: "string""#,
            "FieldValueInvalid <nil> Invalid value: null: some validation rules were not checked because the object \
             was invalid; correct the existing errors to complete validation",
        ]
    );
}

#[test]
fn a_rule_that_would_run_for_ever_is_stopped() {
    let list: Vec<u32> = (0..3000).collect();
    let rule = "self.list.all(a, self.list.all(b, self.list.all(c, a + b + c >= 0)))";
    let errors = lines(with_rules(json!([{"rule": rule}])).validate(&json!({"spec": {"list": list}}), None));
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains("actual cost limit exceeded"), "{errors:?}");

    let rule =
        (0..12).fold("true".to_owned(), |inner, level| format!("[1,2,3,4,5,6,7,8,9].all(x{level}, {inner})"));
    let errors = lines(with_rules(json!([{"rule": rule}])).validate(&json!({"spec": {}}), None));
    assert_eq!(errors.len(), 1);
}

/// Something that would take gigabytes, or hours: if it were not stopped, the test would not end.
#[track_caller]
fn is_stopped(rule: &str, spec: Value) {
    let errors = lines(with_rules(json!([{"rule": rule}])).validate(&json!({"spec": spec}), None));
    assert_eq!(errors.len(), 1, "{rule}: {errors:?}");
    assert!(errors[0].contains("actual cost limit exceeded"), "{rule}: {errors:?}");
}

#[test]
fn a_rule_that_would_fill_the_memory_is_stopped() {
    is_stopped("lists.range(100000000000).size() > 0", json!({}));
    is_stopped("'%.99999999999f'.format([1.5]).size() > 0", json!({}));
    let doubled = format!("[self.name]{}.size() > 0", ".map(x, x + x)".repeat(40));
    is_stopped(&doubled, json!({"name": "ab"}));
    let doubled = format!("[[self.name]]{}.size() > 0", ".map(x, [x, x])".repeat(40));
    is_stopped(&doubled, json!({"name": "ab"}));
    let quoted = format!("{}'\\\\'{}.size() > 0", "strings.quote(".repeat(60), ")".repeat(60));
    is_stopped(&quoted, json!({}));

    let name = "a".repeat(4_000_000);
    let list: Vec<u32> = (0..200).collect();
    let spec = json!({"name": name, "list": list});
    is_stopped("self.name.replace('', self.name).size() > 0", spec.clone());
    is_stopped("self.list.map(x, self.name).join('').size() > 0", spec.clone());
    is_stopped("self.list.map(x, {'a': self.name}).size() > 0", spec.clone());
    is_stopped("self.list.map(x, '-').join(self.name).size() > 0", spec);
}

#[test]
fn a_function_that_would_run_for_ever_is_stopped() {
    let list: Vec<u32> = (0..20_000).collect();
    let spec = json!({"list": list, "name": "a".repeat(100_000)});
    is_stopped("sets.contains(self.list, self.list)", spec.clone());
    is_stopped("self.list.distinct().size() > 0", spec.clone());
    is_stopped("self.name.indexOf(self.name.substring(1) + 'b') > 0", spec);
}

#[test]
fn what_functions_make_in_reason_is_made() {
    let list: Vec<u32> = (0..500).collect();
    let spec = json!({"name": "a.b.c", "list": list, "map": {"k": "v"}});
    for rule in [
        "self.name.replace('.', '-') == 'a-b-c' && self.name.replace('.', '-', 1) == 'a-b.c'",
        "self.name.split('.') == ['a', 'b', 'c'] && self.name.split('.').join('/') == 'a/b/c'",
        "['a', 'b'].join() == 'ab' && '%s-%.2f'.format(['x', 1.0]) == 'x-1.00'",
        "self.list.map(x, x * 2).sum() == 249500 && self.list.distinct().size() == 500",
        "sets.contains(self.list, [1, 2]) && sets.equivalent([1, 2], [2, 1]) && sets.intersects([1], self.list)",
        "lists.range(3) == [0, 1, 2] && lists.range(-1 + 1) == []",
        "self.name.indexOf('b') == 2 && self.name.lastIndexOf('.') == 3 && self.list.indexOf(7) == 7",
        "strings.quote('a') == '\"a\"' && base64.encode(b'a') == 'YQ==' && string(5) == '5'",
        "{'a': self.name, 'b': self.map.k}.b == 'v' && [self.name, self.map.k][1] == 'v'",
        "self.name + '!' + self.name == 'a.b.c!a.b.c' && self.list[1] + self.list[2] == 3",
        "'aXbX'.findAll('[a-z]') == ['a', 'b']",
        "[optional.of(self.name)][0].hasValue() && [?self.?nothing] == []",
    ] {
        check(json!({"rule": rule}), spec.clone(), &[]);
    }
    let rule = json!({"rule": "self.name.replace(1, 2) == ''"});
    let errors = lines(with_rules(json!([rule])).validate(&json!({"spec": spec}), None));
    assert_eq!(errors.len(), 1, "the function says itself what it does not take: {errors:?}");
}

/// On the stack that servers' threads have.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
}

#[test]
fn deep_rules_are_evaluated_or_refused() {
    let repeated =
        |start: &str, part: &str, end: &str, count: usize| format!("{start}{}{end}", part.repeat(count));
    let nested = |open: &str, inner: &str, close: &str, count: usize| {
        format!("{}{inner}{}", open.repeat(count), close.repeat(count))
    };
    on_a_small_stack(move || {
        for (count, holds) in [(60, true), (5_000, false)] {
            for rule in [
                repeated("1", " + 1", " > 0", count),
                repeated("true", " == true", "", count),
                repeated("'a'", ".trim()", " == 'a'", count),
                repeated("[1]", ".map(x, x)", ".size() == 1", count),
                repeated("", "false ? false : ", "true", count),
                nested("(", "true", ")", count),
                nested("[", "1", "]", count) + " != 1",
            ] {
                let schema = with_rules(json!([{"rule": rule}]));
                let errors = lines(schema.validate(&json!({"spec": {}}), None));
                let shown: String = rule.chars().take(40).collect();
                if holds {
                    assert_eq!(errors, [""; 0], "{shown}");
                } else {
                    assert!(
                        errors[0].contains("expression recursion limit exceeded: 250"),
                        "{shown}: {errors:?}"
                    );
                }
            }
        }
        let rule = repeated("true", " && true", "", 5_000);
        check(json!({"rule": rule}), json!({}), &[]);
    });
}
