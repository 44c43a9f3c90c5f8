//! No space left.

use std::{fs, path::Path};

use revision_store::{Range, SqliteOptions, SqliteStore, Store, StoreError, WriteError};

use crate::{
    again,
    steps::{create, says},
};

/// Writes until there is no space. The keys that were acknowledged.
async fn fill(store: &SqliteStore, name: &str) -> Vec<String> {
    let mut done = Vec::new();
    loop {
        let key = format!("/{name}/{:05}", done.len());
        match create(store, &key).await {
            Ok(_) => done.push(key),
            Err(WriteError::Store(error @ StoreError::Full { .. })) => {
                says(&error, &["no space left", "data.db", "free some"]);
                return done;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Exactly these keys, and the revisions of one write each.
async fn assert_holds(store: &SqliteStore, keys: &[String]) {
    let page = store.list(Range::prefix("/")).await.unwrap();
    let found: Vec<_> =
        page.entries.into_iter().map(|entry| entry.key).filter(|key| key != "/registry/health").collect();
    assert_eq!(found, keys);
    assert_eq!(store.revision().await.unwrap(), 2 + keys.len() as u64);
}

#[tokio::test]
async fn a_file_at_its_limit_refuses_and_goes_on_when_it_may_grow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let options = SqliteOptions { max_bytes: Some(1 << 20), ..SqliteOptions::default() };
    let store = SqliteStore::open_with(&path, options).await.unwrap();
    let keys = fill(&store, "a").await;
    assert!(keys.len() > 100);
    assert_holds(&store, &keys).await;
    assert!(create(&store, "/again").await.is_err());
    store.close().await;
    assert!(path.metadata().unwrap().len() <= 1 << 20);

    let store = SqliteStore::open(&path).await.unwrap();
    assert_holds(&store, &keys).await;
    create(&store, "/now").await.unwrap();
    store.close().await;
}

#[test]
fn a_full_disk_loses_nothing_and_the_store_goes_on_when_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    if !again::on_a_small_disk("full::fills_its_disk", folder.path(), 4, "true") {
        eprintln!("skipped: this system lets a test have no mounts of its own");
    }
}

#[tokio::test]
#[ignore = "runs on a disk of its own"]
async fn fills_its_disk() {
    let Some(folder) = again::folder() else { return };
    let (path, ballast) = (folder.join("data.db"), folder.join("ballast"));
    fs::write(&ballast, vec![0; 2 << 20]).unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut keys = fill(&store, "a").await;
    assert!(keys.len() > 50, "{}", keys.len());
    assert_holds(&store, &keys).await;

    // The same store, without a restart.
    fs::remove_file(&ballast).unwrap();
    keys.extend(fill(&store, "b").await);
    assert!(keys.iter().any(|key| key.starts_with("/b/")));
    assert_holds(&store, &keys).await;
    end_and_look(store, &path, &keys).await;
}

async fn end_and_look(store: SqliteStore, path: &Path, keys: &[String]) {
    store.close().await;
    let store = SqliteStore::open(path).await.unwrap();
    assert_holds(&store, keys).await;
    store.close().await;
}
