//! What holds for every object, topology type and registry.

#![allow(missing_docs, reason = "a test has no readers of its interface")]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails, in what its tests share too")]

use std::sync::Arc;

use federation_model::TopologyTypeSpec;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use topology_convert::{
    Registry, TopologyType, check_topology_type, review, to_cluster_form, to_topology_form,
};

const TYPE: &str = "fedd.io/topology-type";

/// A type in code whose two directions are not each other's inverse, and which answers with slashes and empty texts.
#[derive(Debug)]
struct Careless;

impl TopologyType for Careless {
    fn name(&self) -> &'static str {
        "careless"
    }
    fn per_namespace(&self) -> bool {
        false
    }
    fn to_cluster(&self, topology: &str, _: Option<&str>) -> Option<String> {
        match topology {
            "b" => None,
            "c" => Some("cluster/c".to_owned()),
            "A" => Some(String::new()),
            "cluster/b" => Some("a".to_owned()),
            _ => Some(topology.to_lowercase()),
        }
    }
    fn to_topology(&self, cluster: &str, _: Option<&str>) -> Option<String> {
        match cluster {
            "a" => Some("cluster/b".to_owned()),
            "d" => None,
            _ => Some(cluster.split('.').next().unwrap_or_default().to_owned()),
        }
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    for (name, template) in [("zone", "z-{name}-{namespace}"), ("site", "s-{name}"), ("same", "{name}")] {
        registry.declare(name, &TopologyTypeSpec { cluster_name_template: template.to_owned() }).unwrap();
    }
    registry.add(Arc::new(Careless)).unwrap();
    registry
}

fn type_name() -> impl Strategy<Value = String> {
    let known = select(vec!["cluster", "cell", "zone", "site", "same", "careless"]);
    let unknown = select(vec!["", "gone", "cluster/", "a/b", "cell/", "Cell"]);
    prop_oneof![6 => known, 2 => unknown].prop_map(str::to_owned)
}

/// Names that meet: few letters, and every mark that a rule knows.
fn name() -> impl Strategy<Value = String> {
    let stem =
        "(cluster/|cell/|zone/|gone/|/){0,3}(z-|s-)?([abcdA]|member1|[ab]\\.[ab])?(\\.ns|\\.other|-ns)?";
    prop_oneof![4 => stem, 2 => "[ab]", 1 => "[ab]\\.ns", 1 => any::<String>()]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        name().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((select(KEYS.to_vec()), inner), 0..3)
                .prop_map(|entries| object(entries.into_iter().map(|(key, value)| (key, Some(value))))),
        ]
    })
}

/// Every key that a rule knows, and some that none does.
const KEYS: [&str; 14] = [
    "clusters",
    "topologies",
    "clusterSelector",
    "topologySelector",
    "clusterName",
    "topologyName",
    "clusterOverrides",
    "topologyOverrides",
    "topologyType",
    "name",
    "annotations",
    "placement",
    "status",
    "x",
];

fn object<'a>(entries: impl IntoIterator<Item = (&'a str, Option<Value>)>) -> Value {
    let entries = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(entries.collect())
}

/// `usual`, or absent, or now and then anything at all.
fn or_odd(usual: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    prop_oneof![8 => usual.prop_map(Some), 2 => Just(None), 1 => json_value().prop_map(Some)].boxed()
}

/// `usual` or absent.
fn or_none(usual: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    option::of(usual).boxed()
}

/// How the parts of an object are drawn.
#[derive(Clone, Copy, PartialEq)]
enum Parts {
    /// As the form's schema has them and an API server hands them out.
    Schema,
    /// Now and then anything else in their place, and the other form's fields.
    Odd,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Cluster,
    Topology,
}

impl Form {
    fn of<'a>(self, by_cluster: &'a str, by_topology: &'a str) -> &'a str {
        if self == Self::Cluster { by_cluster } else { by_topology }
    }
}

