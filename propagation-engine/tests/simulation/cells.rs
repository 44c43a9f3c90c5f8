//! Several cells on one API server, and tenants.

use federation_model::{Feature, FeatureGates, ObjectKey, Settings};
use serde_json::json;

use crate::world::{World, key, on};

const TENANT: &[(&str, &str)] = &[("fedd.io/tenant", "t1"), ("fedd.io/workspace-group", "prod")];
const OTHER: &[(&str, &str)] = &[("fedd.io/tenant", "t2"), ("fedd.io/workspace-group", "prod")];

/// Cells a and b of one tenant on server s1, c on s2; x of another tenant on s1.
fn world() -> World {
    let mut world = World::new(&[]);
    world.add_namespace("bank", TENANT);
    for (cell, server) in [("a.bank", "s1"), ("b.bank", "s1"), ("c.bank", "s2")] {
        world.add_cluster(cell, server, TENANT, &[]);
    }
    world.add_cluster("x.other", "s1", OTHER, &[]);
    world
}

#[tokio::test(start_paused = true)]
async fn two_cells_share_an_object_until_the_last_of_them_leaves() {
    let world = world();
    let there = |w: &World| w.server("s1").get("configmaps", &key("cm")).is_some();
    world.apply(
        "FederatedConfigMap",
        "bank",
        "cm",
        on(json!({"data": {"k": "1"}}), &["a.bank", "b.bank"], None),
    );
    world
        .until("both are well", |w| {
            ["a.bank", "b.bank"].iter().all(|c| w.word("FederatedConfigMap", "cm", c).is_empty())
        })
        .await;
    assert_eq!(world.server("s1").writes(), ["create namespaces bank", "create configmaps bank/cm"]);
    world.apply("FederatedConfigMap", "bank", "cm", on(json!({"data": {"k": "1"}}), &["b.bank"], None));
    world.until("a left", |w| w.word("FederatedConfigMap", "cm", "a.bank") == "-" && there(w)).await;
    world.apply("FederatedConfigMap", "bank", "cm", on(json!({"data": {"k": "1"}}), &[], None));
    world.until("it is gone", |w| !there(w)).await;
}

#[tokio::test(start_paused = true)]
async fn different_renderings_are_a_problem_of_the_later_cell() {
    let world = world();
    let mut spec = on(json!({"data": {"k": "1"}}), &["a.bank", "b.bank"], None);
    spec["overrides"] =
        json!([{"clusterName": "b.bank", "clusterOverrides": [{"path": "/data/k", "value": "2"}]}]);
    world.apply("FederatedConfigMap", "bank", "cm", spec);
    world.until("b conflicts", |w| w.word("FederatedConfigMap", "cm", "b.bank") == "ConflictingCells").await;
    assert_eq!(world.word("FederatedConfigMap", "cm", "a.bank"), "");
    assert_eq!(world.server("s1").get("configmaps", &key("cm")).unwrap()["data"]["k"], "1");
    assert_eq!(world.server("s1").writes().len(), 2, "no fight: {:?}", world.server("s1").writes());
}

