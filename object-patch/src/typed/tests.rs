use serde_json::{Value, json};
use structural_schema::Schema;

use super::*;
use crate::field_set::FieldSet;

fn schema() -> Schema {
    Schema::compile(&json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "replicas": {"type": "integer"},
                    "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                    "list": {"type": "array", "items": {"type": "string"}},
                    "map": {"type": "object", "additionalProperties": {"type": "string"}},
                    "whole": {
                        "type": "object",
                        "x-kubernetes-map-type": "atomic",
                        "additionalProperties": {"type": "string"},
                    },
                    "ports": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["port", "protocol"],
                        "items": {
                            "type": "object",
                            "properties": {
                                "port": {"type": "integer"},
                                "protocol": {"type": "string", "default": "TCP"},
                                "name": {"type": "string"},
                            },
                        },
                    },
                },
            },
        },
    }))
    .unwrap()
}

fn texts(set: &FieldSet) -> Vec<String> {
    set.paths().iter().map(ToString::to_string).collect()
}

fn spec(spec: Value) -> Value {
    json!({ "spec": spec })
}

#[test]
fn the_fields_of_an_object_are_its_leaves_elements_and_keys() {
    let schema = schema();
    let object = spec(json!({
        "replicas": 1,
        "set": ["a", "a", "b"],
        "list": ["x"],
        "map": {"k": "v"},
        "whole": {"in": "v"},
        "ports": [{"port": 80, "name": "web"}],
    }));
    assert_eq!(
        texts(&fields_of(&object, Type::resource(Some(schema.root())))),
        [
            ".spec.list",
            ".spec.replicas",
            ".spec.whole",
            ".spec.map.k",
            ".spec.ports[port=80,protocol=\"TCP\"]",
            ".spec.ports[port=80,protocol=\"TCP\"].name",
            ".spec.ports[port=80,protocol=\"TCP\"].port",
            ".spec.set[=\"a\"]",
            ".spec.set[=\"b\"]",
        ]
    );
    assert_eq!(
        texts(&fields_of(&object, Type::resource(None))),
        [
            ".spec",
            ".spec.list",
            ".spec.map",
            ".spec.ports",
            ".spec.replicas",
            ".spec.set",
            ".spec.whole",
            ".spec.map.k",
            ".spec.whole.in",
        ]
    );
}

#[test]
fn elements_that_are_there_twice_are_compared_as_one_value() {
    let schema = schema();
    let ty = Type::resource(Some(schema.root()));
    let found = |before: Value, after: Value| {
        let ports = |ports| spec(json!({ "ports": ports }));
        let comparison = compare(&ports(before), &ports(after), ty);
        [texts(&comparison.removed), texts(&comparison.modified), texts(&comparison.added)]
    };
    let element = || vec![".spec.ports[port=80,protocol=\"TCP\"]".to_owned()];
    let inside = |name: &str| vec![format!(".spec.ports[port=80,protocol=\"TCP\"].{name}")];
    let one = json!([{"port": 80}]);
    let two = json!([{"port": 80}, {"port": 80, "name": "a"}]);
    let other_two = json!([{"port": 80}, {"port": 80, "name": "b"}]);
    let nothing = Vec::<String>::new;
    assert_eq!(found(two.clone(), two.clone()), [nothing(), nothing(), nothing()]);
    assert_eq!(found(two.clone(), other_two), [nothing(), element(), nothing()]);
    assert_eq!(found(json!([]), two.clone()), [nothing(), nothing(), element()]);
    let [removed, modified, added] = found(two.clone(), one.clone());
    assert_eq!((removed, modified, added), (element(), nothing(), [element(), inside("port")].concat()));
    let [removed, modified, added] = found(one, two);
    assert_eq!((removed, modified, added), ([element(), inside("port")].concat(), nothing(), element()));
}

#[test]
fn applied_elements_keep_their_order_and_the_others_their_places() {
    let schema = schema();
    let ty = Type::resource(Some(schema.root()));
    for (live, applied, expected) in [
        (vec!["a", "b", "c"], vec!["c", "a"], vec!["b", "c", "a"]),
        (vec!["a", "b"], vec!["x", "b"], vec!["a", "x", "b"]),
        (vec!["a", "b"], vec!["b", "x", "a"], vec!["b", "x", "a"]),
        (vec![], vec!["x"], vec!["x"]),
        (vec!["a", "a", "b"], vec!["a"], vec!["a", "b"]),
        (vec!["a", "b", "c", "d"], vec!["d", "b", "e"], vec!["a", "c", "d", "b", "e"]),
    ] {
        let set = |items: &[&str]| spec(json!({ "set": items }));
        assert_eq!(merge(&set(&live), &set(&applied), ty), set(&expected), "{live:?} and {applied:?}");
    }
}

#[test]
fn what_has_become_atomic_is_owned_as_a_whole() {
    let schema = schema();
    let ty = Type::resource(Some(schema.root()));
    let granular =
        FieldSet::of_fields(&[&["spec", "whole", "in"], &["spec", "map", "k"], &["spec", "list", "x"]]);
    let expected = FieldSet::of_fields(&[&["spec", "whole"], &["spec", "map", "k"], &["spec", "list"]]);
    assert_eq!(reconcile(&granular, ty), expected);
    assert_eq!(reconcile(&expected, ty), expected);
    assert_eq!(reconcile(&granular, Type::resource(None)), granular);
}

#[test]
fn what_loses_all_that_it_holds_is_null() {
    let schema = schema();
    let ty = Type::resource(Some(schema.root()));
    let object = spec(json!({"map": {"k": "v"}, "replicas": 1}));
    assert_eq!(
        remove(&object, &FieldSet::of_fields(&[&["spec", "map", "k"]]), ty),
        spec(json!({"map": null, "replicas": 1}))
    );
    assert_eq!(remove(&object, &FieldSet::of_fields(&[&["spec"]]), ty), Value::Null);
}
