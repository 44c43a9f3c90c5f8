//! What propagation does when all is well.

use serde_json::{Value, json};

use crate::world::{World, key, kubefed_settings, on};

fn data(world: &World, cluster: &str, name: &str) -> Value {
    world.server(cluster).get("configmaps", &key(name)).map_or(Value::Null, |o| o["data"].clone())
}

fn config(value: &str) -> Value {
    json!({"data": {"k": value}})
}

#[tokio::test(start_paused = true)]
async fn an_object_goes_where_it_is_placed_and_its_status_comes_back() {
    let world = World::new(&["a", "b", "c"]);
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["a", "b"], None));
    world
        .until("a and b hold it", |w| data(w, "a", "cm")["k"] == "1" && data(w, "b", "cm")["k"] == "1")
        .await;
    assert!(data(&world, "c", "cm").is_null());
    let object = world.federated("FederatedConfigMap", "bank", "cm").unwrap();
    let status = object.status.unwrap();
    assert_eq!(status.conditions[0].status, "True");
    assert_eq!(status.clusters.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(status.clusters[0].revision, status.clusters[1].revision);
    assert_eq!(world.server("a").writes(), ["create namespaces bank", "create configmaps bank/cm"]);
}

#[tokio::test(start_paused = true)]
async fn a_mask_holds_the_others_back_and_widening_it_lets_them_go_on() {
    let world = World::new(&["a", "b", "c"]);
    world.apply("FederatedDeployment", "bank", "d", on(json!({"spec": {"v": 1}}), &["a", "b", "c"], None));
    let generation = |w: &World, c: &str| {
        w.server(c).get("deployments", &key("d")).map(|o| o["metadata"]["generation"].clone())
    };
    world
        .until("first release", |w| ["a", "b", "c"].iter().all(|c| generation(w, c) == Some(json!(1))))
        .await;
    world.apply(
        "FederatedDeployment",
        "bank",
        "d",
        on(json!({"spec": {"v": 2}}), &["a", "b", "c"], Some(&["a"])),
    );
    world
        .until("a is at 2", |w| {
            generation(w, "a") == Some(json!(2)) && w.word("FederatedDeployment", "d", "b") == "held"
        })
        .await;
    assert_eq!(generation(&world, "b"), Some(json!(1)));
    // Outside the mask nothing is touched: neither a drift nor a delete is answered.
    world.server("b").meddle("deployments", &key("d"), None);
    world
        .until("b's is gone", |w| {
            w.word("FederatedDeployment", "d", "b") == "held" && generation(w, "b").is_none()
        })
        .await;
    world.apply(
        "FederatedDeployment",
        "bank",
        "d",
        on(json!({"spec": {"v": 2}}), &["a", "b", "c"], Some(&["a", "b"])),
    );
    world
        .until("b is made again", |w| {
            generation(w, "b") == Some(json!(1)) && w.word("FederatedDeployment", "d", "b").is_empty()
        })
        .await;
    assert_eq!(generation(&world, "c"), Some(json!(1)));
    world.apply("FederatedDeployment", "bank", "d", on(json!({"spec": {"v": 2}}), &["a", "b", "c"], None));
    world.until("c is at 2", |w| generation(w, "c") == Some(json!(2))).await;
}

#[tokio::test(start_paused = true)]
async fn a_drift_and_a_member_side_delete_are_answered_at_once() {
    let world = World::new(&["a"]);
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["a"], None));
    world.until("a holds it", |w| data(w, "a", "cm")["k"] == "1").await;
    let mut drifted = world.server("a").get("configmaps", &key("cm")).unwrap();
    drifted["data"]["k"] = "drift".into();
    let start = tokio::time::Instant::now();
    world.server("a").meddle("configmaps", &key("cm"), Some(drifted));
    while data(&world, "a", "cm")["k"] != "1" {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    world.server("a").meddle("configmaps", &key("cm"), None);
    while data(&world, "a", "cm")["k"] != "1" {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert!(start.elapsed().as_millis() < 50, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_object_is_gone_as_soon_as_its_last_copy_is() {
    let world = World::new(&["a", "b"]);
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["a", "b"], None));
    world.until("both hold it", |w| !data(w, "a", "cm").is_null() && !data(w, "b", "cm").is_null()).await;
    let start = tokio::time::Instant::now();
    world.delete("FederatedConfigMap", "bank", "cm");
    while world.federated("FederatedConfigMap", "bank", "cm").is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert!(start.elapsed().as_millis() < 100, "{:?}", start.elapsed());
    assert!(data(&world, "a", "cm").is_null() && data(&world, "b", "cm").is_null());
}

#[tokio::test(start_paused = true)]
async fn an_orphaned_objects_copies_stay_without_their_label() {
    let world = World::new(&["a"]);
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["a"], None));
    world.until("a holds it", |w| !data(w, "a", "cm").is_null()).await;
    let mut object = world.host.server.get("federatedconfigmaps", &key("cm")).unwrap();
    object["metadata"]["annotations"] = json!({"kubefed.io/orphan": "true"});
    world.host.server.meddle("federatedconfigmaps", &key("cm"), Some(object));
    world.delete("FederatedConfigMap", "bank", "cm");
    world.until("released", |w| w.federated("FederatedConfigMap", "bank", "cm").is_none()).await;
    let left = world.server("a").get("configmaps", &key("cm")).unwrap();
    assert_eq!(left["metadata"]["labels"], json!({}));
}

