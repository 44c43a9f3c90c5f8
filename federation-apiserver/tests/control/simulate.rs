//! Workloads of a simulated member become ready, or fail.

use std::sync::Arc;
use std::time::Duration;

use federation_apiserver::control::simulate::{Behaviour, FAILURE, Simulation};
use serde_json::{Value, json};

use super::world::{World, settle};

const DELAY: Duration = Duration::from_secs(5);
const DEPLOYMENTS: &str = "deployments.apps";

async fn world() -> World {
    let world = World::new().await;
    let behaviour = Behaviour { delay: DELAY, ..Behaviour::default() };
    tokio::spawn(Simulation::new(Arc::clone(&world.rest), behaviour).run(world.stop.clone()));
    world
}

fn workload(replicas: Option<i64>) -> Value {
    let containers = json!([{"name": "c", "image": "i"}]);
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}});
    let mut spec = json!({"selector": {"matchLabels": {"a": "b"}}, "template": template});
    if let Some(replicas) = replicas {
        spec["replicas"] = json!(replicas);
    }
    json!({"metadata": {"name": "w"}, "spec": spec})
}

fn job() -> Value {
    let spec = json!({"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"});
    json!({"metadata": {"name": "w"}, "spec": {"completions": 3, "template": {"spec": spec}}})
}

/// Long enough for what is due at once, and not for the outcome.
async fn a_moment() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

async fn status(world: &World, kind: &str) -> Value {
    world.get(kind, "a", "w").await.unwrap()["status"].take()
}

fn condition<'a>(status: &'a Value, kind: &str) -> (&'a str, &'a str) {
    let one = status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == kind).unwrap();
    (one["status"].as_str().unwrap(), one["reason"].as_str().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_deployment_is_seen_at_once_and_ready_after_the_delay() {
    let world = world().await;
    world.create(DEPLOYMENTS, "a", workload(Some(3))).await.unwrap();
    a_moment().await;
    let now = status(&world, DEPLOYMENTS).await;
    assert_eq!((&now["observedGeneration"], &now["unavailableReplicas"]), (&json!(1), &json!(3)));
    assert_eq!(now.get("readyReplicas"), None);
    assert_eq!(condition(&now, "Available"), ("False", "MinimumReplicasUnavailable"));

    settle().await;
    let now = status(&world, DEPLOYMENTS).await;
    for field in ["replicas", "readyReplicas", "updatedReplicas", "availableReplicas"] {
        assert_eq!(now[field], 3, "{field}");
    }
    assert_eq!(condition(&now, "Available").0, "True");
    assert_eq!(condition(&now, "Progressing"), ("True", "NewReplicaSetAvailable"));

    // What runs goes on running while more is added.
    world.edit(DEPLOYMENTS, "a", "w", |object| object["spec"]["replicas"] = json!(5)).await;
    a_moment().await;
    let now = status(&world, DEPLOYMENTS).await;
    assert_eq!((&now["observedGeneration"], &now["readyReplicas"]), (&json!(2), &json!(3)));
    settle().await;
    assert_eq!(status(&world, DEPLOYMENTS).await["readyReplicas"], 5);
    world.edit(DEPLOYMENTS, "a", "w", |object| object["spec"]["replicas"] = json!(0)).await;
    a_moment().await;
    assert_eq!(status(&world, DEPLOYMENTS).await.get("readyReplicas"), None);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_with_the_annotation_fails_until_it_is_taken_off() {
    let world = world().await;
    let mut failing = workload(Some(2));
    failing["metadata"]["annotations"] = json!({FAILURE: "no such image"});
    world.create(DEPLOYMENTS, "a", failing).await.unwrap();
    settle().await;
    let now = status(&world, DEPLOYMENTS).await;
    assert_eq!(now["unavailableReplicas"], 2);
    assert_eq!(condition(&now, "Progressing"), ("False", "ProgressDeadlineExceeded"));
    world.edit(DEPLOYMENTS, "a", "w", |object| object["metadata"]["annotations"] = json!({})).await;
    settle().await;
    assert_eq!(status(&world, DEPLOYMENTS).await["availableReplicas"], 2);
}

#[tokio::test(start_paused = true)]
async fn every_kind_comes_to_rest() {
    let world = world().await;
    let kinds = [
        (DEPLOYMENTS, workload(Some(2)), "/availableReplicas", json!(2)),
        ("statefulsets.apps", workload(Some(2)), "/availableReplicas", json!(2)),
        ("replicasets.apps", workload(Some(2)), "/readyReplicas", json!(2)),
        ("daemonsets.apps", workload(None), "/numberReady", json!(1)),
        ("jobs.batch", job(), "/succeeded", json!(3)),
        ("persistentvolumeclaims", claim(), "/phase", json!("Bound")),
    ];
    for failing in [false, true] {
        for (kind, object, field, value) in &kinds {
            let mut object = object.clone();
            if failing {
                object["metadata"]["annotations"] = json!({FAILURE: "because"});
            }
            world.create(kind, "a", object).await.unwrap();
            settle().await;
            let now = status(&world, kind).await;
            let is_ready = now.pointer(field) == Some(value);
            assert_eq!(is_ready, !failing || *kind == "persistentvolumeclaims", "{kind}: {now}");
            let before = world.rest.store().revision().await.unwrap();
            settle().await;
            assert_eq!(world.rest.store().revision().await.unwrap(), before, "{kind}");
            world.delete(kind, "a", "w", "Background").await.unwrap();
            settle().await;
            assert!(world.get(kind, "a", "w").await.is_none(), "{kind}");
        }
    }
}

fn claim() -> Value {
    let resources = json!({"requests": {"storage": "1Gi"}});
    json!({"metadata": {"name": "w"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": resources}})
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_at_a_restart_ends() {
    let world = World::new().await;
    world.create(DEPLOYMENTS, "a", workload(Some(1))).await.unwrap();
    let start = || {
        let stop = world.stop.child_token();
        let behaviour = Behaviour { delay: DELAY, ..Behaviour::default() };
        tokio::spawn(Simulation::new(Arc::clone(&world.rest), behaviour).run(stop.clone()));
        stop
    };
    let first = start();
    a_moment().await;
    first.cancel();
    settle().await;
    assert_eq!(status(&world, DEPLOYMENTS).await["unavailableReplicas"], 1);
    start();
    settle().await;
    assert_eq!(status(&world, DEPLOYMENTS).await["availableReplicas"], 1);
}
