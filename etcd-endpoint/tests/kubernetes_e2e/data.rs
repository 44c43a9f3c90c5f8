//! What a kube-apiserver asks of the data under it.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::{
    Api,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams, WatchEvent, WatchParams},
};
use serde_json::json;
use testbed::{ApiServerOptions, Testbed};

use crate::served::Served;

pub(crate) fn config_map(name: &str, value: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        data: Some(BTreeMap::from([("k".to_owned(), value.to_owned())])),
        ..ConfigMap::default()
    }
}

/// The revision of an object.
pub(crate) fn version(object: &ConfigMap) -> u64 {
    object.metadata.resource_version.as_ref().unwrap().parse().unwrap()
}

/// Without its cache, every read of the kube-apiserver is one of the endpoint.
#[tokio::test(flavor = "multi_thread")]
async fn pages_compaction_and_events_that_end() {
    let testbed = Testbed::start().await.unwrap();
    let served = Served::sqlite().await;
    let options = ApiServerOptions {
        etcd: Some(served.url.clone()),
        flags: vec!["--watch-cache=false".to_owned(), "--event-ttl=2s".to_owned()],
        ..ApiServerOptions::default()
    };
    let server = testbed.api_server_with("uncached", options).await.unwrap();
    let objects: Api<ConfigMap> = Api::default_namespaced(server.client());
    let name = |i: usize| format!("object-{i:04}");
    let create = async |i| objects.create(&PostParams::default(), &config_map(&name(i), "first")).await;
    futures::stream::iter(0..1200).map(create).buffer_unordered(16).try_collect::<Vec<_>>().await.unwrap();

    // Pages are of one revision, though objects come and go between them.
    let page = objects.list(&ListParams::default().limit(500)).await.unwrap();
    let at = page.metadata.resource_version.clone();
    assert_eq!((page.items.len(), page.metadata.remaining_item_count), (500, Some(700)));
    objects.delete(&name(700), &DeleteParams::default()).await.unwrap();
    let late = objects.create(&PostParams::default(), &config_map("object-0700a", "late")).await.unwrap();
    let token = page.metadata.continue_.clone().unwrap();
    let next = objects.list(&ListParams::default().limit(500).continue_token(&token)).await.unwrap();
    assert_eq!(
        (next.items.len(), next.metadata.remaining_item_count, next.metadata.resource_version),
        (500, Some(200), at)
    );
    assert!(next.items.iter().map(|object| object.metadata.name.clone().unwrap()).eq((500..1000).map(name)));

    // What was compacted is gone, for lists as for watches; what follows is not.
    served.store.compact(version(&late)).await.unwrap();
    let gone = objects.list(&ListParams::default().limit(500).continue_token(&token)).await.unwrap_err();
    assert!(
        matches!(&gone, kube::Error::Api(status) if status.code == 410 && status.reason == "Expired"),
        "{gone}"
    );
    let old = (version(&late) - 3).to_string();
    let mut watch = objects.watch(&WatchParams::default(), &old).await.unwrap().boxed();
    let told = watch.try_next().await;
    assert!(matches!(&told, Ok(Some(WatchEvent::Error(status))) if status.code == 410), "{told:?}");
    let mut watch =
        objects.watch(&WatchParams::default(), &version(&late).to_string()).await.unwrap().boxed();
    objects.create(&PostParams::default(), &config_map("object-new", "new")).await.unwrap();
    let told = watch.try_next().await;
    assert!(
        matches!(&told, Ok(Some(WatchEvent::Added(object))) if object.metadata.name.as_deref() == Some("object-new"))
    );

    // Events end by themselves, and their watches see it.
    let events: Api<Event> = Api::default_namespaced(server.client());
    let event: Event = serde_json::from_value(json!({
        "metadata": {"name": "short"},
        "involvedObject": {"kind": "ConfigMap", "namespace": "default", "name": "object-0001"},
        "reason": "Tested", "message": "it ends", "type": "Normal",
    }))
    .unwrap();
    let created = events.create(&PostParams::default(), &event).await.unwrap();
    let from = created.metadata.resource_version.unwrap();
    let mut watch = events.watch(&WatchParams::default(), &from).await.unwrap().boxed();
    let told = watch.try_next().await.unwrap();
    assert!(
        matches!(&told, Some(WatchEvent::Deleted(event)) if event.metadata.name.as_deref() == Some("short")),
        "{told:?}"
    );
}
