//! What engines hold in memory of an object, by the number of shards that one process leads.
//!
//! ```sh
//! cargo bench -p propagation-engine --bench memory           # 1000 objects
//! cargo bench -p propagation-engine --bench memory -- 5000
//! ```
//!
//! The host and the members are maps, as in the simulation, and count too: what one more shard costs is what differs.
//! Each number is a process of its own, whose resident memory is read at the end. Each object is a Deployment of a tenant,
//! in a cell on the one API server that all tenants share, with a status of the member's; each shard has as many tenants
//! as any other.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark: it fails by panicking"
)]

use std::num::NonZero;
use std::process::Command;

use federation_model::{ObjectKey, Settings};
use serde_json::{Value, json};
use tenancy::{Scope, Shard};

#[path = "../tests/simulation/world.rs"]
#[allow(dead_code, reason = "the simulation needs more of it")]
mod world;

/// Tenants; a multiple of all numbers of shards.
const TENANTS: usize = 4;

fn main() {
    let numbers: Vec<u32> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    if let [objects, shards] = numbers[..] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        return runtime.unwrap().block_on(run(objects as usize, shards));
    }
    // `cargo bench` adds `--bench`.
    let objects = numbers.first().copied().unwrap_or(1000);
    println!("{objects} Deployments of {TENANTS} tenants on one API server");
    let kilobytes = [1, 2, 4].map(|shards| {
        let program = std::env::current_exe().unwrap();
        let output = Command::new(program).args([objects, shards].map(|n| n.to_string())).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let resident: u64 = text.trim().parse().unwrap();
        println!("{shards} shards led by one process: {:.1} MB resident", resident as f64 / 1e3);
        resident
    });
    let further = (kilobytes[2] - kilobytes[0]) as f64 / 3.0;
    println!("a further shard costs {:.2} KB per object", further / f64::from(objects));
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

/// Has engines for so many shards hold so many objects, and prints what is resident then, in KB.
async fn run(objects: usize, shards: u32) {
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
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    println!("{}", resident.trim().trim_end_matches(" kB"));
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
