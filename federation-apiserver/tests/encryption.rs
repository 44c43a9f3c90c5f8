//! Encryption at rest over a store in memory.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use federation_apiserver::builtin::Profile;
use federation_apiserver::encryption::{EncryptedStore, Encryption, EncryptionConfiguration};
use futures::StreamExt as _;
use revision_store::{MemoryStore, Range, Store, StoreError, WatchItem, Write, WriteError};
use serde_json::{Value, json};

fn configuration(providers: &Value) -> EncryptionConfiguration {
    let content = json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets", "*.example.com"], "providers": providers}]});
    EncryptionConfiguration::read(content).unwrap()
}

fn key(name: &str, byte: &str) -> Value {
    json!({"name": name, "secret": byte.repeat(43) + "="})
}

const SECRET: &str = "/registry/secrets/default/a";

async fn create(store: &dyn Store, key: &str, value: &'static str) {
    store.write(Write::Create { key: key.into(), value: value.into(), lease: 0 }).await.unwrap();
}

async fn raw(store: &MemoryStore, key: &str) -> Bytes {
    store.get(key, None).await.unwrap().entry.unwrap().value
}

#[tokio::test]
async fn every_way_to_read_decrypts_and_only_what_is_configured_is_encrypted() {
    let inner = MemoryStore::new();
    let gcm = json!([{"aesgcm": {"keys": [key("k1", "A")]}}, {"identity": {}}]);
    let encryption = Arc::new(Encryption::new(&configuration(&gcm), Profile::Federation));
    create(&inner, SECRET, "planted before").await;
    let store = EncryptedStore::new(Arc::new(inner.clone()), encryption);
    let mut watch = store.watch("/registry/", 1).await.unwrap();

    let update =
        |expected| Write::Update { key: SECRET.into(), value: "planted 2".into(), expected, lease: 0 };
    store.write(update(2)).await.unwrap();
    create(&store, "/registry/example.com/widgets/a/b", "planted 3").await;
    create(&store, "/registry/configmaps/a/b", "planted 4").await;
    assert!(raw(&inner, SECRET).await.starts_with(b"k8s:enc:aesgcm:v1:k1:"));
    assert!(raw(&inner, "/registry/example.com/widgets/a/b").await.starts_with(b"k8s:enc:aesgcm:v1:k1:"));
    assert_eq!(raw(&inner, "/registry/configmaps/a/b").await, "planted 4");

    let Err(WriteError::Conflict { current: Some(current) }) = store.write(update(2)).await else {
        panic!("no conflict")
    };
    assert_eq!(current.value, "planted 2");
    assert_eq!(store.get(SECRET, Some(2)).await.unwrap().entry.unwrap().value, "planted before");
    let page = store.list(Range::prefix("/registry/")).await.unwrap();
    let values: Vec<_> = page.entries.iter().map(|entry| &entry.value[..]).collect();
    assert_eq!(values, [b"planted 4", b"planted 3", b"planted 2"]);
    store.write(Write::Delete { key: SECRET.into(), expected: 3 }).await.unwrap();

    let mut told = Vec::new();
    while told.len() < 5 {
        if let Some(Ok(WatchItem::Event(event))) = watch.next().await {
            assert!(watch.position() >= event.revision());
            told.push((event.entry.value, event.previous.map(|previous| previous.value)));
        }
    }
    let some = |text: &'static str| Some(Bytes::from(text));
    assert_eq!(told[1], (Bytes::from("planted 2"), some("planted before")));
    assert_eq!(told[4], (Bytes::from("planted 2"), some("planted 2")));
}

#[tokio::test]
async fn keys_are_changed_by_a_new_configuration_and_a_rewrite() {
    let inner = MemoryStore::new();
    let providers = |keys: Value| configuration(&json!([{"secretbox": {"keys": keys}}]));
    let encryption = Arc::new(Encryption::new(&providers(json!([key("k1", "A")])), Profile::Federation));
    let store = EncryptedStore::new(Arc::new(inner.clone()), Arc::clone(&encryption));
    create(&store, SECRET, "planted").await;

    encryption.replace(&providers(json!([key("k2", "B"), key("k1", "A")])));
    assert_eq!(store.get(SECRET, None).await.unwrap().entry.unwrap().value, "planted");
    let done = store.rewrite_stale().await.unwrap();
    assert_eq!((done.examined, done.rewritten), (1, 1));
    assert_eq!(store.rewrite_stale().await.unwrap().rewritten, 0);

    encryption.replace(&providers(json!([key("k2", "B")])));
    assert_eq!(store.get(SECRET, None).await.unwrap().entry.unwrap().value, "planted");
    assert!(raw(&inner, SECRET).await.starts_with(b"k8s:enc:secretbox:v1:k2:"));

    // Without its key it is told which one is missing, and nothing of the value.
    encryption.replace(&providers(json!([key("k3", "C")])));
    let error = store.get(SECRET, None).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreadable { .. }));
    assert!(
        error.to_string().contains("k8s:enc:secretbox:v1:k2") && !error.to_string().contains("planted"),
        "{error}"
    );
    // A watch that meets it ends with the same.
    let mut watch = store.watch("/registry/", 0).await.unwrap();
    assert!(matches!(watch.next().await, Some(Err(StoreError::Unreadable { .. }))));
    assert!(watch.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_is_away_stops_what_needs_it_and_nothing_else() {
    let kms = json!([{"kms": {"apiVersion": "v2", "name": "vault", "endpoint": "unix:///nowhere/kms.sock", "timeout": "1s"}}]);
    let encryption = Arc::new(Encryption::new(&configuration(&kms), Profile::Federation));
    let store = EncryptedStore::new(Arc::new(MemoryStore::new()), Arc::clone(&encryption));
    create(&store, "/registry/configmaps/a/b", "x").await;
    let write = Write::Create { key: SECRET.into(), value: "planted".into(), lease: 0 };
    let error = tokio::time::timeout(Duration::from_secs(5), store.write(write)).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("KMS provider vault away"), "{error}");
    assert!(!encryption.health()[0].is_well());
    assert_eq!(store.list(Range::prefix("/registry/")).await.unwrap().entries.len(), 1);
}
