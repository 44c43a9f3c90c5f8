//! Members that are down, hang, answer errors; users who write what cannot be; kills at any moment.

use std::time::Duration;

use federation_model::{Feature, FeatureGates, Settings};
use serde_json::json;

use crate::world::{Fault, World, key, on};

fn holds(world: &World, cluster: &str, name: &str, value: &str) -> bool {
    world.server(cluster).get("configmaps", &key(name)).is_some_and(|o| o["data"]["k"] == value)
}

fn config(value: &str) -> serde_json::Value {
    json!({"data": {"k": value}})
}

async fn ready(world: &World, clusters: &[&str]) {
    world
        .until("the namespace is everywhere", |w| {
            clusters.iter().all(|c| {
                w.server(c).get("namespaces", &federation_model::ObjectKey::cluster("bank")).is_some()
            })
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_member_in_trouble_delays_nobody_and_converges_when_it_is_back() {
    for fault in [
        Fault::Down,
        Fault::Hangs(Duration::from_secs(30)),
        Fault::Answers(500, "etcd is gone"),
        Fault::Answers(401, "Unauthorized"),
    ] {
        let world = World::new(&["a", "b"]);
        ready(&world, &["a", "b"]).await;
        world.server("b").set_fault(fault.clone());
        let start = tokio::time::Instant::now();
        for i in 0..50 {
            world.apply("FederatedConfigMap", "bank", &format!("cm{i}"), on(config("1"), &["a", "b"], None));
        }
        while !(0..50).all(|i| holds(&world, "a", &format!("cm{i}"), "1")) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(start.elapsed() < Duration::from_millis(100), "{fault:?}: {:?}", start.elapsed());
        world
            .until("b's trouble is told", |w| {
                !["", "-"].contains(&w.word("FederatedConfigMap", "cm49", "b").as_str())
            })
            .await;
        world.server("b").set_fault(Fault::None);
        world
            .until("b caught up", |w| {
                (0..50).all(|i| {
                    holds(w, "b", &format!("cm{i}"), "1")
                        && w.word("FederatedConfigMap", &format!("cm{i}"), "b").is_empty()
                })
            })
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_not_ready_is_told_and_gets_only_what_the_mask_permits_when_it_is_back() {
    let mut world = World::new(&["a", "b"]);
    ready(&world, &["a", "b"]).await;
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["a", "b"], None));
    world.until("first", |w| holds(w, "b", "cm", "1")).await;
    world.set_ready("b", false);
    world.apply("FederatedConfigMap", "bank", "cm", on(config("2"), &["a", "b"], Some(&["a"])));
    world
        .until("a goes on", |w| {
            holds(w, "a", "cm", "2") && w.word("FederatedConfigMap", "cm", "b").starts_with("ClusterNotReady")
        })
        .await;
    world.set_ready("b", true);
    world.until("b is held", |w| w.word("FederatedConfigMap", "cm", "b") == "held").await;
    assert!(holds(&world, "b", "cm", "1"), "a recovered member does not catch up by itself");
    world.apply("FederatedConfigMap", "bank", "cm", on(config("2"), &["a", "b"], None));
    world.until("b is taken in", |w| holds(w, "b", "cm", "2")).await;
}

#[tokio::test(start_paused = true)]
async fn deletion_waits_for_a_member_that_holds_a_copy_and_for_no_other() {
    let mut world = World::new(&["a", "b", "c"]);
    ready(&world, &["a", "b", "c"]).await;
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["a", "b"], None));
    world
        .until("first", |w| holds(w, "b", "cm", "1") && w.word("FederatedConfigMap", "cm", "b").is_empty())
        .await;
    world.set_ready("c", false);
    world.set_ready("b", false);
    world.delete("FederatedConfigMap", "bank", "cm");
    world.until("a's is gone", |w| w.server("a").get("configmaps", &key("cm")).is_none()).await;
    assert_eq!(world.word("FederatedConfigMap", "cm", "b"), "ClusterNotReady");
    world.set_ready("b", true);
    world.until("all gone", |w| w.federated("FederatedConfigMap", "bank", "cm").is_none()).await;
    assert!(world.server("b").get("configmaps", &key("cm")).is_none());
}

#[tokio::test(start_paused = true)]
async fn what_a_member_refuses_is_told_in_its_own_words_and_does_not_run_hot() {
    let world = World::new(&["a"]);
    ready(&world, &["a"]).await;
    world.apply("FederatedDeployment", "bank", "d", on(json!({"spec": {"refuse": true}}), &["a"], None));
    world.until("told", |w| w.word("FederatedDeployment", "d", "a") == "CreationFailed").await;
    let message = world.federated("FederatedDeployment", "bank", "d").unwrap().status.unwrap().clusters[0]
        .message
        .clone();
    assert_eq!(message.as_deref(), Some("spec.refuse: the member does not like it"));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let writes =
        world.host.server.writes().iter().filter(|w| w.starts_with("status federateddeployments")).count();
    assert!(writes <= 2, "{writes} status writes in an hour of refusals");
}

#[tokio::test(start_paused = true)]
async fn no_template_and_bad_overrides_are_conditions() {
    let world = World::new(&["a"]);
    ready(&world, &["a"]).await;
    world.apply("FederatedConfigMap", "bank", "none", json!({"placement": {"clusters": [{"name": "a"}]}}));
    world.until("told", |w| w.word("FederatedConfigMap", "none", "a") == "ComputeResourceFailed").await;
    let mut spec = on(config("1"), &["a"], None);
    spec["overrides"] =
        json!([{"clusterName": "a", "clusterOverrides": [{"path": "/spec/none/x", "value": 1}]}]);
    world.apply("FederatedConfigMap", "bank", "bad", spec);
    world.until("told", |w| w.word("FederatedConfigMap", "bad", "a") == "ApplyOverridesFailed").await;
    world.apply("FederatedConfigMap", "bank", "sel", json!({"template": {}, "placement": {"clusterSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}}}));
    world
        .until("told", |w| {
            let status = w.federated("FederatedConfigMap", "bank", "sel").unwrap().status.unwrap_or_default();
            status.conditions.iter().any(|c| c.reason.as_deref() == Some("ComputePlacementFailed"))
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn kills_at_any_moment_lose_nothing() {
    for versions_in_status in [true, false] {
        let gates = FeatureGates::default().with(Feature::VersionsInStatus, versions_in_status);
        kills(World::with_settings(&["a", "b", "c"], Settings { gates, ..Settings::default() })).await;
    }
}

async fn kills(mut world: World) {
    let mut dice = 42_u64;
    let mut roll = |n: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % n
    };
    let mut wanted: std::collections::BTreeMap<String, (String, Vec<&str>)> =
        std::collections::BTreeMap::new();
    for i in 0..200 {
        let name = format!("cm{}", roll(20));
        if roll(5) == 0 {
            world.delete("FederatedConfigMap", "bank", &name);
            wanted.remove(&name);
        } else if world
            .federated("FederatedConfigMap", "bank", &name)
            .is_none_or(|o| o.metadata.deletion_timestamp.is_none())
        {
            let clusters: Vec<&str> = ["a", "b", "c"].into_iter().filter(|_| roll(2) == 0).collect();
            world.apply("FederatedConfigMap", "bank", &name, on(config(&i.to_string()), &clusters, None));
            wanted.insert(name, (i.to_string(), clusters));
        }
        if roll(10) == 0 {
            world.restart();
        }
        tokio::time::sleep(Duration::from_micros(roll(3000))).await;
    }
    world
        .until("all is as last written", |w| {
            (0..20).map(|i| format!("cm{i}")).all(|name| match wanted.get(&name) {
                None => {
                    w.federated("FederatedConfigMap", "bank", &name).is_none()
                        && w.version(&format!("configmap-{name}")).is_none()
                        && ["a", "b", "c"]
                            .iter()
                            .all(|c| w.server(c).get("configmaps", &key(&name)).is_none())
                }
                Some((value, clusters)) => ["a", "b", "c"].iter().all(|c| {
                    let there = w.server(c).get("configmaps", &key(&name));
                    if clusters.contains(c) {
                        there.is_some_and(|o| o["data"]["k"] == value.as_str())
                    } else {
                        there.is_none()
                    }
                }),
            })
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_may_not_write_writes_nothing_and_goes_on_when_it_may() {
    use std::sync::atomic::Ordering::Relaxed;
    let world = World::new(&["a"]);
    ready(&world, &["a"]).await;
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["a"], None));
    world.until("first", |w| holds(w, "a", "cm", "1")).await;
    world.host.leads.store(false, Relaxed);
    let before = (world.server("a").writes(), world.host.server.writes());
    world.apply("FederatedConfigMap", "bank", "cm", on(config("2"), &["a"], None));
    world.apply("FederatedConfigMap", "bank", "new", on(config("1"), &["a"], None));
    world.delete("FederatedConfigMap", "bank", "cm");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(before, (world.server("a").writes(), world.host.server.writes()));
    world.host.leads.store(true, Relaxed);
    world
        .until("all goes on", |w| {
            holds(w, "a", "new", "1") && w.federated("FederatedConfigMap", "bank", "cm").is_none()
        })
        .await;
}
