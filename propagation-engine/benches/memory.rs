//! What engines hold in memory of an object, by the number of shards that one process leads.
//!
//! ```sh
//! cargo bench -p propagation-engine --bench memory           # 1000 objects
//! cargo bench -p propagation-engine --bench memory -- 5000
//! ```
//!
//! The host and the members are maps, as in the simulation, and count too: what one more shard costs is what differs.
//! Bytes are those that are allocated at the end, not those that the allocator has from the system. Each object is a
//! Deployment of a tenant, in a cell on the one API server that all tenants share, with a status of the member's; each
//! shard has as many tenants as any other.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark: it fails by panicking"
)]

use std::alloc::System;
use std::num::NonZero;

use federation_model::{ObjectKey, Settings};
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tenancy::{Scope, Shard};

#[path = "../tests/simulation/world.rs"]
#[allow(dead_code, reason = "the simulation needs more of it")]
mod world;

/// Tenants; a multiple of all numbers of shards.
const TENANTS: usize = 4;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    // `cargo bench` adds `--bench`.
    let objects = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(1000);
    println!("{objects} Deployments of {TENANTS} tenants on one API server");
    let kilobytes = [1, 2, 4].map(|shards| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let bytes = runtime.unwrap().block_on(run(objects, shards));
        let kilobytes = bytes as f64 / 1e3 / objects as f64;
        println!("{shards} shards led by one process, and the maps: {kilobytes:.2} KB per object");
        kilobytes
    });
    println!("a further shard costs {:.2} KB per object", (kilobytes[2] - kilobytes[0]) / 3.0);
}

/// A tenant of each of four shards, of which two are of each of two shards.
fn tenants() -> Vec<String> {
    let shards = |tenant: &str| {
        let scope = Scope::Tenant { tenant: tenant.to_owned(), workspace_group: "w".to_owned() };
        [4, 2].map(|count| Shard::of(&scope, NonZero::new(count).unwrap()).index())
    };
    let of = |wanted: [u32; 2]| (0..).map(|i| format!("tenant-{i}")).find(|t| shards(t) == wanted).unwrap();
    // Of more shards, those that are new have what moved.
    [[0, 0], [1, 1], [2, 0], [3, 1]].map(of).to_vec()
}

/// Has engines for so many shards hold so many objects, and answers how many bytes are allocated then.
async fn run(objects: usize, shards: u32) -> usize {
    let region = Region::new(ALLOCATOR);
    let mut world = world::World::with_shards(&[], Settings::default(), shards);
    let tenants = tenants();
    for tenant in &tenants {
        let labels = [("fedd.io/tenant", tenant.as_str()), ("fedd.io/workspace-group", "w")];
        world.add_namespace(tenant, &labels);
        world.add_cluster(&format!("cell.{tenant}"), "s", &labels, &[]);
        let everywhere = json!({"template": {}, "placement": {"clusterSelector": {}}});
        world.apply("FederatedNamespace", tenant, tenant, everywhere);
    }
    let place = |i: usize| ObjectKey::namespaced(&tenants[i % TENANTS], &format!("deployment-{i}"));
    for key in (0..objects).map(place) {
        let spec = json!({"template": deployment(), "placement": {"clusterSelector": {}}});
        world.apply("FederatedDeployment", key.namespace.as_deref().unwrap(), &key.name, spec);
        // One by one, so that no memory is left of what waited on its way.
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    }
    for key in (0..objects).map(place) {
        while world.server("s").get("deployments", &key).is_none() {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        let mut object = world.server("s").get("deployments", &key).unwrap();
        object["status"] = status();
        world.server("s").meddle_status("deployments", &key, object);
    }
    let well = |key: &ObjectKey| {
        let object = world.federated("FederatedDeployment", key.namespace.as_deref().unwrap(), &key.name);
        let status = object.unwrap().status.unwrap_or_default();
        status.clusters.first().is_some_and(|cluster| cluster.remote_status.is_some())
    };
    for key in (0..objects).map(place) {
        while !well(&key) {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }
    let change = region.change();
    change.bytes_allocated - change.bytes_deallocated
}

fn deployment() -> Value {
    json!({"metadata": {"labels": {"app": "web"}, "annotations": {"example.com/owner": "a team of the bank"}},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "registry.example.com/web:1.2.3",
                "ports": [{"name": "http", "containerPort": 8080}],
                "env": [{"name": "LEVEL", "value": "info"}, {"name": "REGION", "value": "north"}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}}}]}}}})
}

fn status() -> Value {
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "reason": "AsWanted", "message": "all of it is as it was wanted",
            "lastUpdateTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    json!({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
        "conditions": [condition("Available"), condition("Progressing")]})
}