fn objects(form: Form, parts: Parts) -> BoxedStrategy<Value> {
    let maybe = move |usual: BoxedStrategy<Value>| {
        if parts == Parts::Odd { or_odd(usual) } else { or_none(usual) }
    };
    let often = move |usual: BoxedStrategy<Value>| {
        if parts == Parts::Odd { or_odd(usual) } else { usual.prop_map(Some).boxed() }
    };
    // The other form's key: only where parts may be odd.
    let stray = move || {
        if parts == Parts::Odd { option::weighted(0.1, json_value()).boxed() } else { Just(None).boxed() }
    };
    let (list, other_list) = (form.of("clusters", "topologies"), form.of("topologies", "clusters"));
    let (selector, other_selector) =
        (form.of("clusterSelector", "topologySelector"), form.of("topologySelector", "clusterSelector"));
    let (override_name, other_name) =
        (form.of("clusterName", "topologyName"), form.of("topologyName", "clusterName"));
    let (patches, other_patches) =
        (form.of("clusterOverrides", "topologyOverrides"), form.of("topologyOverrides", "clusterOverrides"));

    let text = || name().prop_map(Value::from).boxed();
    let entries = move |extra: &'static str| {
        let entry = (often(text()), maybe(json_value().boxed()))
            .prop_map(move |(name, x)| object([("name", name), (extra, x)]));
        let entry = often(entry.boxed()).prop_map(|entry| entry.unwrap_or(Value::Null));
        vec(entry, 0..4).prop_map(Value::from).boxed()
    };
    let placement = (maybe(entries("weight")), stray(), maybe(json_value().boxed()), stray()).prop_map(
        move |(names, other, chosen, other_chosen)| {
            object([(list, names), (other_list, other), (selector, chosen), (other_selector, other_chosen)])
        },
    );
    let mask = (maybe(entries("x")), stray())
        .prop_map(move |(names, other)| object([(list, names), (other_list, other)]));
    let override_of = (often(text()), maybe(json_value().boxed()), stray(), stray()).prop_map(
        move |(name, value, other, other_value)| {
            object([
                (override_name, name),
                (patches, value),
                (other_name, other),
                (other_patches, other_value),
            ])
        },
    );
    let overrides = vec(override_of, 0..4).prop_map(Value::from);
    let topology_type = match (form, parts) {
        (Form::Cluster, Parts::Schema) => Just(None).boxed(),
        (Form::Topology, Parts::Schema) => or_none(type_name().prop_map(Value::from)),
        (Form::Topology, Parts::Odd) => or_odd(type_name().prop_map(Value::from)),
        (Form::Cluster, Parts::Odd) => option::weighted(0.2, json_value()).boxed(),
    };
    let spec = (
        topology_type,
        maybe(json_value().boxed()),
        maybe(placement.boxed()),
        maybe(mask.boxed()),
        maybe(overrides.boxed()),
    )
        .prop_map(|(topology_type, template, placement, mask, overrides)| {
            object([
                ("topologyType", topology_type),
                ("template", template),
                ("placement", placement),
                ("placementMask", mask),
                ("overrides", overrides),
            ])
        });
    let status = (maybe(entries("remoteStatus")), stray(), maybe(json_value().boxed())).prop_map(
        move |(names, other, conditions)| {
            object([(list, names), (other_list, other), ("conditions", conditions)])
        },
    );

    let own = [TYPE.to_owned(), format!("{TYPE}.own"), format!("{TYPE}.own.own"), format!("{TYPE}.ownx")];
    let others = ["fedd.io/topology-carry".to_owned(), "kubefed.io/orphan".to_owned()];
    let key = select(own.into_iter().chain(others).collect::<Vec<_>>());
    let annotations = vec((key, type_name()), 1..5)
        .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k, Value::from(v))).collect()));
    let annotations = annotations.prop_flat_map(move |rest| {
        // The cluster form's usual annotation, more often than by chance.
        let with = type_name().prop_map({
            let rest = rest.clone();
            move |name| {
                let mut map: Map<String, Value> = rest.as_object().cloned().unwrap_or_default();
                map.insert(TYPE.to_owned(), name.into());
                Value::Object(map)
            }
        });
        let alone = type_name().prop_map(|name| json!({TYPE: name}));
        if form == Form::Cluster { prop_oneof![with, alone, Just(rest)].boxed() } else { Just(rest).boxed() }
    });
    let annotations = if parts == Parts::Odd {
        prop_oneof![5 => annotations.prop_map(Some), 2 => Just(None), 1 => Just(Some(json!({}))),
            1 => json_value().prop_map(Some)]
        .boxed()
    } else {
        or_none(annotations)
    };
    let namespace = option::of(select(vec!["ns", "ns", "ns", "other", ""]).prop_map(Value::from));
    let metadata = (namespace, annotations).prop_map(|(namespace, annotations)| {
        object([
            ("name", Some(json!("web"))),
            ("namespace", namespace),
            ("annotations", annotations),
            ("managedFields", Some(json!([{"fieldsV1": {"f:spec": {"f:placement": {"f:clusters": {}}}}}]))),
        ])
    });
    let version = form.of("v1beta1", "v1beta2").to_owned();
    (often(metadata.boxed()), often(spec.boxed()), maybe(status.boxed()))
        .prop_map(move |(metadata, spec, status)| {
            object([
                ("apiVersion", Some(format!("types.kubefed.io/{version}").into())),
                ("kind", Some(json!("FederatedService"))),
                ("metadata", metadata),
                ("spec", spec),
                ("status", status),
            ])
        })
        .boxed()
}

