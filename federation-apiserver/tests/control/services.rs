//! Services get their addresses and node ports.

use std::collections::BTreeSet;
use std::sync::Arc;

use federation_apiserver::control::simulate::services::ServiceAddresses;
use revision_store::MemoryStore;
use serde_json::{Value, json};

use super::world::World;

async fn world() -> World {
    World::on(Arc::new(MemoryStore::new()), |store| vec![Arc::new(ServiceAddresses::new(Arc::clone(store)))])
        .await
}

fn service(name: &str, kind: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"type": kind, "selector": {"a": "b"}, "ports": [{"port": 80}]}})
}

#[tokio::test(start_paused = true)]
async fn every_service_has_an_address_and_a_port_of_its_own() {
    let world = world().await;
    let (mut addresses, mut ports) = (BTreeSet::new(), BTreeSet::new());
    for i in 0..20 {
        let made = world.create("services", "a", service(&format!("s{i}"), "NodePort")).await.unwrap();
        addresses.insert(made["spec"]["clusterIP"].as_str().unwrap().to_owned());
        ports.insert(made["spec"]["ports"][0]["nodePort"].as_u64().unwrap());
        assert_eq!(made["spec"]["clusterIPs"], json!([made["spec"]["clusterIP"]]));
    }
    assert_eq!((addresses.len(), ports.len()), (20, 20));
    assert!(addresses.iter().all(|address| address.starts_with("10.96.")));

    let mut named = service("named", "ClusterIP");
    named["spec"]["clusterIP"] = json!(addresses.first().unwrap());
    let error = world.create("services", "a", named).await.unwrap_err();
    assert!(error.to_string().contains("provided IP is already allocated"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_update_that_does_not_name_them_keeps_them() {
    let world = world().await;
    let made = world.create("services", "a", service("s", "NodePort")).await.unwrap();
    let new = service("s", "NodePort");
    let kept = world
        .edit("services", "a", "s", |object| {
            object["spec"] = new["spec"].clone();
            object["spec"]["selector"] = json!({"c": "d"});
        })
        .await;
    for field in ["clusterIP", "clusterIPs", "ports"] {
        assert_eq!(kept["spec"][field], made["spec"][field], "{field}");
    }
    let headless = json!({"metadata": {"name": "h"}, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}});
    assert_eq!(world.create("services", "a", headless).await.unwrap()["spec"]["clusterIP"], "None");
}
