//! The file has kine's table, row by row as kine 0.17 would have written it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use revision_store::{SqliteStore, Store, Write};
use rusqlite::{Connection, types::Value};

const COLUMNS: &str = "id, name, created, deleted, create_revision, prev_revision, lease, value, old_value";

async fn write(store: &SqliteStore, write: Write) -> u64 {
    store.write(write).await.unwrap().revision
}

/// The rows as text: a hyphen is NULL, and a blob is its text in quotes.
fn rows(path: &std::path::Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM kine ORDER BY id")).unwrap();
    let rows = statement.query_map((), |row| {
        let columns = (0..9).map(|column| match row.get(column) {
            Ok(Value::Null) => "-".to_owned(),
            Ok(Value::Integer(number)) => number.to_string(),
            Ok(Value::Text(text)) => text,
            Ok(Value::Blob(bytes)) => format!("{:?}", String::from_utf8(bytes).unwrap()),
            other => panic!("{other:?}"),
        });
        Ok(columns.collect::<Vec<_>>().join(" "))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn rows_are_kines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let key = || "/k".to_owned();
    let a = write(&store, Write::Create { key: key(), value: "a".into(), lease: 60 }).await;
    let b = write(&store, Write::Update { key: key(), value: "b".into(), expected: a, lease: 0 }).await;
    let gone = write(&store, Write::Delete { key: key(), expected: b }).await;
    let c = write(&store, Write::Create { key: key(), value: "c".into(), lease: 0 }).await;
    write(&store, Write::Update { key: key(), value: "d".into(), expected: c, lease: 0 }).await;
    store.close().await;
    assert_eq!(
        rows(&path),
        [
            r#"1 compact_rev_key 1 0 - 0 0 "" -"#,
            r#"2 /registry/health 1 0 - 0 0 "{\"health\":\"true\"}" -"#,
            r#"3 /k 1 0 - 0 60 "a" -"#,
            r#"4 /k 0 0 3 3 0 "b" "a""#,
            r#"5 /k 0 1 3 4 0 - "b""#,
            r#"6 /k 1 0 - 5 0 "c" -"#,
            r#"7 /k 0 0 6 6 0 "d" "c""#,
        ]
    );

    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.compact(gone).await.unwrap(), 5);
    store.close().await;
    assert_eq!(
        rows(&path),
        [
            r#"1 compact_rev_key 1 0 - 5 0 "" -"#,
            r#"2 /registry/health 1 0 - 0 0 "{\"health\":\"true\"}" -"#,
            r#"6 /k 1 0 - 5 0 "c" -"#,
            r#"7 /k 0 0 6 6 0 "d" "c""#,
        ]
    );
}

#[tokio::test]
async fn a_last_row_that_is_a_deletion_goes_with_the_next_compaction() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let created = write(&store, Write::Create { key: "/k".into(), value: "a".into(), lease: 0 }).await;
    let gone = write(&store, Write::Delete { key: "/k".into(), expected: created }).await;
    store.compact(gone).await.unwrap();
    store.close().await;
    // It was kept for this: the next revision is not one that was taken.
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), gone);
    let next = write(&store, Write::Create { key: "/l".into(), value: "a".into(), lease: 0 }).await;
    store.compact(next).await.unwrap();
    store.close().await;
    assert_eq!(rows(&path)[2..], [r#"5 /l 1 0 - 0 0 "a" -"#]);
}

#[tokio::test]
async fn indexes_have_kines_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    let connection = Connection::open(&path).unwrap();
    let mut statement =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY name").unwrap();
    let names: Vec<String> = statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(
        names,
        [
            "kine_id_compact_rev_key_with_prev_revision_index",
            "kine_id_deleted_index",
            "kine_name_id_index",
            "kine_name_index",
            "kine_name_prev_revision_uindex",
            "kine_prev_revision_index",
        ]
    );
}

#[tokio::test]
async fn rows_of_older_kines_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    // Older versions wrote 0 where newer ones leave a creation's own revision out, and filled gaps with deletions.
    let insert = |values: &str| {
        let connection = Connection::open(&path).unwrap();
        connection.execute(&format!("INSERT INTO kine ({COLUMNS}) VALUES ({values})"), ()).unwrap();
    };
    insert("3, '/k', 1, 0, 0, 0, 0, x'61', NULL");
    insert("4, 'gap-4', 0, 1, 0, 0, 0, NULL, NULL");
    insert("5, '/k', 0, 0, 3, 3, 0, x'62', x'61'");
    let store = SqliteStore::open(&path).await.unwrap();
    let then = store.get("/k", Some(4)).await.unwrap().entry.unwrap();
    let now = store.get("/k", None).await.unwrap().entry.unwrap();
    assert_eq!((then.create_revision, now.create_revision, now.mod_revision), (3, 3, 5));
    let mut watch = store.watch("", 2).await.unwrap();
    for revision in [3, 5] {
        let item = futures::StreamExt::next(&mut watch).await.unwrap().unwrap();
        assert!(matches!(item, revision_store::WatchItem::Event(event) if event.revision() == revision));
    }
    store.close().await;
}

#[tokio::test]
async fn what_a_program_wrote_in_spite_of_the_lock_is_told_and_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let mut watch = store.watch("/", 2).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other
        .execute(
            &format!("INSERT INTO kine ({COLUMNS}) VALUES (3, '/other', 1, 0, 0, 0, 0, x'61', NULL)"),
            (),
        )
        .unwrap();
    assert_eq!(write(&store, Write::Create { key: "/own".into(), value: "a".into(), lease: 0 }).await, 4);
    for key in ["/other", "/own"] {
        let item = futures::StreamExt::next(&mut watch).await.unwrap().unwrap();
        assert!(matches!(item, revision_store::WatchItem::Event(event) if event.entry.key == key));
    }
    store.close().await;
}
