//! An object that gets a scope, and engines that hear of it at different times.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use federation_model::{ObjectKey, Settings};
use futures::StreamExt as _;
use parking_lot::Mutex;
use propagation_engine::core::Core;
use propagation_engine::ports::{Chance, WatchEvent};
use serde_json::{Value, json};
use tenancy::{Scope, Shard};

use crate::world::{Server, World, key};

/// The clusters that the statuses of a federated `ConfigMap` named, one status after another.
type Statuses = Arc<Mutex<Vec<Vec<String>>>>;

/// A tenant of the second of two shards.
fn tenant() -> String {
    let scope = |tenant: &String| Scope::Tenant { tenant: tenant.clone(), workspace_group: "w".to_owned() };
    let is_second = |tenant: &String| Shard::of(&scope(tenant), NonZero::new(2).unwrap()).index() == 1;
    (0..1000).map(|i| format!("t{i}")).find(is_second).unwrap()
}

fn labels(tenant: &str) -> [(&str, &str); 2] {
    [("fedd.io/tenant", tenant), ("fedd.io/workspace-group", "w")]
}

/// Two engines; a shared cluster and a tenant's, each an API server.
fn world() -> (World, String) {
    let mut world = World::with_shards(&["shared"], Settings::default(), 2);
    let tenant = tenant();
    world.add_cluster("own", "own", &labels(&tenant), &[]);
    // What is there before the tenant's objects come is nobody's concern here.
    world.server("own").meddle("namespaces", &ObjectKey::cluster("bank"), Some(json!({"metadata": {}})));
    (world, tenant)
}

fn config(value: &str) -> Value {
    json!({"template": {"data": {"k": value}}, "placement": {"clusterSelector": {}}})
}

fn statuses(world: &World) -> Statuses {
    let statuses = Statuses::default();
    let (noted, mut events) = (statuses.clone(), world.host.server.watch("federatedconfigmaps"));
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            let (WatchEvent::Listed((_, object)) | WatchEvent::Applied((_, object))) = event else {
                continue;
            };
            let clusters = object["status"]["clusters"].as_array().cloned().unwrap_or_default();
            let names: Vec<_> = clusters.iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect();
            let mut noted = noted.lock();
            if noted.last() != Some(&names) {
                noted.push(names);
            }
        }
    });
    statuses
}

/// How a handover looks: from one to the other, once.
fn is_one_handover(statuses: &Statuses) -> bool {
    let named: Vec<_> = statuses.lock().iter().flatten().cloned().collect();
    let own = named.iter().skip_while(|name| *name == "shared").collect::<Vec<_>>();
    !own.is_empty() && own.iter().all(|name| *name == "own")
}

fn value(server: &Server) -> Option<String> {
    server.get("configmaps", &key("x"))?["data"]["k"].as_str().map(str::to_owned)
}

fn asked(world: &World) -> usize {
    world.host.server.writes().iter().filter(|write| *write == "ask namespaces bank").count()
}

fn engines(world: &World) -> [Arc<Core>; 2] {
    [world.core.clone(), world.further[0].1.clone()]
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_has_not_heard_of_a_namespaces_scope_writes_nothing_over_the_status_of_one_that_has() {
    let (mut world, tenant) = world();
    world.apply("FederatedConfigMap", "bank", "x", config("1"));
    world.until("it is shared", |w| w.word("FederatedConfigMap", "x", "shared").is_empty()).await;
    let statuses = statuses(&world);
    // Time passes in between, should the two contradict each other.
    *world.host.lag.lock() = Duration::from_millis(100);
    world.label_namespace("bank", &labels(&tenant));
    let [first, second] = engines(&world);
    world.tell_namespace(&second, "bank");
    world.until("it is the tenant's", |w| w.word("FederatedConfigMap", "x", "own").is_empty()).await;
    for round in ["2", "3"] {
        let before = asked(&world);
        world.apply("FederatedConfigMap", "bank", "x", config(round));
        world.until("it is written", |w| value(w.server("own")).as_deref() == Some(round)).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(asked(&world), before + 1, "one question, as the version was a user's");
    }
    assert!(is_one_handover(&statuses), "{statuses:?}");
    world.tell_namespace(&first, "bank");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(is_one_handover(&statuses), "{statuses:?}");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_gets_a_scope_of_its_own_is_written_to_at_its_present_version_alone() {
    let (world, tenant) = world();
    world.apply("FederatedConfigMap", "bank", "x", config("1"));
    world.until("it is shared", |w| w.word("FederatedConfigMap", "x", "shared").is_empty()).await;
    let statuses = statuses(&world);
    *world.host.lag.lock() = Duration::from_secs(30);
    let of = ("federatedconfigmaps", key("x"));
    let mut object = world.host.server.get(of.0, &of.1).unwrap();
    object["metadata"]["labels"] = labels(&tenant).into_iter().collect();
    world.host.server.meddle(of.0, &of.1, Some(object));
    world.until("it is the tenant's", |w| w.word("FederatedConfigMap", "x", "own").is_empty()).await;
    // The first engine has something to tell of what it takes for its own object.
    world.server("shared").meddle(
        "configmaps",
        &key("x"),
        Some(json!({"metadata": {"name": "x", "namespace": "bank",
        "labels": {"kubefed.io/managed": "false"}}, "data": {}})),
    );
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert!(is_one_handover(&statuses), "{statuses:?}");
}

#[tokio::test(start_paused = true)]
async fn whatever_lags_an_object_is_handed_over_once_and_goes_for_good() {
    for seed in 0..40 {
        let chance = Chance::seeded(seed);
        let within = |seconds: f64| Duration::from_secs_f64(chance.fraction() * seconds);
        let (mut world, tenant) = world();
        world.apply("FederatedConfigMap", "bank", "x", config("0"));
        world.until("it is shared", |w| w.word("FederatedConfigMap", "x", "shared").is_empty()).await;
        let statuses = statuses(&world);
        *world.host.lag.lock() = within(3.0) + Duration::from_millis(10);
        *world.further[0].0.lag.lock() = within(3.0);
        world.label_namespace("bank", &labels(&tenant));
        let world = Arc::new(world);
        let told = engines(&world).map(|core| {
            let (world, wait) = (world.clone(), within(20.0));
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                world.tell_namespace(&core, "bank");
            })
        });
        for round in 1..=4 {
            tokio::time::sleep(within(6.0)).await;
            world.apply("FederatedConfigMap", "bank", "x", config(&round.to_string()));
        }
        if chance.fraction() < 0.5 {
            // Before or after it has heard of all.
            world.until("it is the tenant's", |w| value(w.server("own")).as_deref() == Some("4")).await;
            let is_well = |w: &World| w.word("FederatedConfigMap", "x", "own").is_empty();
            world.until("its status says so", is_well).await;
            assert!(is_one_handover(&statuses), "seed {seed}: {statuses:?}");
        }
        world.delete("FederatedConfigMap", "bank", "x");
        let is_gone = |w: &World| w.federated("FederatedConfigMap", "bank", "x").is_none();
        world.until("it is released", is_gone).await;
        for told in told {
            told.await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(value(world.server("own")), None, "seed {seed}: the tenant's copy is left");
        let writes = world.server("own").writes();
        assert!(!writes.contains(&"unlabel configmaps bank/x".to_owned()), "seed {seed}: {writes:?}");
    }
}
