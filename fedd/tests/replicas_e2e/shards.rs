//! Several shards: replicas have their share of them, and take over those of one that is paused or killed.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;

use federation_model::Cell;
use futures::StreamExt as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::api::{Api, ListParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::json;
use tenancy::{Scope, Shard};

use crate::process::within;
use crate::rollout::{all_hold, federated_namespace, note_effects, nothing_was_done_twice, roll_out};
use crate::serving::{Home, becomes};
use crate::{FEDERATION, client_of, replicas};

const SHARDS: u32 = 4;
const OBJECTS: usize = 5;

/// A tenant of each of so many shards.
pub(crate) fn tenants(shards: u32) -> Vec<String> {
    let shard = |tenant: &str| {
        let scope = Scope::Tenant { tenant: tenant.to_owned(), workspace_group: "prod".to_owned() };
        Shard::of(&scope, NonZero::new(shards).unwrap()).index()
    };
    let of = |index| (0..1000).map(|i| format!("tenant{i}")).find(|tenant| shard(tenant) == index).unwrap();
    (0..shards).map(of).collect()
}

/// How many shards each replica leads.
async fn led(client: &Client) -> BTreeMap<String, usize> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), FEDERATION);
    let mut led = BTreeMap::new();
    for lease in leases.list(&ListParams::default()).await.unwrap() {
        let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
        *led.entry(holder).or_default() += 1;
    }
    led
}

async fn led_are(client: &Client, numbers: &[usize]) {
    let leases: Api<Lease> = Api::namespaced(client.clone(), FEDERATION);
    let mut changes = watcher(leases, watcher::Config::default()).default_backoff().boxed();
    within("each has its share", async {
        while led(client).await.values().ne(numbers) {
            let _ = changes.next().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_the_shards_and_take_over_those_of_one_that_is_paused_or_killed() {
    // They were started before with one shard: the number changes.
    let (database, homes, [one, other]) = replicas(&[format!("--shards={SHARDS}")]).await;
    let client = homes[0].client().await;
    led_are(&client, &[2, 2]).await;

    // One that is told another number has no part in it.
    let stranger = Home::on(&database.url("fedd"));
    let refused = stranger.serve_with(&["--shards=2".to_owned()]).await;
    refused.says("replicas that lead do not have 2 shards", 1).await;

    // One member; each tenant has a cell on it, and what is nobody's goes to the cluster itself.
    let tenants = tenants(SHARDS);
    for tenant in &tenants {
        let labels = json!({"fedd.io/tenant": tenant, "fedd.io/workspace-group": "prod"});
        federated_namespace(&client, tenant, labels).await;
    }
    federated_namespace(&client, "app", json!({})).await;
    let cells: Vec<_> = tenants.iter().map(|tenant| format!("{tenant}/rz00a")).collect();
    let member = homes[0].joined("m1", &cells.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for tenant in &tenants {
        becomes("a cell is ready", Api::namespaced(client.clone(), tenant), "rz00a", |cell: &Cell| {
            let conditions = cell.status.iter().flat_map(|status| &status.conditions);
            conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
        })
        .await;
    }
    let effects = [note_effects(&member.client).await];
    let namespaces: BTreeSet<_> = tenants.iter().map(String::as_str).chain(["app"]).collect();
    let objects = namespaces.len() * OBJECTS;
    let release = async |client: &Client, value: &str| {
        for namespace in &namespaces {
            roll_out(client, namespace, OBJECTS, value).await;
        }
    };
    release(&client, "1").await;
    all_hold(&effects, objects, "1").await;
    led_are(&client, &[2, 2]).await;
    drop(refused);

    // Paused in the midst of it for longer than its Leases last: the other has all shards then.
    let through_other = client_of(&homes[1], &homes[0]).await;
    one.signal("-STOP");
    release(&through_other, "2").await;
    all_hold(&effects, objects, "2").await;
    led_are(&through_other, &[4]).await;
    one.signal("-CONT");
    one.says("lost lease", 2).await;
    // It asks for its share, and gets it.
    led_are(&through_other, &[2, 2]).await;

    // Killed in the midst of the next.
    release(&client, "3").await;
    other.killed().await;
    release(&client, "4").await;
    all_hold(&effects, objects, "4").await;
    led_are(&client, &[4]).await;
    nothing_was_done_twice(&effects);
}
