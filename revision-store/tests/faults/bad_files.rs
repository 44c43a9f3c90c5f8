//! Files that are no sound database, or cannot be written.

use std::{fs, path::Path};

use revision_store::{Range, SqliteStore, Store, StoreError};

use crate::{
    again,
    steps::{create, refused, says},
};

/// A file with some pages of data.
async fn filled(path: &Path) {
    let store = SqliteStore::open(path).await.unwrap();
    for i in 0..50 {
        create(&store, &format!("/{i}")).await.unwrap();
    }
    store.close().await;
}

async fn assert_corrupt(path: &Path, words: &[&str]) {
    let before = fs::read(path).unwrap();
    let error = refused(path).await;
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    says(&error, words);
    assert_eq!(fs::read(path).unwrap(), before, "it has been changed");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    for content in [&b"apiVersion: v1\nkind: Config\n"[..], b"x", &[0; 4096]] {
        fs::write(&path, content).unwrap();
        assert_corrupt(&path, &["data.db", "does not begin as an SQLite file"]).await;
    }
    let mut header = b"SQLite format 3\0".to_vec();
    header.extend([0xff; 5000]);
    fs::write(&path, header).unwrap();
    assert_corrupt(&path, &["data.db"]).await;
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    drop(other);
    let error = refused(&path).await;
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    says(&error, &["another program", "no table kine"]);
}

#[tokio::test]
async fn a_table_without_the_columns_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE kine (id INTEGER, name TEXT)")
        .unwrap();
    says(&refused(&path).await, &["no column created"]);
}

#[tokio::test]
async fn a_file_that_was_cut_short_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    filled(&path).await;
    let whole = fs::read(&path).unwrap();
    for length in [10, 100, 5000, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = refused(&path).await;
        assert!(matches!(error, StoreError::Corrupt { .. }), "{length}: {error:?}");
    }
    fs::write(&path, &whole).unwrap();
    SqliteStore::open(&path).await.unwrap().close().await;
}

#[tokio::test]
async fn damage_inside_is_an_error_and_no_wrong_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    filled(&path).await;
    let mut bytes = fs::read(&path).unwrap();
    // All pages but the first: the header is whole and nothing else is.
    bytes[4096..].fill(0xaa);
    fs::write(&path, &bytes).unwrap();
    let read = async { SqliteStore::open(&path).await?.list(Range::prefix("/")).await };
    assert!(matches!(read.await, Err(StoreError::Corrupt { .. })));
}

#[tokio::test]
async fn an_empty_file_is_filled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    fs::write(&path, "").unwrap();
    filled(&path).await;
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/data.db");
    says(&refused(&path).await, &["missing/data.db"]);
}

#[test]
fn a_file_that_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let test = "bad_files::opens_where_nothing_can_be_written";
    if !again::on_a_small_disk(test, folder.path(), 4, "mount -o remount,ro tmpfs \"$1\"") {
        eprintln!("skipped: this system lets a test have no mounts of its own");
    }
}

#[tokio::test]
#[ignore = "runs on a disk of its own"]
async fn opens_where_nothing_can_be_written() {
    let Some(folder) = again::folder() else { return };
    let error = refused(&folder.join("data.db")).await;
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
    says(&error, &["data.db", "cannot be written", "writable"]);
}
