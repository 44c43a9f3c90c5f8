//! `PropagatedVersion`s, as KubeFed writes them: the gate `VersionsInStatus` is off.

use std::time::Duration;

use federation_model::{Feature, FeatureGates, ObjectKey, Settings};
use propagation_engine::version::{overrides_version, template_version};
use serde_json::{Value, json};

use crate::world::{World, key, on};

fn settings() -> Settings {
    Settings { gates: FeatureGates::default().with(Feature::VersionsInStatus, false), ..Settings::default() }
}

fn config(value: &str) -> Value {
    json!({"data": {"k": value}})
}

fn of_versions(world: &World) -> Vec<String> {
    world.host.server.writes().into_iter().filter(|w| w.contains("propagatedversions")).collect()
}

/// What a record says of each cluster, as `cluster version`.
fn clusters(world: &World, name: &str) -> Vec<String> {
    let status = world.version(name).map(|v| v.status).unwrap_or_default();
    status.cluster_versions.iter().map(|c| format!("{} {}", c.cluster_name, c.version)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_record_is_kubefeds_and_is_written_once_per_round() {
    let world = World::with_settings(&["a", "b", "c"], settings());
    world.apply("FederatedDeployment", "bank", "d", on(json!({"spec": {"v": 1}}), &["a", "b"], None));
    world.until("recorded", |w| clusters(w, "deployment-d") == ["a gen:1", "b gen:1"]).await;
    let (record, object) = (
        world.version("deployment-d").unwrap(),
        world.federated("FederatedDeployment", "bank", "d").unwrap(),
    );
    assert_eq!(record.status.template_version, template_version(Some(&json!({"spec": {"v": 1}}))));
    assert_eq!(record.status.overrides_version, overrides_version(None));
    let owner = record.owner.unwrap();
    assert_eq!(
        (owner.api_version.as_str(), owner.kind.as_str(), owner.name.as_str(), Some(owner.uid)),
        ("types.kubefed.io/v1beta1", "FederatedDeployment", "d", object.metadata.uid)
    );
    assert_eq!((owner.controller, owner.block_owner_deletion), (None, None));
    assert!(object.status.unwrap().clusters.iter().all(|c| c.revision.is_none() && c.version.is_none()));

    world.apply("FederatedDeployment", "bank", "d", on(json!({"spec": {"v": 2}}), &["a", "b"], None));
    world.until("recorded", |w| clusters(w, "deployment-d") == ["a gen:2", "b gen:2"]).await;
    world.apply("FederatedDeployment", "bank", "d", on(json!({"spec": {"v": 2}}), &["b"], None));
    world.until("recorded", |w| clusters(w, "deployment-d") == ["b gen:2"]).await;
    let writes: Vec<_> = of_versions(&world).into_iter().filter(|w| w.ends_with("/deployment-d")).collect();
    let update = "status propagatedversions bank/deployment-d";
    assert_eq!(writes, ["create propagatedversions bank/deployment-d", update, update]);
}

#[tokio::test(start_paused = true)]
async fn a_namespaces_record_is_in_it_and_a_cluster_scoped_objects_in_none() {
    let world = World::with_settings(&["a"], settings());
    let federated = json!({
        "metadata": {"name": "reader"},
        "spec": on(json!({"rules": []}), &["a"], None),
    });
    world.host.server.meddle("federatedclusterroles", &ObjectKey::cluster("reader"), Some(federated));
    let record = ObjectKey::cluster("clusterrole-reader");
    world
        .until("both are recorded", |w| {
            !clusters(w, "namespace-bank").is_empty()
                && w.host.server.get("clusterpropagatedversions", &record).is_some()
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_after_a_restart_and_a_change_meanwhile_is() {
    let mut world = World::with_settings(&["a", "b"], settings());
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["a", "b"], None));
    world.apply("FederatedDeployment", "bank", "d", on(json!({"spec": {"v": 1}}), &["a"], None));
    world
        .until("all is recorded", |w| {
            clusters(w, "configmap-cm").len() == 2 && clusters(w, "deployment-d").len() == 1
        })
        .await;
    let writes = |w: &World| (w.server("a").writes(), w.server("b").writes(), w.host.server.writes());
    let before = writes(&world);
    world.restart();
    world.until("synced", |w| w.core.is_synced()).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(before, writes(&world));

    // The host cannot be asked for the records at first: nothing is written for want of them.
    world.host.server.set_fault(crate::world::Fault::Answers(500, "etcd is gone"));
    world.restart();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(before, writes(&world));
    world.apply("FederatedConfigMap", "bank", "cm", on(config("2"), &["a", "b"], None));
    world.host.server.set_fault(crate::world::Fault::None);
    world
        .until("the change is there", |w| {
            w.server("b").get("configmaps", &key("cm")).is_some_and(|o| o["data"]["k"] == "2")
        })
        .await;
    let news = world.server("a").writes().split_off(before.0.len());
    assert_eq!(news, ["update configmaps bank/cm"], "and nothing else");
}

#[tokio::test(start_paused = true)]
async fn what_waits_behind_a_mask_is_not_recorded_and_not_written_after_a_restart() {
    let mut world = World::with_settings(&["a", "b"], settings());
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["a", "b"], None));
    world.until("first", |w| clusters(w, "configmap-cm").len() == 2).await;
    world.apply("FederatedConfigMap", "bank", "cm", on(config("2"), &["a", "b"], Some(&["a"])));
    let held = |w: &World| {
        let lines = clusters(w, "configmap-cm");
        lines.len() == 1 && lines[0].starts_with("a ") && w.word("FederatedConfigMap", "cm", "b") == "held"
    };
    world.until("b is held", held).await;
    let before = (world.server("a").writes(), world.server("b").writes());
    world.restart();
    world.until("synced", |w| w.core.is_synced()).await;
    world.until("b is held", held).await;
    assert_eq!(before, (world.server("a").writes(), world.server("b").writes()));
}

#[tokio::test(start_paused = true)]
async fn a_record_goes_with_its_object_though_fedd_was_killed_meanwhile() {
    let mut world = World::with_settings(&["a"], settings());
    for name in ["one", "two"] {
        world.apply("FederatedConfigMap", "bank", name, on(config("1"), &["a"], None));
    }
    let recorded = |w: &World, name: &str| w.version(&format!("configmap-{name}")).is_some();
    world.until("both are recorded", |w| recorded(w, "one") && recorded(w, "two")).await;
    world.delete("FederatedConfigMap", "bank", "one");
    world.until("its record is gone", |w| !recorded(w, "one")).await;
    assert!(recorded(&world, "two"));

    // As if killed after the finalizer came off: the object is gone, the record is not.
    let record = world.host.server.get("propagatedversions", &key("configmap-two"));
    world.delete("FederatedConfigMap", "bank", "two");
    world.until("its record is gone", |w| !recorded(w, "two")).await;
    world.host.server.meddle("propagatedversions", &key("configmap-two"), record);
    world.restart();
    world.until("it is gone after a restart", |w| w.core.is_synced() && !recorded(w, "two")).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_somebody_deleted_comes_with_the_next_change() {
    let world = World::with_settings(&["a"], settings());
    world.apply("FederatedConfigMap", "bank", "cm", on(config("1"), &["a"], None));
    world.until("recorded", |w| clusters(w, "configmap-cm").len() == 1).await;
    world.host.server.meddle("propagatedversions", &key("configmap-cm"), None);
    world.apply("FederatedConfigMap", "bank", "cm", on(config("2"), &["a"], None));
    world.until("recorded again", |w| clusters(w, "configmap-cm").len() == 1).await;
}
