//! What holds of every value: JSON and back, the mask's arithmetic, names and durations, admission.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use federation_model::{
    Cell, CellSpec, CellTarget, ClusterMask, ClusterOverride, ClusterReference, ClusterStatus,
    FederatedCondition, FederatedObject, FederatedSpec, FederatedStatus, KubeFedConfigSpec, Mask,
    NameTemplate, Override, OverrideOp, Placement, Settings, Step, TopologyFormStatus, TopologyMask,
    TopologyObject, TopologyOverride, TopologyPlacement, TopologyReference, TopologySpec, TopologyStatus,
    format_duration, is_dns_label, is_dns_subdomain, parse_duration, split_cell_cluster_name, step,
    validate_cell, validate_federated,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::core::ObjectMeta;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Any JSON; its keys and words are often those that the rules look for.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        3 => Just(String::new()),
        8 => prop::sample::select(vec![
            "apiVersion", "kind", "metadata", "name", "namespace", "annotations", "spec", "template", "placement",
            "placementMask", "clusters", "topologies", "clusterSelector", "topologySelector", "matchLabels",
            "matchExpressions", "key", "operator", "values", "overrides", "clusterName", "topologyName",
            "clusterOverrides", "topologyOverrides", "path", "op", "value", "topologyType", "cell", "In", "Exists",
            "kubefed.io/orphan", "kubefed.io/deleteoption", "types.kubefed.io/v1beta2", "/metadata", "x/kind", "~",
            "cluster/",
        ]).prop_map(str::to_owned),
        2 => any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(word.clone(), inner, 0..8).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// JSON that is there: a field that is `null` is read as absent, as the API server prunes it.
fn json_but_null() -> impl Strategy<Value = Value> {
    any_json().prop_filter("null is absent", |v| !v.is_null())
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[a-d]", 2 => "[a-c][.][a-c]", 1 => any::<String>()]
}

fn names(range: std::ops::Range<usize>) -> impl Strategy<Value = Vec<String>> {
    vec(name(), range)
}

fn selector() -> impl Strategy<Value = LabelSelector> {
    let operator = prop_oneof![
        8 => prop::sample::select(vec!["In", "NotIn", "Exists", "DoesNotExist"]).prop_map(str::to_owned),
        1 => Just("Like".to_owned()),
    ];
    let requirement = ("[a-c]", operator, of(vec("[a-c]?", 0..3)))
        .prop_map(|(key, operator, values)| LabelSelectorRequirement { key, operator, values });
    (of(vec(requirement, 0..3)), of(btree_map("[a-c]", "[a-c]", 0..3)))
        .prop_map(|(match_expressions, match_labels)| LabelSelector { match_expressions, match_labels })
}

fn patch() -> impl Strategy<Value = Override> {
    let op = prop::sample::select(vec![
        OverrideOp::Add,
        OverrideOp::Remove,
        OverrideOp::Replace,
        OverrideOp::Default,
    ]);
    let path = prop_oneof![4 => "/spec/[a-c]", 1 => "/metadata/labels/[a-c]", 1 => any::<String>()];
    (path, of(op), of(json_but_null())).prop_map(|(path, op, value)| Override { path, op, value })
}

fn metadata() -> impl Strategy<Value = ObjectMeta> {
    (of(name()), of("[a-c]"), of(btree_map("[a-c]", any::<String>(), 0..3)), of(any::<i64>())).prop_map(
        |(name, namespace, annotations, generation)| ObjectMeta {
            name,
            namespace,
            annotations,
            generation,
            ..ObjectMeta::default()
        },
    )
}

fn condition() -> impl Strategy<Value = FederatedCondition> {
    (any::<String>(), any::<String>(), of(any::<String>()), of(any::<String>()), of(any::<String>()))
        .prop_map(|(type_, status, reason, message, time)| FederatedCondition {
            type_,
            status,
            reason,
            message,
            last_update_time: time.clone(),
            last_transition_time: time,
        })
}

fn cluster_status() -> impl Strategy<Value = ClusterStatus> {
    (
        name(),
        of(any::<String>()),
        of(any::<String>()),
        of(any::<bool>()),
        of(json_but_null()),
        btree_map("[a-c]", any::<String>(), 0..3),
    )
        .prop_map(|(name, status, text, held_by_mask, remote_status, remote_annotations)| {
            ClusterStatus {
                name,
                status,
                message: text.clone(),
                revision: text.clone(),
                version: text,
                held_by_mask,
                remote_status,
                remote_annotations,
            }
        })
}

