//! Several engines on one host, one for each shard of the tenants' scopes.

use std::num::NonZero;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use federation_model::{ObjectKey, Settings};
use serde_json::{Value, json};
use tenancy::{Scope, Shard};

use crate::world::World;

const SHARDS: u32 = 3;

/// A tenant of each shard but the first, which has what is nobody's.
fn tenants() -> Vec<String> {
    let count = NonZero::new(SHARDS).unwrap();
    let of = |index: u32| {
        let names = (0..).map(|i| format!("t{i}"));
        let scope =
            |tenant: &str| Scope::Tenant { tenant: tenant.to_owned(), workspace_group: "w".to_owned() };
        names.into_iter().find(|tenant| Shard::of(&scope(tenant), count).index() == index).unwrap()
    };
    (1..SHARDS).map(of).collect()
}

/// One API server with a shared cluster, and one of each tenant, whose namespace is named as the tenant.
fn world() -> (World, Vec<String>) {
    let mut world = World::with_shards(&[], Settings::default(), SHARDS);
    world.add_cluster("shared", "s", &[], &[]);
    let tenants = tenants();
    for tenant in &tenants {
        let labels = [("fedd.io/tenant", tenant.as_str()), ("fedd.io/workspace-group", "w")];
        world.add_namespace(tenant, &labels);
        world.add_cluster(&format!("c.{tenant}"), "s", &labels, &[]);
        let everywhere = json!({"template": {}, "placement": {"clusterSelector": {}}});
        world.apply("FederatedNamespace", tenant, tenant, everywhere);
    }
    (world, tenants)
}

fn config(value: &str) -> Value {
    json!({"template": {"data": {"k": value}}, "placement": {"clusterSelector": {}}})
}

fn value(world: &World, namespace: &str) -> Option<String> {
    let map = world.server("s").get("configmaps", &ObjectKey::namespaced(namespace, "cm"))?;
    map["data"]["k"].as_str().map(str::to_owned)
}

/// Whether the status says that all is well, at exactly this cluster.
fn is_well(world: &World, namespace: &str, cluster: &str) -> bool {
    let Some(object) = world.federated("FederatedConfigMap", namespace, "cm") else { return false };
    let status = object.status.unwrap_or_default();
    matches!(&status.clusters[..], [one] if one.name == cluster && one.status.is_none())
}

#[tokio::test(start_paused = true)]
async fn each_engine_acts_for_the_scopes_of_its_shard_alone() {
    let (mut world, tenants) = world();
    let all = || tenants.iter().map(String::as_str).chain(["bank"]);
    for namespace in all() {
        world.apply("FederatedConfigMap", namespace, "cm", config("1"));
    }
    let cluster = |of: &str| if of == "bank" { "shared".to_owned() } else { format!("c.{of}") };
    world.until("all are written", |w| all().all(|of| is_well(w, of, &cluster(of)))).await;
    let mut writes = world.server("s").writes();
    writes.sort();
    let kinds = [("configmaps", "/cm"), ("namespaces", "")];
    let mut once: Vec<_> =
        kinds.iter().flat_map(|(kind, name)| all().map(move |of| (kind, of, name))).collect();
    once.sort();
    let once: Vec<_> = once.iter().map(|(kind, of, name)| format!("create {kind} {of}{name}")).collect();
    assert_eq!(writes, once, "nothing is written twice");

    // One of them may not write: its tenants wait, and nobody acts in its place.
    let (host, _) = world.further[0].clone();
    host.leads.store(false, Relaxed);
    for namespace in all() {
        world.apply("FederatedConfigMap", namespace, "cm", config("2"));
    }
    let waits = tenants[0].as_str();
    let has = |w: &World, of: &str| value(w, of).unwrap_or_default();
    let as_far = |w: &World, now: &str, before: &str| {
        all().all(|of| has(w, of) == if of == waits { before } else { now })
    };
    world.until("the others go on", |w| as_far(w, "2", "1")).await;
    all().for_each(|of| world.delete("FederatedConfigMap", of, "cm"));
    world.until("the others let go", |w| as_far(w, "", "1")).await;

    // Another engine takes its shard over.
    world.restart();
    host.leads.store(true, Relaxed);
    world.until("it lets go, too", |w| as_far(w, "", "")).await;
    let is_gone = |w: &World, of: &str| w.federated("FederatedConfigMap", of, "cm").is_none();
    world.until("all are released", |w| all().all(|of| is_gone(w, of))).await;
}

#[tokio::test(start_paused = true)]
async fn what_another_engine_has_just_written_is_no_orphan() {
    let (world, tenants) = world();
    let tenant = tenants[0].as_str();
    world.until("namespaces", |w| w.server("s").writes().len() == tenants.len() + 1).await;
    // The first engine sees all that is on the server, and hears of the federated object late.
    *world.host.lag.lock() = Duration::from_secs(30);
    world.apply("FederatedConfigMap", tenant, "cm", config("1"));
    world.until("it is written", |w| is_well(w, tenant, &format!("c.{tenant}"))).await;
    tokio::time::sleep(Duration::from_secs(90)).await;
    let of_map: Vec<_> =
        world.server("s").writes().into_iter().filter(|write| write.contains("configmaps")).collect();
    assert_eq!(of_map, [format!("create configmaps {tenant}/cm")]);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_gets_a_scope_goes_to_that_scopes_engine() {
    let (mut world, tenants) = world();
    world.apply("FederatedConfigMap", "bank", "cm", config("1"));
    world.until("it is shared", |w| is_well(w, "bank", "shared")).await;
    let labels = [("fedd.io/tenant", tenants[1].as_str()), ("fedd.io/workspace-group", "w")];
    world.add_namespace("bank", &labels);
    world.until("it is the tenant's", |w| is_well(w, "bank", &format!("c.{}", tenants[1]))).await;
    world.host.leads.store(false, Relaxed);
    world.apply("FederatedConfigMap", "bank", "cm", config("2"));
    world.until("it is written", |w| value(w, "bank").as_deref() == Some("2")).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_in_a_namespace_that_nobody_has_told_of_waits() {
    let (mut world, tenants) = world();
    world.apply("FederatedConfigMap", "new", "cm", config("1"));
    world.apply(
        "FederatedNamespace",
        "new",
        "new",
        json!({"template": {}, "placement": {"clusterSelector": {}}}),
    );
    tokio::time::sleep(Duration::from_secs(60)).await;
    let object = world.federated("FederatedConfigMap", "new", "cm").unwrap();
    assert!(object.metadata.finalizers.is_none() && object.status.is_none(), "{object:?}");
    let labels = [("fedd.io/tenant", tenants[0].as_str()), ("fedd.io/workspace-group", "w")];
    world.add_namespace("new", &labels);
    world.until("it is written", |w| is_well(w, "new", &format!("c.{}", tenants[0]))).await;
}
