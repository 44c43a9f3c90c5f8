//! Controllers on a member that undo what is written there.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::world::{Server, World, key, on};

/// Looks ten times a second, and does something about the object if it is not as it likes.
fn opponent(server: &Arc<Server>, plural: &'static str, act: fn(Value) -> Option<Value>) -> JoinHandle<()> {
    let server = server.clone();
    tokio::spawn(async move {
        loop {
            if let Some(before) = server.get(plural, &key("x")) {
                let after = act(before.clone());
                if after.as_ref() != Some(&before) {
                    server.meddle(plural, &key("x"), after);
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
}

/// Wants seven replicas.
fn autoscaler(mut object: Value) -> Value {
    object["spec"]["replicas"] = 7.into();
    object["metadata"]["managedFields"] = json!([
        {"manager": "autoscaler", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {"manager": "fedd", "operation": "Update", "fieldsV1": {"f:spec": {"f:image": {}}}},
    ]);
    object
}

fn deployment(replicas: u32) -> Value {
    json!({"spec": {"replicas": replicas, "image": "web:1"}})
}

fn updates(server: &Server, of: &str) -> usize {
    server.writes().iter().filter(|w| *w == of).count()
}

fn word(world: &World, cluster: &str) -> String {
    world.word("FederatedDeployment", "x", cluster)
}

fn message(world: &World, kind: &str) -> String {
    let status = world.federated(kind, "bank", "x").unwrap().status.unwrap();
    status.clusters[0].message.clone().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_fight_costs_24_writes_an_hour_is_told_with_the_other_partys_name_and_ends() {
    let world = World::new(&["a", "b"]);
    world.apply("FederatedDeployment", "bank", "x", on(deployment(3), &["a", "b"], None));
    world.until("all hold it", |w| word(w, "a").is_empty() && word(w, "b").is_empty()).await;
    let of_status = |w: &World| updates(&w.host.server, "status federateddeployments bank/x");
    let statuses = of_status(&world);

    let fight = opponent(world.server("a"), "deployments", |object| Some(autoscaler(object)));
    world.until("it is told", |w| word(w, "a") == "Contested" && word(w, "b").is_empty()).await;
    let words = message(&world, "FederatedDeployment");
    assert!(words.starts_with("autoscaler keeps changing spec.replicas; "), "{words}");
    // Nothing else waits: neither another object of that member, nor this one elsewhere.
    world.apply("FederatedConfigMap", "bank", "cm", on(json!({"data": {}}), &["a"], None));
    world.until("another object goes", |w| w.word("FederatedConfigMap", "cm", "a").is_empty()).await;

    tokio::time::sleep(Duration::from_secs(3600)).await;
    let writes = updates(world.server("a"), "update deployments bank/x");
    assert!(writes == 24 || writes == 25, "{writes} corrections in an hour");
    assert_eq!(word(&world, "a"), "Contested");
    // The status has the version of each write, and the word comes once.
    let statuses = of_status(&world) - statuses;
    assert!(statuses <= writes + 1, "{statuses} writes of the status");

    fight.abort();
    tokio::time::sleep(Duration::from_secs(300)).await;
    let replicas =
        |w: &World| w.server("a").get("deployments", &key("x")).unwrap()["spec"]["replicas"].clone();
    assert_eq!(replicas(&world), 3, "the last correction is not forgotten");
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!((word(&world, "a"), replicas(&world)), (String::new(), json!(3)));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_federated_object_is_written_at_once_and_may_end_the_fight() {
    let world = World::new(&["a"]);
    world.apply("FederatedDeployment", "bank", "x", on(deployment(3), &["a"], None));
    let _fight = opponent(world.server("a"), "deployments", |object| Some(autoscaler(object)));
    world.until("it is told", |w| word(w, "a") == "Contested").await;
    tokio::time::sleep(Duration::from_secs(600)).await;

    let mut spec = on(deployment(7), &["a"], None);
    spec["template"]["spec"]["image"] = "web:2".into();
    world.apply("FederatedDeployment", "bank", "x", spec);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.server("a").get("deployments", &key("x")).unwrap()["spec"]["image"], "web:2");
    world.until("both are content", |w| word(w, "a").is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_deleted_again_and_again_is_made_again_ever_more_seldom() {
    let world = World::new(&["a"]);
    world.apply("FederatedConfigMap", "bank", "x", on(json!({"data": {"k": "1"}}), &["a"], None));
    world.until("it is there", |w| w.word("FederatedConfigMap", "x", "a").is_empty()).await;
    let fight = opponent(world.server("a"), "configmaps", |_| None);
    world.until("it is told", |w| w.word("FederatedConfigMap", "x", "a") == "Contested").await;
    assert!(message(&world, "FederatedConfigMap").starts_with("somebody keeps deleting it there; "));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let writes = updates(world.server("a"), "create configmaps bank/x");
    assert!((24..=27).contains(&writes), "{writes} creates in an hour");
    fight.abort();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(world.word("FederatedConfigMap", "x", "a"), "");
    assert!(world.server("a").get("configmaps", &key("x")).is_some());
}

#[tokio::test(start_paused = true)]
async fn what_the_member_writes_of_its_own_is_no_fight() {
    let world = World::new(&["a"]);
    world.apply("FederatedConfigMap", "bank", "x", on(json!({"data": {"k": "1"}}), &["a"], None));
    world.until("it is there", |w| w.word("FederatedConfigMap", "x", "a").is_empty()).await;
    for turn in 0..100 {
        let mut object = world.server("a").get("configmaps", &key("x")).unwrap();
        object["metadata"]["annotations"] = json!({"leader": turn.to_string()});
        world.server("a").meddle("configmaps", &key("x"), Some(object));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(world.word("FederatedConfigMap", "x", "a"), "", "turn {turn}");
    }
}