prop_compose! {
    fn cluster_form()(
        metadata in metadata(),
        template in of(json_but_null()),
        placement in of((of(names(0..4)), of(selector()))),
        mask in of(names(0..4)),
        overrides in of(vec((name(), of(vec(patch(), 0..3))), 0..3)),
        retain_replicas in of(any::<bool>()),
        status in of((of(any::<i64>()), vec(condition(), 0..2), vec(cluster_status(), 0..3))),
    ) -> FederatedObject {
        let references = |names: Vec<String>| names.into_iter().map(|name| ClusterReference { name }).collect();
        FederatedObject {
            api_version: Some("types.kubefed.io/v1beta1".to_owned()),
            kind: Some("FederatedConfigMap".to_owned()),
            metadata,
            spec: FederatedSpec {
                template,
                placement: placement.map(|(clusters, cluster_selector)| Placement {
                    clusters: clusters.map(references),
                    cluster_selector,
                }),
                placement_mask: mask.map(|clusters| ClusterMask { clusters: references(clusters) }),
                overrides: overrides.map(|list| {
                    list.into_iter()
                        .map(|(cluster_name, cluster_overrides)| ClusterOverride { cluster_name, cluster_overrides })
                        .collect()
                }),
                retain_replicas,
            },
            status: status.map(|(observed_generation, conditions, clusters)| FederatedStatus {
                observed_generation,
                conditions,
                clusters,
            }),
        }
    }
}

/// The same facts by topology.
fn topology_form() -> impl Strategy<Value = TopologyObject> {
    (cluster_form(), of(name())).prop_map(|(object, topology_type)| {
        let references = |clusters: Vec<ClusterReference>| {
            clusters.into_iter().map(|c| TopologyReference { name: c.name }).collect()
        };
        TopologyObject {
            api_version: Some("types.kubefed.io/v1beta2".to_owned()),
            kind: object.kind,
            metadata: object.metadata,
            spec: TopologySpec {
                topology_type,
                template: object.spec.template,
                placement: object.spec.placement.map(|p| TopologyPlacement {
                    topologies: p.clusters.map(references),
                    topology_selector: p.cluster_selector,
                }),
                placement_mask: object
                    .spec
                    .placement_mask
                    .map(|m| TopologyMask { topologies: references(m.clusters) }),
                overrides: object.spec.overrides.map(|list| {
                    list.into_iter()
                        .map(|o| TopologyOverride {
                            topology_name: o.cluster_name,
                            topology_overrides: o.cluster_overrides,
                        })
                        .collect()
                }),
                retain_replicas: object.spec.retain_replicas,
            },
            status: object.status.map(|s| TopologyFormStatus {
                observed_generation: s.observed_generation,
                conditions: s.conditions,
                topologies: s
                    .clusters
                    .into_iter()
                    .map(|c| TopologyStatus {
                        name: c.name,
                        status: c.status,
                        message: c.message,
                        revision: c.revision,
                        version: c.version,
                        held_by_mask: c.held_by_mask,
                        remote_status: c.remote_status,
                        remote_annotations: c.remote_annotations,
                    })
                    .collect(),
            }),
        }
    })
}

fn set() -> impl Strategy<Value = BTreeSet<u8>> {
    btree_set(0_u8..8, 0..8)
}