/// The exceptions that the crate's documentation names.
fn in_domain(object: &Value) -> bool {
    let annotation = |key: &str| object.pointer("/metadata/annotations").and_then(|a| a.get(key));
    let field = object.pointer("/spec/topologyType");
    if object["apiVersion"] == "types.kubefed.io/v1beta1" {
        !field.is_some_and(|field| field.is_string() || annotation(TYPE).is_some())
    } else {
        [TYPE.to_owned(), format!("{TYPE}.own")]
            .iter()
            .all(|key| annotation(key).is_none_or(Value::is_string))
    }
}

/// The object with the names that are written out without need replaced by what they mean, which a conversion of
/// each name alone tells.
fn without_needless_writing_out(object: &Value, registry: &Registry) -> Value {
    let meant = |name: &str| {
        let mut alone = object.clone();
        alone["status"] = json!({"topologies": [{"name": name}]});
        let mut back = to_topology_form(to_cluster_form(alone, registry), registry);
        back["status"]["topologies"][0]["name"].take()
    };
    let mut result = object.clone();
    for (pointer, key) in [
        ("/spec/placement/topologies", "name"),
        ("/spec/placementMask/topologies", "name"),
        ("/spec/overrides", "topologyName"),
        ("/status/topologies", "name"),
    ] {
        for entry in result.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(name) = entry.get_mut(key)
                && let Some(text) = name.as_str()
                && text.starts_with("cluster/")
            {
                *name = meant(text);
            }
        }
    }
    result
}

fn only_keys(value: Option<&Value>, allowed: &[&str]) -> Result<(), TestCaseError> {
    for key in value.and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        prop_assert!(allowed.contains(&key.as_str()), "{key} is none of {allowed:?}");
    }
    Ok(())
}

fn has_schema_of(object: &Value, form: Form) -> Result<(), TestCaseError> {
    let list = form.of("clusters", "topologies");
    let spec = ["template", "placement", "placementMask", "overrides", form.of("template", "topologyType")];
    only_keys(object.pointer("/spec"), &spec)?;
    only_keys(object.pointer("/spec/placement"), &[list, form.of("clusterSelector", "topologySelector")])?;
    only_keys(object.pointer("/spec/placementMask"), &[list])?;
    for entry in object.pointer("/spec/overrides").and_then(Value::as_array).into_iter().flatten() {
        let keys = [form.of("clusterName", "topologyName"), form.of("clusterOverrides", "topologyOverrides")];
        only_keys(Some(entry), &keys)?;
    }
    only_keys(object.get("status"), &[list, "conditions"])?;
    let annotations = object.pointer("/metadata/annotations").map(|a| a.as_object().unwrap());
    prop_assert!(annotations.is_none_or(|a| !a.is_empty() && a.values().all(Value::is_string)));
    Ok(())
}

