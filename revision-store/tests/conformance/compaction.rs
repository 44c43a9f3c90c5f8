//! What compaction takes away, and what it leaves.

use std::sync::Arc;

use revision_store::{Store, StoreError};

use crate::{
    backends::on_every_backend,
    steps::{create, delete, list_at, next, next_event, update, value_at},
};

on_every_backend!(
    the_past_is_gone_and_the_rest_is_not,
    compacting_again_changes_nothing,
    the_newest_revision_is_never_taken_twice,
    a_reader_that_stopped_too_long_is_told,
);

async fn the_past_is_gone_and_the_rest_is_not(store: Arc<dyn Store>) {
    let a1 = create(&store, "/c/a", "1").await;
    let b1 = create(&store, "/c/b", "1").await;
    let a2 = update(&store, "/c/a", "2", a1).await;
    let b2 = delete(&store, "/c/b", b1).await;
    let a3 = update(&store, "/c/a", "3", a2).await;
    assert_eq!(store.compact(b2).await.unwrap(), b2);

    let gone = |error: StoreError| matches!(error, StoreError::Compacted { oldest } if oldest == b2);
    assert!(gone(value_at(&store, "/c/a", Some(a2)).await.unwrap_err()));
    assert!(gone(list_at(&store, "/c/", Some(a2)).await.unwrap_err()));
    assert!(gone(store.watch("/c/", a2).await.unwrap_err()));

    assert_eq!(list_at(&store, "/c/", Some(b2)).await.unwrap(), [format!("/c/a=2@{a2}")]);
    assert_eq!(list_at(&store, "/c/", None).await.unwrap(), [format!("/c/a=3@{a3}")]);
    let mut watch = store.watch("/c/", b2).await.unwrap();
    let event = next_event(&mut watch).await;
    assert_eq!((event.revision(), event.previous.unwrap().value), (a3, "2".into()));
    // A key that is gone can come back.
    assert_eq!(create(&store, "/c/b", "2").await, a3 + 1);
}

async fn compacting_again_changes_nothing(store: Arc<dyn Store>) {
    let a1 = create(&store, "/c/a", "1").await;
    let a2 = update(&store, "/c/a", "2", a1).await;
    assert_eq!(store.compact(a2).await.unwrap(), a2);
    assert_eq!(store.compact(a1).await.unwrap(), a2);
    assert_eq!(store.compact(a2).await.unwrap(), a2);
    assert_eq!(value_at(&store, "/c/a", Some(a2)).await.unwrap().as_deref(), Some("2"));
}

async fn the_newest_revision_is_never_taken_twice(store: Arc<dyn Store>) {
    let created = create(&store, "/c/a", "1").await;
    let deleted = delete(&store, "/c/a", created).await;
    store.compact(deleted).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), deleted);
    assert_eq!(value_at(&store, "/c/a", None).await.unwrap(), None);
    let again = create(&store, "/c/a", "2").await;
    assert_eq!(again, deleted + 1);
    store.compact(again).await.unwrap();
    assert_eq!(list_at(&store, "/c/", None).await.unwrap(), [format!("/c/a=2@{again}")]);
}

async fn a_reader_that_stopped_too_long_is_told(store: Arc<dyn Store>) {
    let start = create(&store, "/c/a", "").await;
    let mut watch = store.watch("/c/", start).await.unwrap();
    let mut last = start;
    // Past the watch's buffer and past the recent events.
    for i in 0..5000 {
        last = update(&store, "/c/a", &i.to_string(), last).await;
    }
    store.compact(last - 10).await.unwrap();
    assert!(matches!(next(&mut watch).await, Some(Err(StoreError::Compacted { .. }))));
    assert!(next(&mut watch).await.is_none());
}
