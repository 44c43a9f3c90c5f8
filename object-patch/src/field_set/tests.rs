use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn fields_v1_is_read_and_written() {
    let fields = json!({
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
        "f:spec": {
            "f:finalizers": {"v:\"a\\u003cb\"": {}, "v:1": {}, "v:true": {}},
            "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}}},
            "f:rest": {"i:3": {}},
        },
    });
    let set = FieldSet::from_fields_v1(&fields).unwrap();
    assert_eq!(set.to_fields_v1(), fields);
    let paths: Vec<_> = set.paths().iter().map(ToString::to_string).collect();
    assert_eq!(
        paths,
        [
            ".metadata.labels",
            ".metadata.labels.app",
            ".spec.finalizers[=1]",
            ".spec.finalizers[=\"a<b\"]",
            ".spec.finalizers[=true]",
            ".spec.ports[port=80,protocol=\"TCP\"]",
            ".spec.ports[port=80,protocol=\"TCP\"].name",
            ".spec.rest[3]",
        ]
    );
}

#[test]
fn what_is_not_fields_v1_is_refused() {
    for fields in [
        json!([]),
        json!({"f:a": 1}),
        json!({"x": {}}),
        json!({"é": {}}),
        json!({"k:[]": {}}),
        json!({"i:x": {}}),
    ] {
        assert!(FieldSet::from_fields_v1(&fields).is_err(), "{fields}");
    }
    let unknown = FieldSet::from_fields_v1(&json!({"z:a": {"f:b": {}}, "f:c": {}})).unwrap();
    assert_eq!(unknown, FieldSet::of_fields(&[&["c"]]));
}

fn element() -> impl Strategy<Value = PathElement> {
    let scalar = || {
        prop_oneof![
            "[a-c<\"\u{e9}\n]{0,2}".prop_map(Value::from),
            (-3i64..3).prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            (-3i64..3).prop_map(|half| Value::from(f64::from(i32::try_from(half).unwrap()) / 2.0)),
        ]
    };
    prop_oneof![
        4 => "[a-c]{1,2}".prop_map(PathElement::Field),
        1 => prop::collection::btree_map("[ab]", scalar(), 1..3)
            .prop_map(|fields| PathElement::Key(fields.into_iter().collect())),
        1 => scalar().prop_map(PathElement::Value),
        1 => (0i64..4).prop_map(PathElement::Index),
    ]
}

fn set() -> impl Strategy<Value = FieldSet> {
    prop::collection::vec(prop::collection::vec(element(), 1..4), 0..12).prop_map(|paths| {
        let mut set = FieldSet::new();
        paths.iter().for_each(|path| set.insert(path));
        set
    })
}

proptest! {
    #[test]
    fn sets_survive_their_written_form(set in set()) {
        let written = set.to_fields_v1();
        let text: Value = serde_json::from_str(&written.to_string()).unwrap();
        prop_assert_eq!(FieldSet::from_fields_v1(&text).unwrap(), set);
    }

    #[test]
    fn the_algebra_is_that_of_sets(a in set(), b in set(), c in set()) {
        let paths = |set: &FieldSet| set.paths().into_iter().collect::<BTreeSet<_>>();
        prop_assert_eq!(paths(&a.union(&b)), &paths(&a) | &paths(&b));
        prop_assert_eq!(paths(&a.intersection(&b)), &paths(&a) & &paths(&b));
        prop_assert_eq!(paths(&a.difference(&b)), &paths(&a) - &paths(&b));
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.difference(&b.union(&c)), a.difference(&b).difference(&c));
        for path in paths(&a) {
            let above = (1..=path.0.len()).any(|length| b.contains(&path.0[..length]));
            prop_assert_eq!(a.recursive_difference(&b).contains(&path.0), !above);
        }
    }
}