/// The object without what conversion may change.
fn bystanders(mut object: Value) -> Value {
    object["apiVersion"].take();
    object["metadata"].as_object_mut().unwrap().remove("annotations");
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec.retain(|key, _| key == "template");
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        status.retain(|key, _| key == "conditions");
    }
    object
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_global_rejects: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn by_cluster_and_back_is_the_identity(
        object in prop_oneof![objects(Form::Cluster, Parts::Schema), objects(Form::Cluster, Parts::Odd)],
    ) {
        prop_assume!(in_domain(&object));
        let registry = registry();
        let topology = to_topology_form(object.clone(), &registry);
        prop_assert_eq!(&topology["apiVersion"], "types.kubefed.io/v1beta2");
        let back = to_cluster_form(topology.clone(), &registry);
        prop_assert_eq!(&back, &object, "by way of {}", topology);
    }

    #[test]
    fn by_topology_and_back_is_the_identity(
        object in prop_oneof![objects(Form::Topology, Parts::Schema), objects(Form::Topology, Parts::Odd)],
    ) {
        prop_assume!(in_domain(&object));
        let registry = registry();
        let cluster = to_cluster_form(object.clone(), &registry);
        prop_assert_eq!(&cluster["apiVersion"], "types.kubefed.io/v1beta1");
        let back = to_topology_form(cluster.clone(), &registry);
        let expected = without_needless_writing_out(&object, &registry);
        prop_assert_eq!(&back, &expected, "by way of {}", cluster);
        // What admission lets pass is not even normalised.
        if check_topology_type(&object, None, &registry).is_ok() {
            prop_assert_eq!(back.get("spec"), object.get("spec"));
        }
    }

    #[test]
    fn a_schemas_shape_becomes_the_others_and_the_rest_stays(
        by_cluster in objects(Form::Cluster, Parts::Schema), by_topology in objects(Form::Topology, Parts::Schema),
    ) {
        let registry = registry();
        let converted = to_topology_form(by_cluster.clone(), &registry);
        has_schema_of(&converted, Form::Topology)?;
        prop_assert_eq!(bystanders(converted), bystanders(by_cluster));
        let converted = to_cluster_form(by_topology.clone(), &registry);
        has_schema_of(&converted, Form::Cluster)?;
        prop_assert_eq!(bystanders(converted), bystanders(by_topology));
    }

    #[test]
    fn a_stored_object_stays_on_its_clusters_when_its_type_comes_after_it_was_read(
        object in objects(Form::Cluster, Parts::Schema),
    ) {
        let read = to_topology_form(object.clone(), &Registry::new());
        let type_name = object.pointer("/metadata/annotations").and_then(|a| a.get(TYPE)).and_then(Value::as_str);
        let written = to_cluster_form(read, &registry());
        for list in ["/spec/placement/clusters", "/spec/placementMask/clusters", "/status/clusters"] {
            let names = |object: &Value| -> Vec<Option<String>> {
                let entries = object.pointer(list).and_then(Value::as_array).into_iter().flatten();
                entries.map(|entry| entry["name"].as_str().map(str::to_owned)).collect()
            };
            for (after, before) in names(&written).into_iter().zip(names(&object)) {
                // A name that was made for want of a real one is no cluster's, and may find its real one.
                let made = before.as_deref().zip(type_name).is_some_and(|(b, t)| b.starts_with(&format!("{t}/")));
                prop_assert!(made || after == before, "{before:?} became {after:?}");
            }
        }
    }

    #[test]
    fn a_name_that_admission_passes_is_a_cluster_and_comes_back(
        type_name in option::of(type_name()), name in name(), namespace in option::of(Just("ns")),
    ) {
        let registry = registry();
        let object = json!({
            "apiVersion": "types.kubefed.io/v1beta2",
            "metadata": object([("namespace", namespace.map(Value::from))]),
            "spec": object([
                ("topologyType", type_name.map(Value::from)),
                ("placement", Some(json!({"topologies": [{"name": name}]}))),
            ]),
        });
        let admitted = check_topology_type(&object, None, &registry).is_ok();
        let cluster = to_cluster_form(object.clone(), &registry);
        let back = to_topology_form(cluster.clone(), &registry);
        if admitted {
            prop_assert_eq!(&back, &object);
            let cluster = cluster["spec"]["placement"]["clusters"][0]["name"].as_str().unwrap();
            let part = |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-')
                && part.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'));
            prop_assert!(cluster.split('.').all(part), "{cluster} cannot be a cluster's name");
        } else if back != object {
            prop_assert!(name.starts_with("cluster/"), "{name}");
        }
    }

    #[test]
    fn distinct_names_stay_distinct(object in objects(Form::Cluster, Parts::Schema)) {
        let names = |object: &Value, pointer: &str| -> Vec<String> {
            let entries = object.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
            entries.filter_map(|entry| entry["name"].as_str()).map(str::to_owned).collect()
        };
        let before = names(&object, "/spec/placement/clusters");
        let after = names(&to_topology_form(object, &registry()), "/spec/placement/topologies");
        for (one, name) in before.iter().enumerate() {
            for (two, other) in before.iter().enumerate() {
                prop_assert_eq!(name == other, after[one] == after[two], "{:?} became {:?}", &before, &after);
            }
        }
    }

    #[test]
    fn every_object_converts_to_the_same_each_time(
        object in prop_oneof![
            objects(Form::Cluster, Parts::Odd), objects(Form::Topology, Parts::Odd), json_value(),
            json_value().prop_map(|spec| json!({"apiVersion": "types.kubefed.io/v1beta1", "spec": spec})),
            json_value().prop_map(|metadata| json!({"apiVersion": "g/v1beta2", "metadata": metadata, "spec": {}})),
            json_value().prop_map(|version| json!({"apiVersion": version, "spec": {"topologyType": "cell"}})),
        ],
        old in option::of(objects(Form::Topology, Parts::Odd)),
    ) {
        for convert in [to_cluster_form, to_topology_form] {
            let once = convert(object.clone(), &registry());
            prop_assert_eq!(&convert(object.clone(), &registry()), &once);
            prop_assert_eq!(&convert(once.clone(), &registry()), &once, "it is in the wanted form already");
        }
        let verdict = check_topology_type(&object, old.as_ref(), &registry());
        prop_assert_eq!(&check_topology_type(&object, old.as_ref(), &registry()), &verdict);
        prop_assert_eq!(check_topology_type(&object, Some(&object), &registry()).map_err(|e| e.field),
            match object.pointer("/spec/topologyType") {
                Some(said) if object["apiVersion"].as_str().is_some_and(|v| v.ends_with("/v1beta2"))
                    && !said.is_string() && !said.is_null() => Err("spec.topologyType".to_owned()),
                _ => Ok(()),
            }, "what is stored is not refused again");
    }

    #[test]
    fn a_review_is_each_object_converted(
        objects in vec(prop_oneof![objects(Form::Cluster, Parts::Schema), objects(Form::Topology, Parts::Odd)], 0..6),
        to_cluster in any::<bool>(), uid in any::<String>(),
    ) {
        let registry = registry();
        let desired = format!("types.kubefed.io/{}", if to_cluster { "v1beta1" } else { "v1beta2" });
        let request = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
            "request": {"uid": uid, "desiredAPIVersion": desired, "objects": objects},
        });
        let convert = if to_cluster { to_cluster_form } else { to_topology_form };
        let expected: Vec<_> = objects.into_iter().map(|object| convert(object, &registry)).collect();
        prop_assert!(expected.iter().all(|object| object["apiVersion"] == desired));
        prop_assert_eq!(review(request, &registry), json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
            "response": {"uid": uid, "convertedObjects": expected, "result": {"status": "Success"}},
        }));
    }

    #[test]
    fn any_json_gets_a_review(value in json_value(), request in json_value()) {
        let registry = registry();
        for review_of in [
            value.clone(),
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}),
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": {
                "uid": value, "desiredAPIVersion": request, "objects": [value]}}),
        ] {
            let answer = review(review_of, &registry);
            prop_assert_eq!(&answer["kind"], "ConversionReview");
            prop_assert!(answer["response"]["uid"].is_string());
            prop_assert_eq!(&answer["response"]["result"]["status"], "Failure");
            prop_assert!(!answer["response"]["result"]["message"].as_str().unwrap().is_empty());
        }
    }
}
