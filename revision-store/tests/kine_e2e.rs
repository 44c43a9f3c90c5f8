//! The data change hands: from this store to kine with a stock kube-apiserver, and back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use std::{collections::BTreeMap, sync::Arc};

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
};
use revision_store::{Datastore, EventKind, Range, Revision, Store, WatchItem, Write};
use serde_json::json;
use testbed::{ApiServerOptions, Database, DatabaseKind, Testbed};

const PREFIX: &str = "/registry/configmaps/default/";
/// More than one page of the listing that kube-apiserver fills its cache with.
const OBJECTS: usize = 600;

fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// What kube-apiserver would store, as JSON, which it reads as well as its own protobuf.
fn stored(name: &str, value: &str) -> bytes::Bytes {
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": format!("00000000-0000-4000-8000-{:012x}", name.bytes().map(u64::from).sum::<u64>()),
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "data": { "value": value },
    });
    object.to_string().into()
}

async fn write(store: &Arc<dyn Store>, write: Write) -> Revision {
    store.write(write).await.unwrap().revision
}

async fn create(store: &Arc<dyn Store>, name: &str, value: &str) -> Revision {
    write(store, Write::Create { key: key(name), value: stored(name, value), lease: 0 }).await
}

/// Name, value and resourceVersion of an object.
fn said(object: &ConfigMap) -> (String, (String, Revision)) {
    let version = object.metadata.resource_version.as_deref().unwrap().parse().unwrap();
    let value = object.data.as_ref().unwrap()["value"].clone();
    (object.metadata.name.clone().unwrap(), (value, version))
}

fn with_value(name: &str, value: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        data: Some(BTreeMap::from([("value".to_owned(), value.to_owned())])),
        ..ConfigMap::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kine_and_a_kube_apiserver_go_on_with_the_file_and_give_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let datastore = Datastore::Sqlite(path.clone());
    changes_hands(datastore, ApiServerOptions { sqlite: Some(path), ..ApiServerOptions::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kine_and_a_kube_apiserver_go_on_with_the_database_and_give_it_back() {
    let database = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let datastore = Datastore::parse(&database.url("fedd")).unwrap();
    let mysql = Some(database.kine_endpoint("fedd"));
    changes_hands(datastore, ApiServerOptions { mysql, ..ApiServerOptions::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kine_and_a_kube_apiserver_go_on_with_an_oceanbase_and_give_it_back() {
    let database = Database::start(DatabaseKind::OceanBase).await.unwrap();
    let datastore = Datastore::parse(&database.url("fedd")).unwrap();
    let mysql = Some(database.kine_endpoint("fedd"));
    changes_hands(datastore, ApiServerOptions { mysql, ..ApiServerOptions::default() }).await;
}

/// `successor`: how a kube-apiserver is started on the same data.
async fn changes_hands(datastore: Datastore, successor: ApiServerOptions) {
    // What this store writes: objects, one of them changed, one gone, one gone and back, history compacted.
    let store = datastore.open().await.unwrap();
    let mut expected = BTreeMap::new();
    for i in 0..OBJECTS {
        let name = format!("object-{i:03}");
        let revision = create(&store, &name, "first").await;
        expected.insert(name, ("first".to_owned(), revision));
    }
    for (name, again) in [("object-001", false), ("object-002", true)] {
        let (_, revision) = expected.remove(name).unwrap();
        write(&store, Write::Delete { key: key(name), expected: revision }).await;
        if again {
            expected.insert(name.to_owned(), ("back".to_owned(), create(&store, name, "back").await));
        }
    }
    let compacted = store.compact(store.revision().await.unwrap()).await.unwrap();
    let update = Write::Update {
        key: key("object-000"),
        value: stored("object-000", "second"),
        expected: expected["object-000"].1,
        lease: 0,
    };
    expected.insert("object-000".to_owned(), ("second".to_owned(), write(&store, update).await));
    let handed_over = store.revision().await.unwrap();
    store.close().await;

    // What kube-apiserver sees of it through kine, and what it writes.
    let testbed = Testbed::start().await.unwrap();
    let server = testbed.api_server_with("successor", successor).await.unwrap();
    let objects: Api<ConfigMap> = Api::default_namespaced(server.client());
    let ours = |object: &ConfigMap| object.metadata.name.as_deref().unwrap().starts_with("object-");
    let listed = objects.list(&ListParams::default()).await.unwrap();
    let found: BTreeMap<_, _> = listed.items.iter().filter(|object| ours(object)).map(said).collect();
    assert_eq!(found, expected);

    let created = objects.create(&PostParams::default(), &with_value("object-new", "theirs")).await.unwrap();
    let (name, said_created) = said(&created);
    expected.insert(name, said_created);
    let mut changed = objects.get("object-003").await.unwrap();
    changed.data = with_value("", "theirs").data;
    let (name, said_changed) =
        said(&objects.replace("object-003", &PostParams::default(), &changed).await.unwrap());
    expected.insert(name, said_changed);
    objects.delete("object-004", &DeleteParams::default()).await.unwrap();
    expected.remove("object-004");
    // Both are killed: what kine had acknowledged is in its log.
    drop(server);
    drop(testbed);

    // What this store reads of it.
    let store = datastore.open().await.unwrap();
    let page = store.list(Range::prefix(key("object-"))).await.unwrap();
    let revisions = |entries: &[revision_store::Entry]| -> BTreeMap<String, Revision> {
        entries
            .iter()
            .map(|entry| (entry.key.trim_start_matches(PREFIX).to_owned(), entry.mod_revision))
            .collect()
    };
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(name, (_, revision))| (name, revision)).collect();
    assert_eq!(revisions(&page.entries), expected);
    let theirs = store.get(&key("object-new"), None).await.unwrap().entry.unwrap();
    // k8s.io/apimachinery, `pkg/runtime/serializer/protobuf`.
    assert!(theirs.value.starts_with(b"k8s\0"), "it is kube-apiserver's own form");
    assert_eq!(theirs.create_revision, theirs.mod_revision);

    // Their writes are history like ours: a watch from before goes on over them, and a new write after them.
    let newest = store.revision().await.unwrap();
    let mut watch = store.watch("", handed_over).await.unwrap();
    let mut last = handed_over;
    let mut gone = Vec::new();
    while last < newest {
        let Some(Ok(WatchItem::Event(event))) = watch.next().await else { panic!("the watch ended") };
        // kine may have taken numbers for nothing.
        assert!(event.revision() > last);
        last = event.revision();
        if event.kind == EventKind::Delete && event.entry.key.starts_with(PREFIX) {
            gone.push((event.entry.key, event.entry.value));
        }
    }
    assert_eq!(gone, [(key("object-004"), stored("object-004", "first"))]);
    assert!(store.watch("", compacted - 1).await.is_err(), "what was compacted stays so");
    assert_eq!(create(&store, "object-after", "ours").await, newest + 1);
    store.close().await;
}
