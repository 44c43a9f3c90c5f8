//! Clients move between replicas.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, PostParams, WatchEvent, WatchParams};
use serde_json::json;

use crate::process::within;
use crate::{client_of, replicas};

fn config_map(name: &str, value: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"k": value}})).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_move_between_replicas_and_a_database_that_is_away_is_said_to_be() {
    let (database, homes, serving) = replicas(&[]).await;
    let first = client_of(&homes[0], &homes[1]).await;
    let second = client_of(&homes[1], &homes[0]).await;
    let at = |client: &Client| Api::<ConfigMap>::namespaced(client.clone(), "default");

    // What one has acknowledged the other shows, and a watch goes on there.
    let one = at(&first).create(&PostParams::default(), &config_map("one", "1")).await.unwrap();
    assert_eq!(at(&second).get("one").await.unwrap().data, one.data);
    let revision = one.metadata.resource_version.unwrap();
    let mut watch = at(&second).watch(&WatchParams::default(), &revision).await.unwrap().boxed();
    at(&first).create(&PostParams::default(), &config_map("two", "2")).await.unwrap();
    let told = within("the other replica's write", watch.try_next()).await.unwrap().unwrap();
    assert!(matches!(told, WatchEvent::Added(map) if map.metadata.name.as_deref() == Some("two")));
    // A token that one signed is good for the other.
    let ready = |client: &Client| {
        let client = client.clone();
        async move { client.request_text(http::Request::get("/readyz").body(Vec::new()).unwrap()).await }
    };
    assert_eq!(ready(&second).await.unwrap(), "ok");

    database.pause().await.unwrap();
    let refused =
        within("an answer", at(&first).create(&PostParams::default(), &config_map("three", "3"))).await;
    let kube::Error::Api(status) = refused.unwrap_err() else { panic!("no answer") };
    assert!(status.code == 503 || status.code == 504, "{status:?}");
    assert!(status.message.contains("unavailable") || status.message.contains("unknown"), "{status:?}");
    assert!(within("readiness", ready(&second)).await.is_err());
    database.resume().await.unwrap();

    // All goes on: the same watch, and both replicas.
    within("writes", async {
        while at(&second).create(&PostParams::default(), &config_map("four", "4")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    within("the watch", async {
        loop {
            if let WatchEvent::Added(map) = watch.try_next().await.unwrap().unwrap()
                && map.metadata.name.as_deref() == Some("four")
            {
                return;
            }
        }
    })
    .await;
    within("the controllers", serving[0].says_or(&serving[1], "promoted as leader")).await;
}