#[tokio::test(start_paused = true)]
async fn an_object_leaves_a_cluster_that_it_is_not_placed_on_any_more() {
    let world = World::new(&["a", "b"]);
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["a", "b"], None));
    world.until("both hold it", |w| !data(w, "a", "cm").is_null() && !data(w, "b", "cm").is_null()).await;
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["b"], None));
    world
        .until("a lost it", |w| {
            data(w, "a", "cm").is_null() && w.word("FederatedConfigMap", "cm", "a") == "-"
        })
        .await;
    assert_eq!(data(&world, "b", "cm")["k"], "1");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_after_a_restart_when_nothing_changed() {
    let mut world = World::new(&["a", "b"]);
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["a", "b"], None));
    world.apply("FederatedDeployment", "bank", "d", on(json!({"spec": {"v": 1}}), &["a"], None));
    world
        .until("all is there", |w| {
            w.word("FederatedConfigMap", "cm", "b").is_empty()
                && w.word("FederatedDeployment", "d", "a").is_empty()
        })
        .await;
    let before = (world.server("a").writes(), world.server("b").writes(), world.host.server.writes());
    world.restart();
    world.until("synced", |w| w.core.is_synced()).await;
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    assert_eq!(before, (world.server("a").writes(), world.server("b").writes(), world.host.server.writes()));
}

#[tokio::test(start_paused = true)]
async fn a_status_flows_back_as_it_changes_and_causes_no_push() {
    let world = World::new(&["a"]);
    world.apply("FederatedDeployment", "bank", "d", on(json!({"spec": {"v": 1}}), &["a"], None));
    world.until("a holds it", |w| w.word("FederatedDeployment", "d", "a").is_empty()).await;
    let writes = world.server("a").writes();
    let mut object = world.server("a").get("deployments", &key("d")).unwrap();
    object["status"] = json!({"readyReplicas": 3});
    object["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "1"});
    // As the member's own controller does: the status subresource, then an annotation of its own.
    world.server("a").meddle_status("deployments", &key("d"), object);
    world
        .until("the host shows it", |w| {
            let status = w.federated("FederatedDeployment", "bank", "d").unwrap().status.unwrap();
            status.clusters[0].remote_status == Some(json!({"readyReplicas": 3}))
                && status.clusters[0]
                    .remote_annotations
                    .get("deployment.kubernetes.io/revision")
                    .is_some_and(|v| v == "1")
        })
        .await;
    assert_eq!(world.server("a").writes(), writes);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_not_federated_holds_nothing() {
    let mut world = World::new(&["a"]);
    world.add_namespace("other", &[]);
    world.apply("FederatedConfigMap", "other", "cm", on(config("1"), &["a"], None));
    world
        .until("it says so", |w| {
            let status = w.federated("FederatedConfigMap", "other", "cm").unwrap().status.unwrap_or_default();
            status.conditions.iter().any(|c| c.reason.as_deref() == Some("NamespaceNotFederated"))
        })
        .await;
    world.apply(
        "FederatedNamespace",
        "other",
        "other",
        json!({"template": {}, "placement": {"clusters": [{"name": "a"}]}}),
    );
    let there = federation_model::ObjectKey::namespaced("other", "cm");
    world.until("it goes", |w| w.server("a").get("configmaps", &there).is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn with_all_additions_off_the_mask_and_our_fields_mean_nothing() {
    let world = World::with_settings(&["a", "b"], kubefed_settings());
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["a", "b"], Some(&["a"])));
    world.until("both hold it", |w| !data(w, "a", "cm").is_null() && !data(w, "b", "cm").is_null()).await;
    let status = world.federated("FederatedConfigMap", "bank", "cm").unwrap().status.unwrap();
    assert!(status.clusters.iter().all(|c| c.revision.is_none() && c.remote_status.is_none()));
}

#[tokio::test(start_paused = true)]
async fn an_event_costs_plans_only_where_its_object_is() {
    let names: Vec<String> = (0..200).map(|i| format!("c{i:03}")).collect();
    let mut world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let plans = |w: &World| w.host.plans.0.load(std::sync::atomic::Ordering::Relaxed);
    for i in 0..20 {
        world.apply(
            "FederatedConfigMap",
            "bank",
            &format!("cm{i}"),
            on(config("1"), &["c007", "c008"], None),
        );
    }
    world
        .until("all are there", |w| {
            (0..20).all(|i| w.word("FederatedConfigMap", &format!("cm{i}"), "c008").is_empty())
                && names.iter().all(|c| w.word("FederatedNamespace", "bank", c).is_empty())
        })
        .await;

    // Each write is also told by the member's watch, which may come to a second look.
    let before = plans(&world);
    world.apply("FederatedConfigMap", "bank", "cm0", on(config("2"), &["c007", "c008"], None));
    world.until("updated", |w| data(w, "c008", "cm0")["k"] == "2").await;
    assert!(plans(&world) - before <= 4, "{} plans for an update", plans(&world) - before);

    let before = plans(&world);
    world.server("c007").meddle("configmaps", &key("cm1"), None);
    world.until("made again", |w| data(w, "c007", "cm1")["k"] == "1").await;
    assert!(plans(&world) - before <= 2, "{} plans for a member's event", plans(&world) - before);

    // A cluster's return concerns its own lane: the namespace, and what is placed on it.
    let before = plans(&world);
    world.set_ready("c100", false);
    world.set_ready("c100", true);
    world.until("well", |w| w.word("FederatedNamespace", "bank", "c100").is_empty()).await;
    assert!(
        plans(&world) - before <= 2,
        "{} plans for a cluster that holds one object",
        plans(&world) - before
    );
}
