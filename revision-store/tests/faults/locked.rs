//! One file, two processes.

use std::io::{BufRead, BufReader};

use revision_store::{SqliteStore, Store, StoreError};

use crate::{
    again,
    steps::{create, refused, says},
};

#[tokio::test]
async fn a_second_process_is_told_which_one_has_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let mut child = again::start("killed::writes_until_it_is_killed", folder.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !lines.next().expect("it ended by itself").unwrap().starts_with("done") {}

    let error = refused(&path).await;
    assert!(
        matches!(error, StoreError::Locked { process: Some(process), .. } if process == child.id()),
        "{error:?}"
    );
    says(&error, &["data.db", "in use", &child.id().to_string()]);

    child.kill().unwrap();
    child.wait().unwrap();
    SqliteStore::open(&path).await.unwrap().close().await;
}

#[tokio::test]
async fn a_file_is_free_when_its_store_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let first = SqliteStore::open(&path).await.unwrap();
    let watch = first.watch("/", 2).await.unwrap();
    assert!(matches!(refused(&path).await, StoreError::Locked { .. }));
    create(&first, "/a").await.unwrap();
    // Even while a watch is held.
    first.close().await;
    let second = SqliteStore::open(&path).await.unwrap();
    assert!(second.get("/a", None).await.unwrap().entry.is_some());
    second.close().await;
    drop(watch);
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the file and its lock, no log: {left:?}");
}