#[tokio::test(start_paused = true)]
async fn what_a_cell_leaves_another_takes_over() {
    let world = world();
    let mut spec = on(json!({"data": {"k": "1"}}), &["a.bank", "b.bank"], None);
    spec["overrides"] =
        json!([{"clusterName": "b.bank", "clusterOverrides": [{"path": "/data/k", "value": "2"}]}]);
    world.apply("FederatedConfigMap", "bank", "cm", spec);
    world.until("b conflicts", |w| w.word("FederatedConfigMap", "cm", "b.bank") == "ConflictingCells").await;
    world.core.remove_cluster("a.bank");
    world
        .until("b has it", |w| {
            w.word("FederatedConfigMap", "cm", "b.bank").is_empty()
                && w.word("FederatedConfigMap", "cm", "a.bank") == "-"
                && w.server("s1").get("configmaps", &key("cm")).unwrap()["data"]["k"] == "2"
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_shared_object_is_touched_only_if_the_mask_permits_all_who_share_it() {
    let world = world();
    let value = |w: &World| w.server("s1").get("configmaps", &key("cm")).map(|o| o["data"]["k"].clone());
    world.apply(
        "FederatedConfigMap",
        "bank",
        "cm",
        on(json!({"data": {"k": "1"}}), &["a.bank", "b.bank"], None),
    );
    world.until("first", |w| value(w) == Some(json!("1"))).await;
    world.apply(
        "FederatedConfigMap",
        "bank",
        "cm",
        on(json!({"data": {"k": "2"}}), &["a.bank", "b.bank"], Some(&["a.bank"])),
    );
    world.until("held", |w| w.word("FederatedConfigMap", "cm", "a.bank") == "held").await;
    assert_eq!(value(&world), Some(json!("1")));
}

#[tokio::test(start_paused = true)]
async fn cells_with_name_templates_have_objects_of_their_own() {
    let mut world = World::new(&[]);
    for cell in ["a", "b"] {
        world.add_cluster(
            &format!("{cell}.bank"),
            "s1",
            &[("fedd.io/cell", cell)],
            &[("fedd.io/target-namespace", "{namespace}-{cell}")],
        );
    }
    let mut spec = on(json!({"data": {"k": "1"}}), &["a.bank", "b.bank"], None);
    spec["overrides"] =
        json!([{"clusterName": "b.bank", "clusterOverrides": [{"path": "/data/k", "value": "2"}]}]);
    world.apply("FederatedConfigMap", "bank", "cm", spec);
    let value = |w: &World, ns: &str| {
        w.server("s1").get("configmaps", &ObjectKey::namespaced(ns, "cm")).map(|o| o["data"]["k"].clone())
    };
    world
        .until("both", |w| value(w, "bank-a") == Some(json!("1")) && value(w, "bank-b") == Some(json!("2")))
        .await;
    world.server("s1").meddle("configmaps", &ObjectKey::namespaced("bank-b", "cm"), None);
    world.until("b's is made again", |w| value(w, "bank-b") == Some(json!("2"))).await;
    world.delete("FederatedConfigMap", "bank", "cm");
    world.until("all gone", |w| w.federated("FederatedConfigMap", "bank", "cm").is_none()).await;
    assert_eq!((value(&world, "bank-a"), value(&world, "bank-b")), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_reaches_only_its_own_clusters_and_waits_for_no_other() {
    let mut world = world();
    world.apply(
        "FederatedConfigMap",
        "bank",
        "cm",
        on(json!({"data": {"k": "1"}}), &["a.bank", "c.bank", "x.other"], None),
    );
    world.until("c holds it", |w| w.server("s2").get("configmaps", &key("cm")).is_some()).await;
    assert_eq!(
        world.word("FederatedConfigMap", "cm", "x.other"),
        "-",
        "another tenant's cluster is as if it were not there"
    );
    // Another tenant's cluster is down: deletion does not wait for it.
    world.add_cluster("y.other", "s3", OTHER, &[]);
    world.set_ready("y.other", false);
    world.delete("FederatedConfigMap", "bank", "cm");
    world.until("gone", |w| w.federated("FederatedConfigMap", "bank", "cm").is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn an_override_cannot_make_another_object() {
    let world = world();
    let mut spec = on(json!({"data": {"k": "1"}}), &["a.bank"], None);
    for path in ["/metadata", "x/metadata/namespace", "", "x/kind", "/apiVersion"] {
        spec["overrides"] = json!([{"clusterName": "a.bank", "clusterOverrides": [{"path": path, "value": match path {
            "/metadata" => json!({"name": "cm", "namespace": "kube-system"}),
            "" => json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm", "namespace": "kube-system"}}),
            "x/kind" => json!("Secret"),
            "/apiVersion" => json!("apps/v1"),
            _ => json!("kube-system"),
        }}]}]);
        world.apply("FederatedConfigMap", "bank", "cm", spec.clone());
        world.until(path, |w| w.word("FederatedConfigMap", "cm", "a.bank") == "IdentityChanged").await;
    }
    assert_eq!(world.server("s1").writes(), ["create namespaces bank"]);
}

#[tokio::test(start_paused = true)]
async fn a_cells_objects_are_not_taken_for_orphans_of_the_cluster_that_it_is_on() {
    let mut world = World::new(&["s1"]);
    world.add_cluster(
        "a.bank",
        "s1",
        &[("fedd.io/cell", "a")],
        &[("fedd.io/target-namespace", "{namespace}-{cell}")],
    );
    world.apply("FederatedConfigMap", "bank", "cm", on(json!({"data": {"k": "1"}}), &["a.bank"], None));
    let there = ObjectKey::namespaced("bank-a", "cm");
    world
        .until("it is there, and managed", |w| {
            w.word("FederatedConfigMap", "cm", "a.bank").is_empty()
                && w.server("s1")
                    .get("configmaps", &there)
                    .is_some_and(|o| o["metadata"]["labels"]["kubefed.io/managed"] == "true")
        })
        .await;
    world.restart();
    world.until("synced", |w| w.core.is_synced()).await;
    let unlabelled: Vec<_> =
        world.server("s1").writes().into_iter().filter(|w| w.starts_with("unlabel")).collect();
    assert!(unlabelled.is_empty(), "{unlabelled:?}");
}

#[tokio::test(start_paused = true)]
async fn with_the_gate_off_nothing_is_written_for_a_cell_nor_taken_away() {
    let gates = FeatureGates::default().with(Feature::Cells, false);
    let mut world = World::with_settings(&["s1"], Settings { gates, ..Settings::default() });
    let templates = &[("fedd.io/target-namespace", "{namespace}-x")];
    world.add_cluster("a.bank", "s2", &[("fedd.io/cell", "a")], templates);
    // By hand, on a plain cluster: it is read as KubeFed reads it, that is, not at all.
    world.add_cluster("plain", "s3", &[], templates);
    let clusters = ["a.bank", "plain", "s1"];
    world.apply("FederatedConfigMap", "bank", "cm", on(json!({"data": {"k": "1"}}), &clusters, None));
    world
        .until("the plain ones hold it", |w| {
            ["plain", "s1"].iter().all(|c| w.word("FederatedConfigMap", "cm", c).is_empty())
                && w.word("FederatedConfigMap", "cm", "a.bank") == "ClusterNotReady"
        })
        .await;
    assert!(world.server("s3").get("configmaps", &key("cm")).is_some());
    assert_eq!(world.server("s2").writes(), Vec::<String>::new());
}
