//! Refusals say which field is wrong and what to write.

use std::time::Duration;

use fedd::apply::apply_definitions;
use fedd::manifest::Manifest;
use federation_model::{
    Cell, ConversionWebhook, FederatedKind, FederatedTypeConfig, KubeFedCluster, KubeFedConfig, TopologyType,
    default_types, federated_crd, type_config,
};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use super::{
    BANK, Bank, FEDERATION, cell_of, cells, create, get, merge, names, object, refusal, scope, value,
};
use crate::process::within;

impl Bank {
    /// What cannot be meant is refused; and what a refusal depends on counts as soon as it is there.
    pub(crate) async fn refusals_say_which_field_and_what_to_write(&self) {
        federated_refusals(self).await;
        other_refusals(self).await;
        cells_that_hold_something(self).await;
        federated_types_of_another_group(self).await;

        // A KubeFedConfig that says next to nothing gets its defaults, as from KubeFed's webhook.
        let config =
            json!({"metadata": {"name": "second", "namespace": FEDERATION}, "spec": {"scope": "Cluster"}});
        let config: KubeFedConfig = self.create(config).await.unwrap();
        assert!(config.spec.cluster_health_check.is_some() && config.spec.leader_elect.is_some());

        // A declared type counts as soon as it is there, and its names convert.
        let zone = json!({"metadata": {"name": "zone"}, "spec": {"clusterNameTemplate": "zone-{name}"}});
        let types: Api<TopologyType> = Api::all(self.client.clone());
        types.create(&PostParams::default(), &serde_json::from_value(zone).unwrap()).await.unwrap();
        let by_zone = object(
            "v1beta2",
            "zoned",
            json!({"topologyType": "zone", "template": {}, "placement": {"topologies": [{"name": "a"}]}}),
        );
        within("the type is known", async {
            while create(&self.by_cell(), by_zone.clone()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        let stored = get(&self.by_cluster(), "zoned").await;
        assert_eq!(names(&stored["spec"]["placement"]["clusters"]), ["zone-a"]);
    }
}

async fn federated_refusals(host: &Bank) {
    let (by_cell, by_cluster) = (host.by_cell(), host.by_cluster());
    let by_cell_spec = |extra: Value| {
        let mut spec = json!({"topologyType": "cell", "template": {}});
        json_merge(&mut spec, extra);
        object("v1beta2", "bad", spec)
    };
    let identity =
        json!([{"topologyName": "rz00a", "topologyOverrides": [{"path": "/metadata", "value": {}}]}]);
    let twice = json!({"topologies": [{"name": "rz00a"}, {"name": "a.b"}]});
    for (bad, expected) in [
        (
            by_cell_spec(json!({"topologyType": "rack"})),
            &["spec.topologyType: ", "write cell or cluster"][..],
        ),
        (by_cell_spec(json!({"template": null})), &["spec.template: is required"]),
        (by_cell_spec(json!({"overrides": identity})), &["spec.overrides[0].topologyOverrides[0].path: "]),
        (by_cell_spec(json!({"placement": twice})), &["spec.placement.topologies[1].name: ", "cell"]),
        (
            by_cell_spec(json!({"placement": {"topologies": [{"name": "cluster/theirs"}]}})),
            &["spec.placement.topologies[0].name: "],
        ),
    ] {
        let message = refusal(create(&by_cell, bad).await);
        for part in expected {
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
        assert!(!message.contains("other"), "it tells nobody whose a cluster is: {message}");
    }
    // What the schema can say, the API server says.
    let unmasked =
        create(&by_cell, by_cell_spec(json!({"placementMask": {}}))).await.unwrap_err().to_string();
    assert!(unmasked.contains("spec.placementMask.topologies: Required"), "{unmasked}");
    // In the other form, the other form's words.
    let theirs =
        object("v1beta1", "bad", json!({"template": {}, "placement": {"clusters": [{"name": "theirs"}]}}));
    assert!(refusal(create(&by_cluster, theirs).await).starts_with("spec.placement.clusters[0].name: "));
    // Every finding at once, a line each.
    let two = by_cell_spec(json!({"topologyType": "rack", "overrides": identity}));
    assert_eq!(refusal(create(&by_cell, two).await).lines().count(), 2);
    // Fields of the other form: with strict validation, which is kubectl's, the API server refuses them; without, it drops
    // them before anybody else sees them, and what is left places nothing.
    let mixed = by_cell_spec(json!({"placement": {"clusters": [{"name": "m1"}]}}));
    let strict = PatchParams::apply("team").validation_strict();
    let error = by_cell.patch("bad", &strict, &Patch::Apply(&mixed)).await.unwrap_err().to_string();
    assert!(error.contains("spec.placement.clusters"), "{error}");
    assert_eq!(create(&by_cell, mixed).await.unwrap()["spec"]["placement"], json!({}));
    by_cell.delete("bad", &DeleteParams::default()).await.unwrap();
    // A scope is final; and a dry run is judged, and leaves nothing.
    create(&by_cell, cells("scoped", &["rz00a"], json!({}))).await.unwrap();
    let relabelled =
        merge(&by_cell, "scoped", json!({"metadata": {"labels": {"fedd.io/tenant": "other"}}})).await;
    assert!(refusal(relabelled).contains("metadata.labels[fedd.io/tenant]: "));
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let object: DynamicObject = serde_json::from_value(cells("dry", &["rz00a"], json!({}))).unwrap();
    assert_eq!(by_cell.create(&dry_run, &object).await.unwrap().labels().len(), 2);
    assert!(by_cell.get_opt("dry").await.unwrap().is_none());
}

fn json_merge(into: &mut Value, from: Value) {
    for (key, value) in from.as_object().unwrap() {
        into[key] = value.clone();
    }
}

async fn other_refusals(host: &Bank) {
    let cluster = json!({"metadata": {"name": "bad", "namespace": FEDERATION},
        "spec": {"apiEndpoint": "ftp://m1", "secretRef": {"name": "m1"}}});
    assert!(refusal(host.create::<KubeFedCluster>(cluster).await).starts_with("spec.apiEndpoint: "));
    let config = json!({"metadata": {"name": "wrong", "namespace": FEDERATION}, "spec": {
        "targetType": {"version": "v1", "kind": "Secret", "pluralName": "secrets", "scope": "Namespaced"},
        "federatedType": {"group": "types.kubefed.io", "version": "v1beta1", "kind": "FederatedSecret", "pluralName": "federatedsecrets", "scope": "Namespaced"},
        "propagation": "Enabled", "propagatingAnnotations": ["a", "!"]}});
    let message = refusal(host.create::<FederatedTypeConfig>(config).await);
    assert!(message.contains("metadata.name: ") || message.contains("name must be"), "{message}");
    assert!(message.contains("spec.propagatingAnnotations[1]: "), "{message}");
    let configs: Api<KubeFedConfig> = Api::namespaced(host.client.clone(), FEDERATION);
    let rescoped = json!({"spec": {"scope": "Namespaced"}});
    let rescoped = configs.patch("kubefed", &PatchParams::default(), &Patch::Merge(&rescoped)).await;
    assert!(refusal(rescoped).starts_with("spec.scope: "));
    let types: Api<TopologyType> = Api::all(host.client.clone());
    let bad = json!({"metadata": {"name": "bad"}, "spec": {"clusterNameTemplate": "x"}});
    let bad = types.create(&PostParams::default(), &serde_json::from_value(bad).unwrap()).await;
    assert!(refusal(bad).starts_with("spec.clusterNameTemplate: "));
    assert!(refusal(host.create::<Cell>(cell_of("rz09", "theirs")).await).starts_with("spec.clusterName: "));
}

/// A cell that something is placed on stays, whichever way its deletion is asked for.
async fn cells_that_hold_something(host: &Bank) {
    let cell_api: Api<Cell> = Api::namespaced(host.client.clone(), BANK);
    create(&host.by_cell(), cells("held", &["rz01a"], json!({}))).await.unwrap();
    // It is placed where its namespace is.
    let kind = GroupVersionKind::gvk("types.kubefed.io", "v1beta2", "FederatedNamespace");
    let resource = ApiResource::from_gvk_with_plural(&kind, "federatednamespaces");
    let namespaces = Api::namespaced_with(host.client.clone(), BANK, &resource);
    let namespace = json!({"apiVersion": "types.kubefed.io/v1beta2", "kind": "FederatedNamespace",
        "metadata": {"name": BANK, "namespace": BANK},
        "spec": {"topologyType": "cell", "placement": {"topologySelector": {}}}});
    create(&namespaces, namespace).await.unwrap();
    let message = refusal(cell_api.delete("rz01a", &DeleteParams::default()).await);
    assert!(message.contains("FederatedConfigMap bank-prod/held"), "{message}");
    assert!(message.contains("take the cell out"), "{message}");
    // A deletion of them all, which a deletion of the namespace is too, asks about each.
    let all = cell_api.delete_collection(&DeleteParams::default(), &ListParams::default()).await;
    assert!(refusal(all).contains("still holds"));
    assert!(cell_api.get_opt("rz01a").await.unwrap().is_some());
    // Taken out of the placement, it is free once the status says that it holds nothing more.
    let out = json!({"spec": {"placement": {"topologies": []}}});
    merge(&host.by_cell(), "held", out).await.unwrap();
    merge(&namespaces, BANK, json!({"spec": {"placement": {"topologySelector": null}}})).await.unwrap();
    let there = json!({"status": {"clusters": [{"name": "rz01a.bank-prod", "status": "WaitingForRemoval"}]}});
    host.by_cluster().patch_status("held", &PatchParams::default(), &Patch::Merge(&there)).await.unwrap();
    refusal(cell_api.delete("rz01a", &DeleteParams::default()).await);
    let gone = json!({"status": {"clusters": null}});
    host.by_cluster().patch_status("held", &PatchParams::default(), &Patch::Merge(&gone)).await.unwrap();
    cell_api.delete("rz01a", &DeleteParams::default()).await.unwrap();
}

/// A type config may name any group: what it names is judged and converted as the rest, as soon as it is there; and what
/// it named stays readable in both forms when it is gone.
async fn federated_types_of_another_group(host: &Bank) {
    let secrets = default_types().into_iter().find(|t| t.target.kind == "Secret").unwrap();
    let mut config = type_config(&secrets.target, FEDERATION);
    "types.example.com".clone_into(&mut config.spec.federated_type.group);
    let definition = federated_crd(&config, &FederatedKind::default(), &ConversionWebhook::Pending);
    apply_definitions(&host.client, &[Manifest::of(&definition).unwrap()], false, |_, _| Ok(()))
        .await
        .unwrap();
    let api = |version: &str| -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("types.example.com", version, "FederatedSecret");
        let resource = ApiResource::from_gvk_with_plural(&kind, "federatedsecrets");
        Api::namespaced_with(host.client.clone(), BANK, &resource)
    };
    let secret = |version: &str, spec: Value| -> DynamicObject {
        let object = json!({"apiVersion": format!("types.example.com/{version}"), "kind": "FederatedSecret",
            "metadata": {"name": "s", "namespace": BANK}, "spec": spec});
        serde_json::from_value(object).unwrap()
    };
    host.create::<FederatedTypeConfig>(serde_json::to_value(&config).unwrap()).await.unwrap();

    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let token = secret("v1beta1", json!({"template": {"type": "kubernetes.io/service-account-token"}}));
    let message = within("it is judged", async {
        loop {
            match api("v1beta1").create(&dry_run, &token).await {
                Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                refused => break refusal(refused),
            }
        }
    })
    .await;
    assert!(message.starts_with("spec.template.type: "), "{message}");
    let by_cell = secret(
        "v1beta2",
        json!({"topologyType": "cell", "template": {}, "placement": {"topologies": [{"name": "rz00a"}]}}),
    );
    let created = value(api("v1beta2").create(&PostParams::default(), &by_cell).await.unwrap());
    assert_eq!(created["metadata"]["labels"], scope("bank"));
    assert_eq!(created["metadata"]["finalizers"], json!(["kubefed.io/sync-controller"]));
    let stored = get(&api("v1beta1"), "s").await;
    assert_eq!(names(&stored["spec"]["placement"]["clusters"]), ["rz00a.bank-prod"]);

    let configs: Api<FederatedTypeConfig> = Api::namespaced(host.client.clone(), FEDERATION);
    configs.delete("secrets", &DeleteParams::default()).await.unwrap();
    within("it is judged no more", async {
        while api("v1beta1")
            .patch(
                "s",
                &PatchParams { dry_run: true, ..PatchParams::default() },
                &Patch::Merge(json!({"spec": {"placement": {"clusters": [{"name": "A_b"}]}}})),
            )
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(names(&get(&api("v1beta2"), "s").await["spec"]["placement"]["topologies"]), ["rz00a"]);
}
