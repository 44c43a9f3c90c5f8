//! Kubernetes' Go client on this server and on a real kube-apiserver: both pass the same checks, and what the checks
//! see of both is the same.
//!
//! The checks are in `tools/clientgo`. `CHECK=name` runs one alone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where something is missing")]

#[path = "clientgo/compare.rs"]
mod compare;
#[path = "clientgo/embedded.rs"]
mod embedded;

use compare::{differences, failures};
use embedded::Embedded;
use testbed::{ApiServer, ApiServerOptions, ClientGo, ControllerManager, Judgement, Testbed};

/// What every server with the workload kinds passes.
const CHECKS: [&str; 14] = [
    "apply",
    "controller",
    "discovery",
    "dynamic",
    "election",
    "events",
    "expired",
    "forms",
    "informers",
    "pages",
    "patches",
    "restart",
    "tokens",
    "workloads",
];

/// Informers that begin with a watch, or with a list.
fn streaming(on: bool) -> ClientGo {
    let on = if on { "true" } else { "false" };
    ClientGo { variables: vec![("KUBE_FEATURE_WatchListClient", on)] }
}

fn chosen(checks: &[&'static str]) -> Vec<&'static str> {
    let wanted = std::env::var("CHECK").unwrap_or_default();
    checks.iter().copied().filter(|check| wanted.is_empty() || *check == wanted).collect()
}

async fn judge_embedded(client: &ClientGo, checks: &[&'static str]) -> Vec<Judgement> {
    let mut server = Embedded::start().await;
    let kubeconfig = server.kubeconfig();
    let judged = client.judge(&kubeconfig, checks, async |_| server.restart().await).await.unwrap();
    server.stop().await;
    judged
}

async fn judge_real(client: &ClientGo, checks: &[&'static str]) -> Vec<Judgement> {
    let testbed = Testbed::start().await.unwrap();
    let (server, _controllers) = real(&testbed).await;
    let restart = async |_: &str| {
        server.stop().await.unwrap();
        server.start_again().await.unwrap();
    };
    client.judge(&server.kubeconfig_path(), checks, restart).await.unwrap()
}

/// A kube-apiserver that compacts often, with the controllers whose work is seen.
async fn real(testbed: &Testbed) -> (ApiServer, ControllerManager) {
    let flags = vec!["--etcd-compaction-interval=2s".to_owned()];
    let options = ApiServerOptions { flags, ..ApiServerOptions::default() };
    let server = testbed.api_server_with("judged", options).await.unwrap();
    let controllers = [
        "garbage-collector-controller",
        "namespace-controller",
        "root-ca-certificate-publisher-controller",
        "serviceaccount-controller",
        "serviceaccount-token-controller",
    ];
    let controllers = server.controller_manager(&controllers).await.unwrap();
    (server, controllers)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_go_client_finds_here_what_it_finds_on_a_real_api_server() {
    let (client, checks) = (streaming(true), chosen(&CHECKS));
    let ours = judge_embedded(&client, &checks).await;
    let theirs = judge_real(&client, &checks).await;
    let wrong = [failures("ours", &ours), failures("theirs", &theirs), differences(&ours, &theirs)].concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn informers_that_list_first_hold_what_is_listed() {
    let checks = chosen(&["informers", "restart"]);
    let judged = judge_embedded(&streaming(false), &checks).await;
    let wrong = failures("ours", &judged);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let streamed = judged.iter().find_map(|one| one.facts.get("WatchList"));
    assert!(streamed.is_none_or(|streamed| *streamed == false), "the setting had no effect");
}

/// The client itself compares what it was sent with a list of the same version, and panics if they are not the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_watch_begins_with_is_what_a_list_at_its_version_has() {
    let mut client = streaming(true);
    client.variables.push(("KUBE_WATCHLIST_INCONSISTENCY_DETECTOR", "true"));
    let ours = judge_embedded(&client, &chosen(&["streams"])).await;
    let theirs = judge_real(&client, &chosen(&["streams"])).await;
    let wrong = [failures("ours", &ours), failures("theirs", &theirs)].concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
