//! Garbage collection and the end of namespaces, beside a real kube-apiserver with kube-controller-manager.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::sync::Arc;

use federation_apiserver::auth::{MASTERS, User};
use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, InProcess, Options, Secrets};
use futures::future::join_all;
use revision_store::MemoryStore;
use serde_json::json;
use testbed::Testbed;

#[path = "control/cluster.rs"]
mod cluster;
#[path = "control/scenarios.rs"]
mod scenarios;

use cluster::{Cluster, Pair};

async fn embedded() -> (EmbeddedServer, Cluster) {
    let secrets = Secrets::generate(jiff::Timestamp::now()).unwrap();
    let options = Options::new(Arc::new(MemoryStore::new()), Profile::Member, secrets);
    let server = EmbeddedServer::start(options).await.unwrap();
    let user = User::new("admin", [MASTERS]);
    let client = kube::Client::new(InProcess::new(Arc::clone(server.api()), user), "default");
    (server, Cluster { client })
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_end_as_on_a_real_cluster() {
    let testbed = Testbed::start().await.unwrap();
    let server = testbed.api_server("control").await.unwrap();
    let controllers = [
        "garbage-collector-controller",
        "namespace-controller",
        "serviceaccount-controller",
        "root-ca-certificate-publisher-controller",
    ];
    let _controllers = server.controller_manager(&controllers).await.unwrap();
    let (embedded, own) = embedded().await;
    let pair = Pair { real: Cluster { client: server.client() }, own };

    let scenarios = scenarios::all();
    let collected = join_all(scenarios.iter().map(|scenario| scenario.differences(&pair)));
    let (collected, ended, furnished) =
        tokio::join!(collected, end_of_a_namespace(&pair), furniture_of_a_namespace(&pair));
    embedded.stop().await;
    let differences: Vec<String> = collected.into_iter().flatten().chain(ended).chain(furnished).collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// What a namespace has from the beginning, and after it was taken away.
async fn furniture_of_a_namespace(pair: &Pair) -> Vec<String> {
    let mut differences = Vec::new();
    pair.create_namespace("new").await;
    let paths = ["serviceaccounts/default", "configmaps/kube-root-ca.crt"];
    for what in ["at first", "after its deletion"] {
        for path in paths {
            let path = format!("/api/v1/namespaces/new/{path}");
            pair.agree(&format!("{path} {what}"), &mut differences, async |cluster: &Cluster| {
                let object = cluster.send("GET", &path, &json!({})).await;
                let data: Option<Vec<&String>> = object["data"].as_object().map(|data| data.keys().collect());
                let metadata = &object["metadata"];
                let told = json!([object["kind"], metadata["labels"], metadata["annotations"], data]);
                (object["kind"] != "Status", told)
            })
            .await;
            pair.both("DELETE", &path, &json!({})).await;
        }
    }
    differences
}

/// A namespace is to go while something in it is held; then that is let go.
async fn end_of_a_namespace(pair: &Pair) -> Vec<String> {
    let (name, maps) = ("ending", "/api/v1/namespaces/ending/configmaps");
    let mut differences = Vec::new();
    pair.both("POST", maps, &json!({"metadata": {"name": "m"}}))
        .await
        .differ("no namespace", &mut differences);
    pair.create_namespace(name).await;
    let held = json!({"metadata": {"name": "held", "finalizers": ["example.com/hold"]}});
    pair.both("POST", maps, &held).await;
    pair.both("POST", maps, &json!({"metadata": {"name": "free"}})).await;
    pair.both("DELETE", "/api/v1/namespaces/ending", &json!({})).await;
    pair.agree("what is told of what remains", &mut differences, async |cluster: &Cluster| {
        let told = cluster.namespace(name).await;
        (told["conditions"].as_array().is_some_and(|all| all.len() == 5), told)
    })
    .await;
    let refused = pair.both("POST", maps, &json!({"metadata": {"name": "late"}})).await;
    refused.differ("a terminating namespace", &mut differences);
    pair.both("PATCH", &format!("{maps}/held"), &json!({"metadata": {"finalizers": null}})).await;
    pair.agree("the end", &mut differences, async |cluster: &Cluster| {
        let left = cluster.namespace(name).await;
        (left.is_null(), left)
    })
    .await;
    for immortal in ["default", "kube-system", "kube-public"] {
        let path = format!("/api/v1/namespaces/{immortal}");
        pair.both("DELETE", &path, &json!({})).await.differ(immortal, &mut differences);
    }
    differences
}
