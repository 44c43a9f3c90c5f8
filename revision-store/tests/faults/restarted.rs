//! Leases over a restart.

use futures::StreamExt;
use revision_store::{EventKind, SqliteStore, Store, WatchItem, Write};

#[tokio::test]
async fn a_lease_counts_again_from_the_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let create = |key: &str, lease| Write::Create { key: key.to_owned(), value: "x".into(), lease };
    store.write(create("/short", 1)).await.unwrap();
    store.write(create("/long", 3600)).await.unwrap();
    let leased = store.write(create("/freed", 1)).await.unwrap().revision;
    let freed = Write::Update { key: "/freed".into(), value: "y".into(), expected: leased, lease: 0 };
    let last = store.write(freed).await.unwrap().revision;
    store.close().await;

    let store = SqliteStore::open(&path).await.unwrap();
    let mut watch = store.watch("/", last).await.unwrap();
    let Some(Ok(WatchItem::Event(event))) = watch.next().await else { panic!("the watch ended") };
    assert_eq!((event.kind, event.entry.key.as_str()), (EventKind::Delete, "/short"));
    for key in ["/long", "/freed"] {
        assert!(store.get(key, None).await.unwrap().entry.is_some(), "{key}");
    }
    store.close().await;
}
