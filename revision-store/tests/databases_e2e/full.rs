//! A database whose disk is full.

use std::{fs, io::ErrorKind, path::Path, sync::Arc};

use revision_store::{Datastore, Revision, Store, StoreError, WriteError};
use testbed::{Database, DatabaseKind};

use crate::{
    again,
    steps::{create, next_event, try_create},
};

/// What a database needs for itself, and some for the data.
const DISK: u32 = 224;

#[test]
fn a_full_disk_is_told_loses_nothing_and_the_store_goes_on_when_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    // Where the server is, it must be found before: there is no space for that.
    DatabaseKind::MariaDb.path().unwrap();
    if !again::on_a_small_disk(
        "full::fills_the_disk_of_its_database",
        folder.path(),
        DISK,
        "export TMPDIR=\"$1\"",
    ) {
        eprintln!("skipped: this system lets a test have no mounts of its own");
    }
}

/// Leaves so many bytes of a file system free; the file that takes the others.
fn fill_disk(folder: &Path, free: usize) {
    let ballast = folder.join("ballast");
    let mut size = 0;
    let step = 64 << 10;
    let mut file = fs::File::create(&ballast).unwrap();
    loop {
        match std::io::Write::write_all(&mut file, &vec![1; step]) {
            Ok(()) => size += step,
            Err(error) if error.kind() == ErrorKind::StorageFull => break,
            Err(error) => panic!("{error}"),
        }
    }
    file.set_len((size - free) as u64).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs on a disk of its own"]
async fn fills_the_disk_of_its_database() {
    let Some(folder) = again::folder() else { return };
    let server = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let datastore = Datastore::parse(&server.url("fedd")).unwrap();
    let store = datastore.open().await.unwrap();
    let first = create(&store, "/f/first", "").await;
    let mut watch = store.watch("/f/", first).await.unwrap();
    fill_disk(&folder, 1 << 20);

    let mut done = vec![(first, "/f/first".to_owned())];
    let error = fill(&store, &mut done, 2000).await;
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("no space left"), "{error}");
    assert!(done.len() > 5);
    // It is still so, and what is there can be read.
    let again = try_create(&store, "/f/again", &"x".repeat(4000)).await;
    assert!(matches!(again, Err(WriteError::Store(StoreError::Full { .. }))), "{again:?}");
    holds(&store, &done).await;

    // The same store and the same watch go on, without a restart.
    fs::remove_file(folder.join("ballast")).unwrap();
    write(&store, &mut done, 100_000).await.unwrap();
    holds(&store, &done).await;

    // MariaDB ends itself where the space does not even suffice to take a large value back. Nothing was done then,
    // though the store may not know that; with space and a start it goes on.
    fill_disk(&folder, 4 << 20);
    let error = fill(&store, &mut done, 100_000).await;
    println!("{} writes, then: {error}", done.len());
    let told = |error: &StoreError| {
        matches!(error, StoreError::Full { .. } | StoreError::Unknown { .. } | StoreError::Unavailable { .. })
    };
    assert!(told(&error), "{error:?}");
    fs::remove_file(folder.join("ballast")).unwrap();
    server.start_again().await.unwrap();
    write(&store, &mut done, 100_000).await.unwrap();
    holds(&store, &done).await;
    for (revision, key) in &done[1..] {
        let event = next_event(&mut watch).await;
        assert_eq!((event.revision(), event.entry.key), (*revision, key.clone()));
    }
    // So does a store that is opened on it now.
    holds(&datastore.open().await.unwrap(), &done).await;
}

/// Creates the next key with a value of so many bytes.
async fn write(
    store: &Arc<dyn Store>,
    done: &mut Vec<(Revision, String)>,
    bytes: usize,
) -> Result<(), WriteError> {
    let key = format!("/f/{:05}", done.len());
    let revision = try_create(store, &key, &"x".repeat(bytes)).await?;
    done.push((revision, key));
    Ok(())
}

/// Writes until it is refused.
async fn fill(store: &Arc<dyn Store>, done: &mut Vec<(Revision, String)>, bytes: usize) -> StoreError {
    loop {
        match write(store, done, bytes).await {
            Ok(()) => {}
            Err(WriteError::Store(error)) => return error,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Every acknowledged write, at revisions that follow each other.
async fn holds(store: &Arc<dyn Store>, done: &[(Revision, String)]) {
    for ((revision, key), expected) in done.iter().zip(done[0].0..) {
        assert_eq!(*revision, expected, "{key}");
        let entry = store.get(key, None).await.unwrap().entry.expect("a write is lost");
        assert_eq!(entry.mod_revision, *revision, "{key}");
    }
    let newest = done.last().map(|(revision, _)| *revision);
    assert_eq!(Some(store.revision().await.unwrap()), newest);
}
