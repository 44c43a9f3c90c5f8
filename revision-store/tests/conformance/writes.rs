//! Create, compare-and-swap update, delete.

use std::sync::Arc;

use futures::future::join_all;
use revision_store::{Store, StoreError, Write, WriteError};

use crate::{
    backends::on_every_backend,
    steps::{create, delete, say, try_create, update, value_at},
};

on_every_backend!(
    each_write_has_the_revision_after_the_one_before,
    a_refused_write_takes_no_revision,
    a_key_that_was_deleted_can_be_created_again,
    a_write_knows_what_it_expects,
    what_is_too_large_is_refused,
    bytes_are_kept_as_they_are,
    writers_at_once_take_contiguous_revisions,
    commits_are_counted_by_their_writes,
    a_closed_store_says_so,
);

async fn each_write_has_the_revision_after_the_one_before(store: Arc<dyn Store>) {
    let before = store.revision().await.unwrap();
    assert!(before > 0, "an empty list needs a revision too");
    let created = create(&store, "/a", "1").await;
    let updated = update(&store, "/a", "2", created).await;
    let deleted = delete(&store, "/a", updated).await;
    assert_eq!([created, updated, deleted], [before + 1, before + 2, before + 3]);
    assert_eq!(store.revision().await.unwrap(), deleted);
}

async fn a_refused_write_takes_no_revision(store: Arc<dyn Store>) {
    let created = create(&store, "/a", "1").await;
    assert!(
        matches!(try_create(&store, "/a", "2").await, Err(WriteError::Exists { revision }) if revision == created)
    );
    assert_eq!(create(&store, "/b", "1").await, created + 1);
}

async fn a_key_that_was_deleted_can_be_created_again(store: Arc<dyn Store>) {
    let first = create(&store, "/a", "1").await;
    let deleted = delete(&store, "/a", first).await;
    let second = create(&store, "/a", "2").await;
    let third = update(&store, "/a", "3", second).await;
    let entry = store.get("/a", None).await.unwrap().entry.unwrap();
    assert_eq!((second, third), (deleted + 1, deleted + 2));
    assert_eq!((entry.create_revision, entry.mod_revision), (second, third));
}

async fn a_write_knows_what_it_expects(store: Arc<dyn Store>) {
    let first = create(&store, "/a", "1").await;
    let second = update(&store, "/a", "2", first).await;
    let conflict = |write| async {
        match store.write(write).await {
            Err(WriteError::Conflict { current }) => current.as_ref().map(say),
            other => panic!("{other:?}"),
        }
    };
    let update =
        |key: &str, expected| Write::Update { key: key.into(), value: "3".into(), expected, lease: 0 };
    let now = Some(format!("/a=2@{second}"));
    assert_eq!(conflict(update("/a", first)).await, now);
    assert_eq!(conflict(update("/a", second + 1)).await, now);
    assert_eq!(conflict(Write::Delete { key: "/a".into(), expected: first }).await, now);
    assert_eq!(conflict(update("/b", first)).await, None);
    assert_eq!(conflict(update("/b", 0)).await, None);
    assert_eq!(conflict(Write::Delete { key: "/b".into(), expected: 0 }).await, None);
    let deleted = delete(&store, "/a", second).await;
    assert_eq!(conflict(update("/a", second)).await, None);
    assert_eq!(conflict(update("/a", deleted)).await, None);
    assert_eq!(conflict(Write::Delete { key: "/a".into(), expected: deleted }).await, None);
}

async fn what_is_too_large_is_refused(store: Arc<dyn Store>) {
    let write = |key: usize, value: usize| Write::Create {
        key: "k".repeat(key),
        value: vec![b'v'; value].into(),
        lease: 0,
    };
    store.write(write(630, 1_572_864)).await.unwrap();
    for (write, wrong) in [(write(631, 1), "key"), (write(1, 1_572_865), "value")] {
        assert!(matches!(store.write(write).await, Err(WriteError::TooLarge { part, .. }) if part == wrong));
    }
}

async fn bytes_are_kept_as_they_are(store: Arc<dyn Store>) {
    for (key, value) in [("/empty", vec![]), ("/zero", vec![0]), ("/any", (0..=255).collect())] {
        store.write(Write::Create { key: key.into(), value: value.clone().into(), lease: 0 }).await.unwrap();
        assert_eq!(store.get(key, None).await.unwrap().entry.unwrap().value, value);
    }
}

async fn writers_at_once_take_contiguous_revisions(store: Arc<dyn Store>) {
    let before = store.revision().await.unwrap();
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut taken = Vec::new();
                for i in 0..20 {
                    // All of them try for the same key too, and only one gets it.
                    taken.extend(try_create(&store, &format!("/shared/{i}"), "x").await.ok());
                    taken.push(create(&store, &format!("/own/{writer}/{i}"), "x").await);
                }
                taken
            })
        })
        .collect();
    let mut taken = Vec::new();
    for writer in writers {
        taken.extend(writer.await.unwrap());
    }
    taken.sort_unstable();
    let expected: Vec<_> = (before + 1..=before + 180).collect();
    assert_eq!(taken, expected);
}

async fn commits_are_counted_by_their_writes(store: Arc<dyn Store>) {
    let keys: Vec<_> = (0..8).map(|i| format!("/a/{i}")).collect();
    join_all(keys.iter().map(|key| create(&store, key, ""))).await;
    assert!(try_create(&store, "/a/0", "").await.is_err(), "what is refused is in no commit");
    // In memory there are none.
    if let Some(commits) = store.commits() {
        assert_eq!(commits.writes, 8);
        assert!((1..=8).contains(&commits.total()), "{commits:?}");
    }
}

async fn a_closed_store_says_so(store: Arc<dyn Store>) {
    create(&store, "/a", "1").await;
    store.close().await;
    store.close().await;
    assert!(matches!(try_create(&store, "/b", "1").await, Err(WriteError::Store(StoreError::Closed))));
    assert!(matches!(value_at(&store, "/a", None).await, Err(StoreError::Closed)));
    assert!(matches!(store.watch("/", 1).await, Err(StoreError::Closed)));
    assert!(matches!(store.compact(1).await, Err(StoreError::Closed)));
    assert!(matches!(store.revision().await, Err(StoreError::Closed)));
}
