//! Several shards, and a member that nothing but its agent can reach.

use federation_model::{Cell, CellSpec};
use kube::api::{Api, PostParams};
use serde_json::json;
use testbed::{Database, DatabaseKind};

use crate::bed::{Member, free_address, reason};
use crate::rollout::{all_hold, federated_namespace, note_effects, nothing_was_done_twice, roll_out};
use crate::serving::Home;
use crate::shards::tenants;

const OBJECTS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_shards_reach_a_member_through_its_tunnel() {
    let database = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let (home, tunnel) = (Home::on(&database.url("fedd")), free_address());
    let flags = ["--shards=2", "--tunnel-listen", &tunnel].map(str::to_owned);
    let serving = home.serve_with(&flags).await;
    serving.says("promoted as leader", 2).await;
    let client = home.client().await;
    let member = Member::joined(&home, &tunnel).await;

    // What is nobody's is shard 0's, on the cluster itself; the tenant's cell on it is shard 1's.
    let [_, tenant] = &tenants(2)[..] else { panic!("a tenant of each shard") };
    let labels = json!({"fedd.io/tenant": tenant, "fedd.io/workspace-group": "prod"});
    federated_namespace(&client, tenant, labels).await;
    federated_namespace(&client, "app", json!({})).await;
    let cell = Cell::new("rz00a", CellSpec { cluster_name: "m1".to_owned(), ..CellSpec::default() });
    Api::namespaced(client.clone(), tenant).create(&PostParams::default(), &cell).await.unwrap();
    let effects = [note_effects(&member.client).await];
    for namespace in [tenant, "app"] {
        roll_out(&client, namespace, OBJECTS, "1").await;
    }
    reason(&client, "TunnelDown").await;

    let mut agent = member.agent().await;
    all_hold(&effects, 2 * OBJECTS, "1").await;
    // The agent goes, and another one comes: both go on.
    agent.child.kill().await.unwrap();
    for namespace in [tenant, "app"] {
        roll_out(&client, namespace, OBJECTS, "2").await;
    }
    let _agent = member.agent().await;
    all_hold(&effects, 2 * OBJECTS, "2").await;
    nothing_was_done_twice(&effects);
}