proptest! {
    #[test]
    fn the_cluster_form_is_read_as_it_was_written(object in cluster_form()) {
        let json = serde_json::to_value(&object).unwrap();
        prop_assert_eq!(serde_json::from_value::<FederatedObject>(json).unwrap(), object);
    }

    #[test]
    fn the_topology_form_is_read_as_it_was_written(object in topology_form()) {
        let json = serde_json::to_value(&object).unwrap();
        prop_assert_eq!(serde_json::from_value::<TopologyObject>(json).unwrap(), object);
    }

    /// With P, M and H as in the documentation of `step`; no mask is the mask of all.
    #[test]
    fn steps_are_the_formulas_of_placement_mask_and_holders(placed in set(), mask in of(set()), held in set()) {
        let compiled = Mask::compile(
            mask.as_ref()
                .map(|m| ClusterMask {
                    clusters: m.iter().map(|c| ClusterReference { name: c.to_string() }).collect(),
                })
                .as_ref(),
        );
        let all: BTreeSet<u8> = (0..8).collect();
        let permitted = mask.unwrap_or_else(|| all.clone());
        let due = |wanted: Step| -> BTreeSet<u8> {
            all.iter()
                .copied()
                .filter(|c| step(placed.contains(c), compiled.permits(&c.to_string()), held.contains(c)) == wanted)
                .collect()
        };
        prop_assert_eq!(due(Step::Create), &(&placed - &held) & &permitted);
        prop_assert_eq!(due(Step::Update), &(&placed & &held) & &permitted);
        prop_assert_eq!(due(Step::Delete), &(&held - &placed) & &permitted);
        prop_assert_eq!(due(Step::Held), &(&placed | &held) - &permitted);
        prop_assert_eq!(due(Step::Nothing), &(&all - &placed) - &held);
    }

    /// Masks that cover the placement and the holders, one after another, end where no mask does.
    #[test]
    fn masks_that_cover_end_where_no_mask_does(placed in set(), held in set(), masks in vec(set(), 0..4)) {
        let mut holders = held.clone();
        let rest = &placed | &held;
        for mask in masks.into_iter().chain([rest]) {
            holders = (0..8)
                .filter(|c| match step(placed.contains(c), mask.contains(c), holders.contains(c)) {
                    Step::Create | Step::Update => true,
                    Step::Delete | Step::Nothing => false,
                    Step::Held => holders.contains(c),
                })
                .collect();
        }
        prop_assert_eq!(holders, placed);
    }

    #[test]
    fn a_name_is_read_back_from_what_it_became(
        (before, between, after) in ("[a-z-]{0,4}", "[a-z-]{0,4}", "[a-z-]{0,4}"),
        cell_first in any::<bool>(),
        name in "[a-z-]{1,8}",
        cell in "[a-z-]{1,8}",
    ) {
        let (one, other) = if cell_first { ("{cell}", "{name}") } else { ("{name}", "{cell}") };
        let text = format!("{before}{one}{between}{other}{after}");
        let template = NameTemplate::parse(&text, &["name", "cell"], "name").unwrap();
        prop_assert_eq!(template.to_string(), text);
        let value = |p: &str| if p == "cell" { cell.as_str() } else { name.as_str() };
        let rendered = template.render(value);
        prop_assert_eq!(template.invert(&rendered, "name", value), Some(name.as_str()));
        prop_assert_eq!(template.invert(&rendered, "cell", value), Some(cell.as_str()));
    }

    /// What is read back makes the same text again, whatever the text was.
    #[test]
    fn what_is_read_back_makes_the_same_name(rendered in "[a-c-]{0,8}", cell in "[a-c]{1,2}") {
        let template = NameTemplate::parse("{name}-{cell}", &["name", "cell"], "name").unwrap();
        if let Some(name) = template.invert(&rendered, "name", |_| &cell) {
            prop_assert_eq!(template.render(|p| if p == "cell" { cell.as_str() } else { name }), rendered);
        }
    }

    #[test]
    fn any_text_is_a_template_or_refused(text in any::<String>()) {
        let _ = NameTemplate::parse(&text, &["name", "cell"], "name");
        let _ = NameTemplate::parse(&format!("{{name}}{text}"), &["name", "cell"], "name");
    }

    #[test]
    fn durations_are_read_as_they_were_written(nanos in 0..=i64::MAX.unsigned_abs(), whole in 0_u64..100_000) {
        for duration in [Duration::from_nanos(nanos), Duration::from_millis(whole), Duration::from_secs(whole)] {
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }

    #[test]
    fn any_text_is_a_duration_or_refused(text in any::<String>(), near in "[0-9.hmsun\u{b5}+-]{0,12}") {
        let _ = parse_duration(&text);
        let _ = parse_duration(&near);
    }

    /// A config with its defaults written out means what it meant before.
    #[test]
    fn defaults_change_no_meaning(
        seconds in of(1_u64..100), count in of(1_i64..100), lease in of(31_u64..100), renew in of(11_u64..30),
    ) {
        let text = |s: Option<u64>| s.map(|s| format!("{s}s"));
        let spec: KubeFedConfigSpec = serde_json::from_value(json!({
            "clusterHealthCheck": {"period": text(seconds), "timeout": text(seconds), "failureThreshold": count},
            "syncController": {"maxConcurrentReconciles": count},
            "leaderElect": {"leaseDuration": text(lease.or(Some(31))), "renewDeadline": text(renew)},
        })).unwrap();
        let settings = spec.settings();
        prop_assert!(settings.is_ok());
        let filled = spec.with_defaults();
        prop_assert_eq!(filled.settings(), settings);
        prop_assert_eq!(filled.clone().with_defaults(), filled);
    }

    /// Admission and the engine agree on which placements can be meant.
    #[test]
    fn what_admission_lets_pass_has_a_placement(clusters in of(btree_set("[a-d]", 0..4)), selector in of(selector())) {
        let placement = Placement {
            clusters: clusters.map(|names| names.into_iter().map(|name| ClusterReference { name }).collect()),
            cluster_selector: selector,
        };
        let object = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": "FederatedConfigMap",
            "metadata": {"name": "a", "namespace": "a"}, "spec": {"template": {}, "placement": placement}});
        let found = validate_federated(&object, None, "ConfigMap");
        match Placement::compile(Some(&placement)) {
            // A selector that is not read since there are names is refused all the same, if it cannot be meant.
            Ok(_) if placement.clusters.is_some() => {}
            // kube's selectors take values that Kubernetes' do not.
            Ok(_) => prop_assert!(found.iter().all(|v| v.field.ends_with(".values")), "{:?}", found),
            Err(_) => prop_assert!(found.iter().any(|v| v.field.starts_with("spec.placement.clusterSelector"))),
        }
        if found.is_empty() {
            prop_assert!(Placement::compile(Some(&placement)).is_ok());
        }
    }

    #[test]
    fn whatever_admission_lets_pass_has_a_placement(object in cluster_form()) {
        let json = serde_json::to_value(&object).unwrap();
        if validate_federated(&json, None, "ConfigMap").is_empty() {
            prop_assert!(Placement::compile(object.spec.placement.as_ref()).is_ok());
        }
    }

    #[test]
    fn an_update_that_changes_nothing_is_never_refused(object in cluster_form(), by_topology in topology_form(), any in any_json()) {
        for json in [serde_json::to_value(&object).unwrap(), serde_json::to_value(&by_topology).unwrap(), any] {
            prop_assert_eq!(validate_federated(&json, Some(&json), "ConfigMap"), []);
        }
    }

    #[test]
    fn admission_of_any_json_ends_in_an_answer(new in any_json(), old in of(any_json()), spec in any_json(), kind in any::<String>()) {
        let _ = validate_federated(&new, old.as_ref(), &kind);
        for version in ["v1beta1", "v1beta2"] {
            let object = json!({"apiVersion": format!("types.kubefed.io/{version}"), "metadata": new.clone(), "spec": spec.clone()});
            let found = validate_federated(&object, old.as_ref(), &kind);
            prop_assert!(found.iter().all(|v| !v.field.is_empty() && !v.message.is_empty()));
        }
    }

    /// A cell that admission lets pass has a cluster name that splits back, and templates that make names.
    #[test]
    fn a_cell_that_passes_can_be_deployed_to(
        name in prop_oneof!["[a-c.-]{0,4}", any::<String>()],
        namespace in "[a-c]([a-c-]{0,3}[a-c])?",
        target in of(prop_oneof![Just("{namespace}-{cell}".to_owned()), "[a-c.-]{0,2}[{]namespace[}][a-c.-]{0,2}"]),
    ) {
        let mut cell = Cell::new(&name, CellSpec {
            cluster_name: "c".to_owned(),
            labels: BTreeMap::new(),
            target: target.map(|t| CellTarget { namespace: Some(t), name: None }),
        });
        cell.metadata.namespace = Some(namespace.clone());
        if validate_cell(&cell, None).is_empty() {
            let cluster = cell.cluster_object_name();
            prop_assert!(is_dns_subdomain(&cluster));
            prop_assert_eq!(split_cell_cluster_name(&cluster), Some((name.as_str(), namespace.as_str())));
            if let Some(target) = &cell.spec.target {
                let template = target.parse().unwrap().0.unwrap();
                let rendered = template.render(|p| if p == "cell" { name.as_str() } else { namespace.as_str() });
                prop_assert!(is_dns_label(&rendered), "{}", rendered);
            }
        }
    }
}

#[test]
fn settings_of_an_empty_config_are_the_defaults() {
    assert_eq!(KubeFedConfigSpec::default().settings(), Ok(Settings::default()));
}
