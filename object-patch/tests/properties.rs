//! What holds for whatever is applied, and by whom.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use object_patch::{
    FieldSet, MAX_DEPTH, ManagedFields, OneForm, Resource, Writer, apply, json_patch, keep_times,
    merge_patch, strategic_merge, track_update,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use structural_schema::{Definitions, Schema};

const API_VERSION: &str = "example.com/v1";

fn schema() -> Schema {
    let text = || json!({"type": "string"});
    let item = json!({
        "type": "object",
        "properties": {"name": text(), "value": text(), "tags": {
            "type": "array", "x-kubernetes-list-type": "set", "items": text(),
        }},
    });
    Schema::compile(&json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "number": {"type": "integer"},
                    "map": {"type": "object", "additionalProperties": text()},
                    "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": text()},
                    "list": {"type": "array", "items": text()},
                    "set": {"type": "array", "x-kubernetes-list-type": "set", "items": text()},
                    "items": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "x-kubernetes-patch-strategy": "merge",
                        "x-kubernetes-patch-merge-key": "name",
                        "items": item,
                    },
                    "any": {"x-kubernetes-preserve-unknown-fields": true},
                },
            },
        },
    }))
    .unwrap()
}

fn text() -> impl Strategy<Value = Value> {
    "[ab]".prop_map(Value::from)
}

fn texts() -> impl Strategy<Value = Value> {
    prop::collection::btree_set("[a-c]", 0..3).prop_map(|texts| json!(texts))
}

fn map() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-c]", text(), 0..3).prop_map(|fields| json!(fields))
}

fn items() -> impl Strategy<Value = Value> {
    let item = (prop::option::of(text()), prop::option::of(texts()));
    prop::collection::btree_map("[a-c]", item, 0..3).prop_map(|items| {
        let made = items.into_iter().map(|(name, (value, tags))| {
            let mut item = json!({ "name": name });
            if let Some(value) = value {
                item["value"] = value;
            }
            if let Some(tags) = tags.filter(|tags| *tags != json!([])) {
                item["tags"] = tags;
            }
            item
        });
        made.collect()
    })
}

/// A configuration of the schema's type, with no empty lists and maps: what is in them is owned, not they.
fn config() -> impl Strategy<Value = Value> {
    let optional = |strategy: BoxedStrategy<Value>| prop::option::of(strategy);
    let fields = (
        (0..3).prop_map(|number| Some(Value::from(number))),
        optional(map().boxed()),
        optional(map().boxed()),
        optional(texts().boxed()),
        optional(texts().boxed()),
        optional(items().boxed()),
    );
    fields.prop_map(|(number, map, whole, list, set, items)| {
        let fields = [
            ("number", number),
            ("map", map),
            ("whole", whole),
            ("list", list),
            ("set", set),
            ("items", items),
        ];
        let is_empty = |value: &Value| *value == json!({}) || *value == json!([]);
        let fields = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.filter(|value| !is_empty(value))?)));
        let spec: Map<String, Value> = fields.map(|(name, value)| (name.to_owned(), value)).collect();
        json!({"apiVersion": API_VERSION, "kind": "Thing", "metadata": {"name": "x"}, "spec": spec})
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        3 => "[a-c]",
        2 => prop::sample::select(vec!["metadata", "spec", "items", "set", "map", "whole", "list", "any", "name", "managedFields"])
            .prop_map(str::to_owned),
        1 => prop::sample::select(vec![
            "$patch", "$retainKeys", "$setElementOrder/items", "$deleteFromPrimitiveList/set", "$setElementOrder/set",
            "op", "path", "from", "value", "apiVersion", "kind", "manager", "operation", "fieldsType", "fieldsV1",
            "f:a", "k:{}", "v:1", "k:{\"a\":1}", ".",
        ]).prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "a",
            "replace",
            "delete",
            "merge",
            "add",
            "copy",
            "move",
            "test",
            "remove",
            "/a",
            "/spec/items/0",
            "/-",
            API_VERSION,
            "Thing",
            "Apply",
            "Update",
            "FieldsV1",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..5).prop_map(|fields| json!(fields)),
        ]
    })
}

