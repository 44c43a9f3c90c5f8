//! What holds for every object that is rendered, whatever template and overrides say.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test: it fails by panicking")]

use std::collections::BTreeMap;

use annotation_policy::AnnotationPolicy;
use federation_model::{
    ClusterOverride, FederatedObject, FederatedSpec, Override, OverrideOp, label, reason,
};
use kube::core::DynamicObject;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use propagation_engine::overrides;
use propagation_engine::render::{LiveState, RenderError, Target, render, warnings};
use propagation_engine::retain::{Retained, RetainedKind, extract, restore, withdraw};
use propagation_engine::version::{content_hash, overrides_version, revision, template_version};

const KEYS: [&str; 28] = [
    "metadata",
    "name",
    "namespace",
    "generateName",
    "kind",
    "apiVersion",
    "labels",
    "annotations",
    "finalizers",
    "resourceVersion",
    "status",
    "spec",
    "replicas",
    "ports",
    "port",
    "nodePort",
    "clusterIP",
    "type",
    "selector",
    "template",
    "claimRef",
    "webhooks",
    "clientConfig",
    "caBundle",
    "kubefed.io/managed",
    "spec.io/a",
    "own.io/a",
    "x",
];
const TEXTS: [&str; 13] = [
    "web",
    "bank",
    "kube-system",
    "Deployment",
    "Service",
    "apps/v1",
    "apps/v2",
    "batch/v1",
    "v1",
    "",
    "false",
    "TCP",
    "y",
];

fn leaf() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_u16..4).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(&TEXTS[..]).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
    .boxed()
}

fn any_json() -> BoxedStrategy<Value> {
    leaf()
        .prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((select(&KEYS[..]), inner), 0..5).prop_map(|entries| Value::Object(
                    entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
                )),
            ]
        })
        .boxed()
}

/// Metadata that an attacker would write, and near misses of the right one.
fn metadata() -> BoxedStrategy<Value> {
    let text = || prop::option::of(select(&TEXTS[..]));
    (text(), text(), text(), any_json())
        .prop_map(|(name, namespace, generate_name, labels)| {
            json!({"name": name, "namespace": namespace, "generateName": generate_name, "labels": labels})
        })
        .boxed()
}

fn whole_object() -> BoxedStrategy<Value> {
    (select(&TEXTS[..]), select(&TEXTS[..]), metadata(), any_json())
        .prop_map(|(api_version, kind, metadata, spec)| {
            json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec})
        })
        .boxed()
}

