//! `fedd etcd-endpoint` as a process, killed and begun again under a kube-apiserver.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use testbed::{ApiServerOptions, Database, DatabaseKind, Testbed};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// More than anything here takes on two busy cores.
const PATIENCE: Duration = Duration::from_mins(2);

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

/// Starts it, and waits until it listens.
async fn endpoint(datastore: &str, socket: &Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fedd"))
        .args(["etcd-endpoint", "--datastore", datastore])
        .args(["--listen-client-urls", &format!("unix://{}", socket.display())])
        .env_clear()
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let listens = async {
        let mut told = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            told.push(line.clone());
            if line.contains("serves etcd's API at") {
                return;
            }
        }
        panic!("it ended: {told:#?}");
    };
    within("it listens", listens).await;
    // Its pipe has to be read on, or it would wait.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    child
}

fn config_map(name: String) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta { name: Some(name), ..ObjectMeta::default() },
        data: Some(BTreeMap::from([("k".to_owned(), "v".to_owned())])),
        ..ConfigMap::default()
    }
}

/// Creates an object; what happens to a request while the endpoint or the API server is down is not known to its client.
async fn create(objects: &Api<ConfigMap>, name: &str) {
    loop {
        match objects.create(&PostParams::default(), &config_map(name.to_owned())).await {
            Ok(_) => return,
            Err(kube::Error::Api(status)) if status.code == 409 => return,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_endpoint_or_the_api_server_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    nothing_is_lost(&format!("sqlite://{}", folder.path().join("data.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_database_nothing_is_lost_when_the_endpoint_or_the_api_server_is_killed() {
    let database = Database::start(DatabaseKind::MariaDb).await.unwrap();
    nothing_is_lost(&database.url("fedd")).await;
}

async fn nothing_is_lost(datastore: &str) {
    let testbed = Testbed::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("etcd");
    let mut serving = endpoint(datastore, &socket).await;
    let options = ApiServerOptions {
        etcd: Some(format!("unix://{}", socket.display())),
        ..ApiServerOptions::default()
    };
    let server = testbed.api_server_with("above", options).await.unwrap();
    let objects: Api<ConfigMap> = Api::default_namespaced(server.client());

    // What a watch that is begun again where it was has seen, in order.
    let (seen, mut told) = tokio::sync::mpsc::unbounded_channel();
    let watched = objects.clone();
    let watching = tokio::spawn(async move {
        let events = watcher(watched, watcher::Config::default()).default_backoff().applied_objects();
        let mut events = std::pin::pin!(events);
        loop {
            // Errors are those of the time when nobody answers.
            if let Ok(Some(object)) = events.try_next().await
                && let Some(name) = object.metadata.name
            {
                let _told = seen.send(name);
            }
        }
    });

    let name = |round: usize, i: usize| format!("object-{round}-{i:02}");
    for round in 0..6 {
        let writes = futures::future::join_all((0..20).map(|i| {
            let objects = objects.clone();
            async move { create(&objects, &name(round, i)).await }
        }));
        let kills = async {
            if round % 3 == 2 {
                server.stop().await.unwrap();
                server.start_again().await.unwrap();
            } else {
                serving.kill().await.unwrap();
                serving = endpoint(datastore, &socket).await;
            }
        };
        within("the writes are done", async { tokio::join!(writes, kills) }).await;
    }

    let all: Vec<String> = (0..6).flat_map(|round| (0..20).map(move |i| name(round, i))).collect();
    let mut missing: std::collections::BTreeSet<&String> = all.iter().collect();
    within("the watch tells all", async {
        while !missing.is_empty() {
            missing.remove(&told.recv().await.unwrap());
        }
    })
    .await;
    let mut listed: Vec<String> = objects
        .list(&kube::api::ListParams::default())
        .await
        .unwrap()
        .items
        .into_iter()
        .filter_map(|object| object.metadata.name.filter(|name| name.starts_with("object-")))
        .collect();
    listed.sort();
    assert_eq!(listed, all);
    watching.abort();

    // Asked to end, it ends in order.
    let id = serving.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(within("it ends", serving.wait()).await.unwrap().success());
    assert!(!socket.exists());
}