struct World {
    schema: Schema,
    ignored: FieldSet,
}

impl World {
    fn new() -> Self {
        Self { schema: schema(), ignored: FieldSet::new() }
    }

    fn apply(&self, live: Option<&Value>, config: &Value, manager: &str) -> Value {
        let forms = OneForm(Some(self.schema.root()));
        let resource =
            Resource { api_version: API_VERSION, kind: "Thing", forms: &forms, ignored: &self.ignored };
        let writer = Writer { manager, subresource: "", time: "2026-01-01T00:00:00Z" };
        apply(live, config, &resource, &writer, true).unwrap()
    }
}

/// Whether an object has all that a configuration says; elements of lists in any order.
fn has(object: &Value, config: &Value) -> bool {
    match (object, config) {
        (Value::Object(object), Value::Object(config)) => {
            config.iter().all(|(name, value)| object.get(name).is_some_and(|other| has(other, value)))
        }
        (Value::Array(object), Value::Array(config)) => {
            config.iter().all(|value| object.iter().any(|other| has(other, value)))
        }
        (object, config) => object == config,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn apply_is_idempotent(one in config(), two in config()) {
        let world = World::new();
        let live = world.apply(None, &one, "one");
        let live = world.apply(Some(&live), &two, "two");
        prop_assert_eq!(&world.apply(Some(&live), &two, "two"), &live);
    }

    #[test]
    fn what_is_applied_is_there_and_owned(one in config(), two in config()) {
        let world = World::new();
        let live = world.apply(None, &one, "one");
        let live = world.apply(Some(&live), &two, "two");
        prop_assert!(has(&live, &two), "{live}\nlacks {two}");
        let managed = ManagedFields::of(&live).unwrap();
        let never = FieldSet::of_fields(&[&["apiVersion"], &["kind"], &["metadata"], &["metadata", "name"]]);
        for owned in managed.entries.values() {
            prop_assert!(owned.fields.intersection(&never).is_empty());
        }
    }

    #[test]
    fn who_gives_up_fields_takes_none_from_others(one in config(), two in config(), then in config()) {
        let world = World::new();
        let live = world.apply(None, &one, "one");
        let live = world.apply(Some(&live), &two, "two");
        let mut none = one.clone();
        none.as_object_mut().unwrap().remove("spec");
        let given_up = world.apply(Some(&live), &none, "one");
        prop_assert!(has(&given_up, &two), "{given_up}\nlacks {two}");

        // And nothing is left of one who was alone.
        let alone = world.apply(None, &one, "one");
        let changed = world.apply(Some(&alone), &then, "one");
        let fresh = world.apply(None, &then, "one");
        prop_assert!(has(&changed, &then), "{changed}\nlacks {then}");
        prop_assert!(has(&fresh["spec"], &changed["spec"]), "{changed}\nhas more than {then}");
    }

    #[test]
    fn an_apply_is_refused_if_it_would_take_a_field_and_only_then(one in config(), two in config()) {
        let world = World::new();
        let live = world.apply(None, &one, "one");
        let live = world.apply(Some(&live), &one, "two");
        let forms = OneForm(Some(world.schema.root()));
        let resource = Resource { api_version: API_VERSION, kind: "Thing", forms: &forms, ignored: &world.ignored };
        let writer = Writer { manager: "three", subresource: "", time: "2026-01-01T00:00:00Z" };
        let refused = apply(Some(&live), &two, &resource, &writer, false).is_err();
        let forced = apply(Some(&live), &two, &resource, &writer, true).unwrap();
        let owners = |object: &Value| ManagedFields::of(object).unwrap().entries.into_iter()
            .filter(|(manager, _)| manager.name == "one").map(|(_, owned)| owned.fields).next().unwrap_or_default();
        prop_assert_eq!(refused, owners(&live) != owners(&forced));
    }

    #[test]
    fn a_plain_strategic_merge_patch_is_idempotent(one in config(), two in config()) {
        let schema = schema();
        let spec = |config: &Value| json!({"spec": config["spec"]});
        let (one, two) = (spec(&one), spec(&two));
        let once = strategic_merge(&one, &two, schema.root()).unwrap();
        prop_assert!(has(&once["spec"]["items"], &two["spec"]["items"]) || two["spec"]["items"].is_null());
        prop_assert_eq!(&strategic_merge(&once, &two, schema.root()).unwrap(), &once);
        prop_assert_eq!(&strategic_merge(&one, &json!({}), schema.root()).unwrap(), &one);
    }

    #[test]
    fn nothing_panics(live in any_json(), sent in any_json(), typed in any::<bool>(), built_in in any::<bool>()) {
        let schema = schema();
        let definitions = json!({"x": {"type": "object", "required": ["spec"], "properties": {
            "spec": {"type": "object", "default": {}, "required": ["items"], "properties": {"items": {"type": "array"}}},
        }}});
        let definitions = Definitions::compile(definitions.as_object().unwrap()).unwrap();
        let root = if built_in { definitions.get("x").unwrap().root() } else { schema.root() };
        let forms = OneForm(typed.then_some(root));
        let ignored = FieldSet::of_fields(&[&["status"]]);
        let resource = Resource { api_version: API_VERSION, kind: "Thing", forms: &forms, ignored: &ignored };
        let writer = Writer { manager: "kubectl", subresource: "", time: "2026-01-01T00:00:00Z" };

        let _ = (json_patch(&live, &sent), json_patch(&live, &json!([sent])), merge_patch(&live, &sent));
        let _ = strategic_merge(&live, &sent, root);
        let mut typed_sent = sent.clone();
        if let Some(fields) = typed_sent.as_object_mut() {
            fields.insert("apiVersion".to_owned(), json!(API_VERSION));
            fields.insert("kind".to_owned(), json!("Thing"));
        }
        for force in [false, true] {
            let _ = apply(Some(&live), &typed_sent, &resource, &writer, force);
            let _ = apply(None, &typed_sent, &resource, &writer, force);
        }
        for old in [None, Some(&live)] {
            let mut new = sent.clone();
            track_update(old, &mut new, &resource, &writer);
            keep_times(&live, &mut new);
        }
    }
}

/// As deep as is accepted, in a thread with half the stack that an asynchronous runtime's have.
#[test]
fn the_deepest_values_fit_a_small_stack() {
    let deepest = |leaf: &str| (0..MAX_DEPTH - 1).fold(json!({"leaf": leaf}), |inner, _| json!({"a": inner}));
    let recursive = json!({"x": {"type": "object", "properties": {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "a": {"$ref": "#/x"},
        "leaf": {"type": "string"},
        "metadata": {"type": "object", "properties": {"managedFields": {}}},
    }}});
    let run = move || {
        let definitions = Definitions::compile(recursive.as_object().unwrap()).unwrap();
        let ignored = FieldSet::new();
        for forms in [OneForm(None), OneForm(Some(definitions.get("x").unwrap().root()))] {
            let resource =
                Resource { api_version: API_VERSION, kind: "Thing", forms: &forms, ignored: &ignored };
            let writer = |manager| Writer { manager, subresource: "", time: "2026-01-01T00:00:00Z" };
            let config = |leaf: &str| {
                let mut config = deepest(leaf);
                config["apiVersion"] = json!(API_VERSION);
                config["kind"] = json!("Thing");
                config
            };
            let live = apply(None, &config("1"), &resource, &writer("one"), false).unwrap();
            assert!(apply(Some(&live), &config("2"), &resource, &writer("two"), false).is_err());
            let live = apply(Some(&live), &config("2"), &resource, &writer("two"), true).unwrap();
            let mut updated = config("3");
            track_update(Some(&live), &mut updated, &resource, &writer("three"));
            let managed = ManagedFields::of(&updated).unwrap();
            assert!(managed.entries.keys().any(|manager| manager.name == "three"));
            assert_eq!(serde_json::from_str::<Value>(&updated.to_string()).unwrap(), updated);
        }
        let root = definitions.get("x").unwrap().root();
        assert_eq!(strategic_merge(&deepest("1"), &deepest("2"), root).unwrap(), deepest("2"));
        assert_eq!(merge_patch(&deepest("1"), &deepest("2")).unwrap(), deepest("2"));
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}
