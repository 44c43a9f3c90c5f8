//! `fedd serve` as replicas on one database: each serves, each shard has one leader, and another when that is gone.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "../tunnel_e2e/bed.rs"]
#[allow(dead_code, reason = "the tests of tunnels need more of it")]
mod bed;
mod clients;
#[path = "../support/process.rs"]
mod process;
mod rollout;
#[path = "../support/serving.rs"]
mod serving;
mod shards;
mod tunnel;
mod turns;

use federation_model::KubeFedConfig;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;
use serving::{Home, Serving};
use testbed::{Database, DatabaseKind};

const FEDERATION: &str = "kube-federation-system";

/// A client of a replica with the kubeconfig that another one wrote.
async fn client_of(replica: &Home, kubeconfig: &Home) -> Client {
    let mut kubeconfig = Kubeconfig::read_from(kubeconfig.kubeconfig()).unwrap();
    let url = format!("https://{}", replica.address());
    kubeconfig.clusters[0].cluster.as_mut().unwrap().server = Some(url);
    let options = KubeConfigOptions::default();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    // What it is answered is to be seen.
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

/// Leases that are short enough for a test. They are read at a start.
async fn shorten_lease(client: &Client) {
    let configs: Api<KubeFedConfig> = Api::namespaced(client.clone(), FEDERATION);
    let times = json!({"leaseDuration": "4s", "renewDeadline": "3s", "retryPeriod": "500ms"});
    let patch = Patch::Merge(json!({"spec": {"leaderElect": times}}));
    configs.patch("kubefed", &PatchParams::default(), &patch).await.unwrap();
}

/// Two replicas on a new database, started at once, then again with short leases and these flags.
async fn replicas(flags: &[String]) -> (Database, [Home; 2], [Serving; 2]) {
    let database = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let homes = [0, 1].map(|_| Home::on(&database.url("fedd")));
    let (one, other) = tokio::join!(homes[0].serve(), homes[1].serve());
    shorten_lease(&homes[1].client().await).await;
    tokio::join!(one.terminated(), other.terminated());
    let (one, other) = tokio::join!(homes[0].serve_with(flags), homes[1].serve_with(flags));
    (database, homes, [one, other])
}
