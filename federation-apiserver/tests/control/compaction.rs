//! Old revisions go, a round after they are old.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use federation_apiserver::control::compaction::Compaction;
use revision_store::{MemoryStore, Store, StoreError, Write};
use tokio_util::sync::CancellationToken;

#[tokio::test(start_paused = true)]
async fn a_revision_is_kept_for_a_round_and_then_goes() {
    let store = Arc::new(MemoryStore::new());
    let every = Duration::from_secs(300);
    let stop = CancellationToken::new();
    let running = tokio::spawn(Compaction::new(store.clone(), every).run(stop.clone()));
    tokio::time::sleep(every / 2).await;
    let create = Write::Create { key: "/a".into(), value: Bytes::from("1"), lease: 0 };
    let first = store.write(create).await.unwrap().revision;
    let update = Write::Update { key: "/a".into(), value: Bytes::from("2"), expected: first, lease: 0 };
    let second = store.write(update).await.unwrap().revision;

    tokio::time::sleep(every).await;
    assert!(store.get("/a", Some(first)).await.unwrap().entry.is_some());
    tokio::time::sleep(every).await;
    assert!(matches!(store.get("/a", Some(first)).await, Err(StoreError::Compacted { .. })));
    assert!(store.get("/a", Some(second)).await.unwrap().entry.is_some());
    stop.cancel();
    running.await.unwrap();
}