fn path() -> BoxedStrategy<String> {
    let token = prop_oneof![
        6 => select(&KEYS[..]).prop_map(|key| key.replace('/', "~1")),
        1 => select(&["-", "0", "-1", "1", "", "~", "~0", "~01", "99999999999999999999"][..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop_oneof![
        8 => (select(&["", "x"][..]), prop::collection::vec(token, 1..4))
            .prop_map(|(before, tokens)| format!("{before}/{}", tokens.join("/"))),
        4 => select(&["/metadata", "x/metadata/namespace", "x/metadata/name", "x/kind", "/apiVersion", "", "/metadata/labels",
            "/metadata/annotations", "/metadata/namespace/", "x/metadata/generateName", "/spec"][..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
    .boxed()
}

fn an_override() -> BoxedStrategy<Override> {
    let op = select(
        &[
            None,
            Some(OverrideOp::Add),
            Some(OverrideOp::Remove),
            Some(OverrideOp::Replace),
            Some(OverrideOp::Default),
        ][..],
    );
    let value = prop::option::of(prop_oneof![any_json(), metadata(), whole_object(), leaf()]);
    (path(), op, value).prop_map(|(path, op, value)| Override { path, op, value }).boxed()
}

fn patches() -> BoxedStrategy<Vec<Override>> {
    prop::collection::vec(an_override(), 0..4).boxed()
}

/// A template as people write them, or anything.
fn template() -> BoxedStrategy<Value> {
    let annotations =
        prop::collection::btree_map(select(&["spec.io/a", "spec.io/b", "own.io/a"][..]), "[a-z]{0,2}", 0..3);
    prop_oneof![
        4 => (annotations, any_json(), 0_i64..4).prop_map(|(annotations, labels, replicas)| {
            let labels = if labels.is_object() { labels } else { Value::Null };
            json!({"metadata": {"labels": labels, "annotations": annotations, "name": "other", "finalizers": ["x"], "uid": "u"},
                "spec": {"replicas": replicas, "ports": [{"port": 1}]}, "status": {"x": 1}})
        }),
        1 => whole_object(),
        1 => any_json(),
    ]
    .boxed()
}

fn object(template: Value, patches: Vec<Override>, retain_replicas: bool) -> FederatedObject {
    let overrides = ClusterOverride { cluster_name: "c".to_owned(), cluster_overrides: Some(patches) };
    FederatedObject {
        spec: FederatedSpec {
            template: Some(template),
            overrides: Some(vec![overrides]),
            retain_replicas: Some(retain_replicas),
            ..FederatedSpec::default()
        },
        ..FederatedObject::default()
    }
}

fn targets() -> BoxedStrategy<Target> {
    let kind = select(
        &[("apps/v1", "Deployment"), ("v1", "Service"), ("batch/v1", "Job"), ("v1", "PersistentVolume")][..],
    );
    (kind, select(&[Some("bank"), None][..]))
        .prop_map(|((api_version, kind), namespace)| Target {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: "web".to_owned(),
        })
        .boxed()
}

fn deployment() -> Target {
    Target {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some("bank".to_owned()),
        name: "web".to_owned(),
    }
}

fn policy() -> AnnotationPolicy {
    AnnotationPolicy::compile(["spec.io/*"]).unwrap()
}

/// What a member holds, owned.
struct Live {
    annotations: BTreeMap<String, String>,
    finalizers: Vec<String>,
    retained: Retained,
}

impl Live {
    fn of(kind: RetainedKind, object: &Value) -> Self {
        let metadata: DynamicObject = serde_json::from_value(json!({
            "metadata": {"annotations": object["metadata"]["annotations"], "finalizers": object["metadata"]["finalizers"]}
        }))
        .unwrap();
        Self {
            annotations: metadata.metadata.annotations.unwrap_or_default(),
            finalizers: metadata.metadata.finalizers.unwrap_or_default(),
            retained: extract(&kind, object),
        }
    }

    fn state(&self) -> LiveState<'_> {
        LiveState {
            resource_version: "7",
            finalizers: &self.finalizers,
            annotations: &self.annotations,
            owner_references: &[],
            retained: &self.retained,
        }
    }
}

fn retained_kinds() -> Vec<RetainedKind> {
    [
        ("", "Service"),
        ("", "ServiceAccount"),
        ("batch", "Job"),
        ("", "PersistentVolumeClaim"),
        ("", "PersistentVolume"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("apiregistration.k8s.io", "APIService"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apps", "Deployment"),
    ]
    .map(|(group, kind)| RetainedKind::of(group, kind))
    .to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// The tenant escape: no override, and no template, makes an object of another name, namespace, kind or group.
    #[test]
    fn the_result_is_the_target_or_there_is_none(
        template in template(), patches in patches(), target in targets(), live in prop::option::of(any_json()),
    ) {
        let object = object(template, patches, true);
        let live = live.map(|live| Live {
            annotations: BTreeMap::from([("own.io/b".to_owned(), "1".to_owned())]),
            finalizers: vec!["member.io/f".to_owned()],
            retained: extract(&RetainedKind::of(if target.kind == "Job" { "batch" } else { "" }, &target.kind), &live),
        });
        let state = live.as_ref().map(Live::state);
        let rendered = render(&object, "c", &target, &policy(), state.as_ref());
        prop_assert_eq!(&rendered, &render(&object, "c", &target, &policy(), state.as_ref()), "not deterministic");
        let Ok(result) = rendered else { return Ok(()) };
        prop_assert_eq!(&result["kind"], &json!(target.kind));
        prop_assert_eq!(result["metadata"]["name"].as_str(), Some(target.name.as_str()));
        let namespace = result["metadata"].get("namespace").filter(|n| !n.is_null() && *n != "").cloned();
        prop_assert_eq!(namespace, target.namespace.map(Value::from));
        prop_assert!(matches!(result["metadata"].get("generateName"), None | Some(Value::Null)) || result["metadata"]["generateName"] == "");
        let (group, version) = result["apiVersion"].as_str().and_then(|v| v.split_once('/')).unwrap_or_else(|| ("", result["apiVersion"].as_str().unwrap()));
        prop_assert_eq!(group, target.api_version.split_once('/').map_or("", |(group, _)| group));
        prop_assert!(!version.is_empty() && !version.contains('/'));
        prop_assert_eq!(&result["metadata"]["labels"][label::MANAGED], "true");
        prop_assert_eq!(result["metadata"].get("resourceVersion").cloned(), live.is_some().then(|| json!("7")));
        if let (Some(_), Some(annotations)) = (live, result["metadata"]["annotations"].as_object()) {
            prop_assert!(annotations.contains_key("own.io/b"), "the member's own annotation is lost");
        }
    }

    /// What was created is, rendered again as an update of itself, the same: nothing is left to do.
    #[test]
    fn an_update_of_what_was_just_created_changes_nothing(template in template(), patches in patches(), replicas: bool) {
        let object = object(template, patches, replicas);
        if let Ok(mut created) = render(&object, "c", &deployment(), &policy(), None)
            && serde_json::from_value::<DynamicObject>(created.clone()).is_ok()
        {
            let live = Live::of(RetainedKind::Other, &created);
            let mut updated = render(&object, "c", &deployment(), &policy(), Some(&live.state())).unwrap();
            created["metadata"]["resourceVersion"] = "7".into();
            // No annotations, and none in an empty object, are the same.
            let none = |of: &Value| of["metadata"].get("annotations").is_none_or(|a| a.is_null() || *a == json!({}));
            if none(&updated) && none(&created) {
                created["metadata"]["annotations"] = updated["metadata"]["annotations"].clone();
                updated["metadata"]["annotations"] = created["metadata"]["annotations"].clone();
            }
            prop_assert_eq!(updated, created);
        }
    }

    /// An update that says what the member holds already stays as it is.
    #[test]
    fn restoring_into_the_live_object_changes_nothing(live in any_json(), replicas: bool) {
        for kind in retained_kinds() {
            let mut desired = live.clone();
            restore(&kind, &mut desired, &extract(&kind, &live), replicas);
            prop_assert_eq!(&desired, &live, "{:?}", kind);
        }
    }

    /// No input of any shape is answered with a panic.
    #[test]
    fn nothing_panics(one in any_json(), mut other in any_json(), patches in patches(), replicas: bool) {
        for kind in retained_kinds() {
            let retained = extract(&kind, &one);
            let mut desired = other.clone();
            restore(&kind, &mut desired, &retained, replicas);
            withdraw(&kind, &mut desired, &retained);
        }
        let _ = overrides::apply(&mut other, &patches);
        let object = object(one.clone(), patches.clone(), replicas);
        let _ = warnings(&object, &policy());
        let _ = render(&object, "c", &deployment(), &policy(), None);
        let _ = (content_hash(&one), template_version(Some(&one)), revision(Some(&one), Some(&patches), replicas));
        let _ = overrides_version(object.spec.overrides.as_deref());
    }
}

/// Objects as members hold them, and the pointers to what the members allotted in them.
fn allotted() -> Vec<(&'static str, &'static str, Value, Vec<&'static str>)> {
    vec![
        (
            "v1",
            "Service",
            json!({"spec": {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "clusterIP": "10.0.0.1",
                "clusterIPs": ["10.0.0.1", "fd00::1"], "ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "PreferDualStack",
                "healthCheckNodePort": 31000, "loadBalancerClass": "example.com/lb",
                "ports": [{"name": "http", "port": 80, "nodePort": 30080}, {"name": "dns", "protocol": "UDP", "port": 53, "nodePort": 30053}]}}),
            vec![
                "/spec/clusterIP",
                "/spec/clusterIPs",
                "/spec/ipFamilies",
                "/spec/ipFamilyPolicy",
                "/spec/healthCheckNodePort",
                "/spec/loadBalancerClass",
                "/spec/ports/0/nodePort",
                "/spec/ports/1/nodePort",
            ],
        ),
        ("v1", "ServiceAccount", json!({"secrets": [{"name": "web-token-x"}]}), vec!["/secrets"]),
        (
            "batch/v1",
            "Job",
            json!({"spec": {"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}, "template": {"metadata": {"labels": {
                "app": "a", "batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "web", "controller-uid": "u", "job-name": "web"}}}}}),
            vec![
                "/spec/selector",
                "/spec/template/metadata/labels/batch.kubernetes.io~1controller-uid",
                "/spec/template/metadata/labels/batch.kubernetes.io~1job-name",
                "/spec/template/metadata/labels/controller-uid",
                "/spec/template/metadata/labels/job-name",
            ],
        ),
        (
            "v1",
            "PersistentVolumeClaim",
            json!({"spec": {"volumeName": "pv1", "storageClassName": "", "volumeMode": "Filesystem"}}),
            vec!["/spec/volumeName", "/spec/storageClassName", "/spec/volumeMode"],
        ),
        (
            "v1",
            "PersistentVolume",
            json!({"spec": {"claimRef": {"namespace": "bank", "name": "c", "uid": "u", "resourceVersion": "3"}}}),
            vec!["/spec/claimRef/uid", "/spec/claimRef/resourceVersion"],
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            json!({"aggregationRule": {"clusterRoleSelectors": [{}]}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
            vec!["/rules"],
        ),
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            json!({"webhooks": [{"name": "a.example.com", "clientConfig": {"caBundle": "QQ=="}}, {"name": "b.example.com", "clientConfig": {"caBundle": "Qg=="}}]}),
            vec!["/webhooks/0/clientConfig/caBundle", "/webhooks/1/clientConfig/caBundle"],
        ),
        (
            "apiregistration.k8s.io/v1",
            "APIService",
            json!({"spec": {"caBundle": "QQ=="}}),
            vec!["/spec/caBundle"],
        ),
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": "QQ=="}}}}}),
            vec!["/spec/conversion/webhook/clientConfig/caBundle"],
        ),
    ]
}

fn without(mut object: Value, pointers: &[&str]) -> Value {
    for pointer in pointers {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.remove(&key.replace("~1", "/")).unwrap();
    }
    object
}

#[test]
fn an_update_keeps_what_the_member_allotted_in_any_combination() {
    for (api_version, kind, live, pointers) in allotted() {
        let target = Target {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: None,
            name: "web".to_owned(),
        };
        for combination in 0_u32..1 << pointers.len() {
            let left_out: Vec<_> = pointers
                .iter()
                .enumerate()
                .filter(|(i, _)| combination & (1 << i) != 0)
                .map(|(_, p)| *p)
                .collect();
            let object = object(without(live.clone(), &left_out), vec![], false);
            let retained = RetainedKind::of(api_version.split_once('/').map_or("", |(group, _)| group), kind);
            let mut result =
                render(&object, "c", &target, &policy(), Some(&Live::of(retained, &live).state())).unwrap();
            for field in ["apiVersion", "kind", "metadata"] {
                result.as_object_mut().unwrap().remove(field);
            }
            assert_eq!(result, live, "{kind} without {left_out:?}");
        }
    }
}

#[test]
fn every_known_way_out_is_refused() {
    let elsewhere = json!({"name": "web", "namespace": "kube-system"});
    for (patch, field) in [
        (json!({"path": "/metadata", "value": elsewhere}), "metadata.namespace"),
        (json!({"path": "/metadata", "op": "remove"}), "metadata.namespace"),
        (json!({"path": "x/metadata/namespace", "value": "kube-system"}), "metadata.namespace"),
        (json!({"path": "x/metadata/namespace", "op": "remove"}), "metadata.namespace"),
        (json!({"path": "x/metadata/name", "value": "other"}), "metadata.name"),
        (json!({"path": "x/metadata/name", "value": ["web"]}), "metadata.name"),
        (json!({"path": "x/metadata/generateName", "value": "web-"}), "metadata.generateName"),
        (json!({"path": "x/kind", "value": "StatefulSet"}), "kind"),
        (json!({"path": "/apiVersion", "value": "batch/v1"}), "apiVersion"),
        (json!({"path": "/apiVersion", "value": "apps/"}), "apiVersion"),
        (json!({"path": "/apiVersion", "value": "v1"}), "apiVersion"),
        (json!({"path": "/apiVersion", "op": "remove"}), "apiVersion"),
        (
            json!({"path": "", "value": {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": elsewhere}}),
            "metadata.namespace",
        ),
        (json!({"path": "", "value": 1}), "kind"),
    ] {
        let object = object(json!({}), vec![serde_json::from_value(patch.clone()).unwrap()], false);
        let error = render(&object, "c", &deployment(), &policy(), None).unwrap_err();
        assert_eq!(error.reason(), reason::IDENTITY_CHANGED, "{patch}: {error}");
        assert!(
            matches!(&error, RenderError::IdentityChanged { field: said, .. } if *said == field),
            "{patch}: {error}"
        );
    }
}

#[test]
fn the_result_is_template_and_target_and_what_the_member_keeps() {
    let template = json!({
        "apiVersion": "apps/v1beta2", "kind": "Service",
        "metadata": {"name": "x", "namespace": "y", "labels": {"app": "web", label::MANAGED: "false"}, "uid": "u",
            "annotations": {"spec.io/a": "1", "own.io/a": "template's"}, "finalizers": ["t"], "ownerReferences": [{}]},
        "spec": {"replicas": 1}, "status": {"replicas": 9},
    });
    let patches = vec![Override {
        path: "/metadata/annotations/own.io~1o".to_owned(),
        op: None,
        value: Some(json!("override's")),
    }];
    let object = object(template, patches, true);
    let created = render(&object, "c", &deployment(), &policy(), None).unwrap();
    let expected = |metadata: Value, replicas: u8| json!({"apiVersion": "apps/v1beta2", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": replicas}});
    let labels = json!({"app": "web", label::MANAGED: "true"});
    assert_eq!(
        created,
        expected(
            json!({"name": "web", "namespace": "bank", "labels": labels, "annotations": {"spec.io/a": "1", "own.io/o": "override's"}}),
            1
        )
    );
    let live = Live::of(
        RetainedKind::Other,
        &json!({
        "metadata": {"annotations": {"own.io/a": "member's", "own.io/o": "old", "spec.io/b": "goes"}, "finalizers": ["m"], "labels": {"goes": ""}},
        "spec": {"replicas": 5}, "status": {}}),
    );
    let updated = render(&object, "c", &deployment(), &policy(), Some(&live.state())).unwrap();
    assert_eq!(
        updated,
        expected(
            json!({"name": "web", "namespace": "bank", "labels": labels, "resourceVersion": "7", "finalizers": ["m"],
            "annotations": {"spec.io/a": "1", "own.io/a": "member's", "own.io/o": "override's"}}),
            5
        )
    );
    let words: Vec<_> = warnings(&object, &policy()).into_iter().map(|w| (w.reason, w.message)).collect();
    assert_eq!(
        words.iter().map(|(reason, _)| *reason).collect::<Vec<_>>(),
        ["AnnotationsNotSupported", "FinalizersNotSupported"]
    );
    assert!(words[0].1.contains("own.io/a") && !words[0].1.contains("spec.io/a"), "{words:?}");
}

#[test]
fn a_service_that_changes_its_type_does_not_carry_the_old_ones_ports() {
    let target = Target { api_version: "v1".to_owned(), kind: "Service".to_owned(), ..deployment() };
    let (_, _, live, _) = allotted().remove(0);
    let live = Live::of(RetainedKind::Service, &live);
    let ports = json!([{"name": "http", "port": 80}]);
    let spec = |ty: &str, patches| {
        let object = object(json!({"spec": {"type": ty, "ports": ports}}), patches, false);
        render(&object, "c", &target, &policy(), Some(&live.state())).unwrap()["spec"].clone()
    };
    let addresses = |ty: &str| {
        json!({"type": ty, "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"], "ipFamilies": ["IPv4", "IPv6"],
            "ipFamilyPolicy": "PreferDualStack", "ports": ports})
    };
    assert_eq!(spec("ClusterIP", vec![]), addresses("ClusterIP"));
    let mut kept = addresses("LoadBalancer");
    kept["loadBalancerClass"] = "example.com/lb".into();
    kept["ports"][0]["nodePort"] = 30080.into();
    let by_override =
        vec![Override { path: "/spec/type".to_owned(), op: None, value: Some("LoadBalancer".into()) }];
    assert_eq!(spec("ClusterIP", by_override), kept, "the type that counts is the one after the overrides");
    assert_eq!(spec("ExternalName", vec![]), json!({"type": "ExternalName", "ports": ports}));
}

#[test]
fn a_templates_own_word_wins_where_it_may() {
    for (group, kind, live, desired, expected) in [
        (
            "",
            "Service",
            json!({"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}, {"port": 81, "nodePort": 30081}]}}),
            json!({"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30081}, {"port": 81}]}}),
            json!({"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30081}, {"port": 81}]}}),
        ),
        (
            "",
            "PersistentVolumeClaim",
            json!({"spec": {"volumeName": "pv1", "storageClassName": "slow"}}),
            json!({"spec": {"storageClassName": ""}}),
            json!({"spec": {"storageClassName": "", "volumeName": "pv1"}}),
        ),
        (
            "",
            "PersistentVolume",
            json!({"spec": {"claimRef": {"namespace": "bank", "name": "c", "uid": "u"}}}),
            json!({"spec": {"claimRef": {"namespace": "bank", "name": "d"}}}),
            json!({"spec": {"claimRef": {"namespace": "bank", "name": "d"}}}),
        ),
        (
            "batch",
            "Job",
            json!({"spec": {"selector": {"matchLabels": {"controller-uid": "u"}}, "template": {"metadata": {"labels": {"controller-uid": "u"}}}}}),
            json!({"spec": {"manualSelector": true, "template": {}}}),
            json!({"spec": {"manualSelector": true, "template": {}}}),
        ),
        (
            "rbac.authorization.k8s.io",
            "ClusterRole",
            json!({"aggregationRule": {}, "rules": [{}]}),
            json!({"rules": []}),
            json!({"rules": []}),
        ),
        (
            "apiregistration.k8s.io",
            "APIService",
            json!({"spec": {"caBundle": "QQ=="}}),
            json!({"spec": {"insecureSkipTLSVerify": true}}),
            json!({"spec": {"insecureSkipTLSVerify": true}}),
        ),
        (
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            json!({"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": "QQ=="}}}}}),
            json!({"spec": {"conversion": {"strategy": "None"}}}),
            json!({"spec": {"conversion": {"strategy": "None"}}}),
        ),
        (
            "apps",
            "Deployment",
            json!({"spec": {"replicas": 7}}),
            json!({"spec": {"replicas": 2}}),
            json!({"spec": {"replicas": 2}}),
        ),
    ] {
        let of = RetainedKind::of(group, kind);
        let mut result = desired;
        restore(&of, &mut result, &extract(&of, &live), false);
        assert_eq!(result, expected, "{kind}");
    }
}

#[test]
fn what_cannot_be_rendered_says_why() {
    let with = |template: Value| object(template, vec![], false);
    let words = |object: &FederatedObject, target: &Target| {
        let error = render(object, "c", target, &policy(), None).unwrap_err();
        (error.reason(), error.to_string())
    };
    let none = FederatedObject::default();
    for (object, reason, word) in [
        (none.clone(), reason::COMPUTE_RESOURCE_FAILED, "spec.template is missing"),
        (with(json!("text")), reason::COMPUTE_RESOURCE_FAILED, "spec.template is not an object"),
        (
            with(json!({"metadata": []})),
            reason::COMPUTE_RESOURCE_FAILED,
            "spec.template.metadata is not an object",
        ),
        (
            with(json!({"metadata": {"labels": "x"}})),
            reason::COMPUTE_RESOURCE_FAILED,
            "spec.template.metadata.labels is not",
        ),
        (
            with(json!({"metadata": {"annotations": {"spec.io/a": 1}}})),
            reason::COMPUTE_RESOURCE_FAILED,
            "\"spec.io/a\" is not a string",
        ),
    ] {
        let (said, message) = words(&object, &deployment());
        assert_eq!(said, reason, "{message}");
        assert!(message.contains(word), "{message}");
    }
    let labels = Override { path: "/metadata/labels".to_owned(), op: None, value: Some(json!([])) };
    assert_eq!(
        words(&object(json!({}), vec![labels], false), &deployment()).0,
        reason::APPLY_OVERRIDES_FAILED
    );
    let mut twice = with(json!({}));
    let entry = twice.spec.overrides.as_ref().unwrap()[0].clone();
    twice.spec.overrides.as_mut().unwrap().push(entry);
    assert_eq!(words(&twice, &deployment()).0, reason::APPLY_OVERRIDES_FAILED);
    assert!(
        render(&twice, "another", &deployment(), &policy(), None).is_ok(),
        "other clusters are not concerned"
    );

    let namespace = Target {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: None,
        name: "bank".to_owned(),
    };
    assert_eq!(
        render(&none, "c", &namespace, &policy(), None),
        Ok(
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bank", "labels": {label::MANAGED: "true"}}})
        ),
        "a namespace needs no template"
    );
}

#[test]
fn what_is_not_retained_takes_no_memory() {
    let pod = json!({"metadata": {"name": "x"}, "spec": {"containers": [{}]}});
    assert!(retained_kinds().iter().all(|kind| extract(kind, &pod) == Retained::default()));
    assert!(size_of::<Retained>() <= 32);
}
