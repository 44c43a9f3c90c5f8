//! What a check of a table finds: nothing in one that a store made, and each kind of fault that is planted.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use futures::TryStreamExt as _;
use proptest::prelude::*;
use revision_store::{Check, Datastore, Finding, Row, SqliteStore, Store, Write};

fn findings(rows: &[Row]) -> Vec<Finding> {
    let mut check = Check::default();
    rows.iter().for_each(|row| check.row(row));
    check.finish().findings
}

/// `(key, created, deleted)` of rows 2 and on, with everything else as it has to be.
fn table(writes: &[(&str, bool, bool)], compacted: u64) -> Vec<Row> {
    let row = |id, name: &str, created, deleted| Row {
        id,
        name: name.to_owned(),
        created,
        deleted,
        create_revision: None,
        prev_revision: Some(0),
        lease: Some(0),
        value: (!deleted).then(|| id.to_string().into()),
        old_value: None,
    };
    let mut rows = vec![Row { prev_revision: Some(compacted), ..row(1, "compact_rev_key", true, false) }];
    for (id, (name, created, deleted)) in (2..).zip(writes) {
        let mut row = row(id, name, *created, *deleted);
        if let Some(before) = rows.iter().rev().find(|before| before.name == *name) {
            row.prev_revision = Some(before.id);
            if !created {
                row.create_revision = Some(before.create_revision.unwrap_or(before.id));
                row.old_value.clone_from(&before.value);
            }
        }
        rows.push(row);
    }
    rows
}

const WRITES: [(&str, bool, bool); 6] = [
    ("/a", true, false),
    ("/b", true, false),
    ("/a", false, false),
    ("/a", false, true),
    ("/b", false, false),
    ("/a", true, false),
];

fn sound() -> Vec<Row> {
    table(&WRITES, 0)
}

fn planted(plant: impl FnOnce(&mut Vec<Row>)) -> Vec<Finding> {
    let mut rows = sound();
    plant(&mut rows);
    findings(&rows)
}

#[test]
fn a_sound_table_has_no_finding() {
    assert_eq!(findings(&sound()), []);
}

#[test]
fn what_was_compacted_may_be_missing_and_nothing_else() {
    let without = |gone: &[u64], compacted| {
        let mut rows = table(&WRITES, compacted);
        rows.retain(|row| !gone.contains(&row.id));
        findings(&rows)
    };
    assert_eq!(without(&[2, 4, 5], 5), []);
    let key = || "/a".to_owned();
    assert_eq!(
        without(&[2, 4, 5], 4),
        [Finding::Missing { first: 5, last: 5 }, Finding::NoBefore { revision: 7, key: key(), before: 5 }]
    );
    // The newest row stays whatever is compacted.
    assert_eq!(without(&[2], 9), [Finding::CompactedAhead { compacted: 9, newest: 7 }]);
    assert_eq!(
        planted(|rows| drop(rows.remove(0))),
        [Finding::NoCompacted, Finding::Missing { first: 1, last: 1 }]
    );
}

#[test]
fn gaps_that_kine_filled_are_none() {
    let filled = planted(|rows| {
        let gap = Row { id: 8, name: "gap-8".into(), deleted: true, value: None, ..rows[1].clone() };
        rows.push(gap);
    });
    assert_eq!(filled, []);
}

#[test]
fn each_kind_of_fault_is_found() {
    let (a, b) = (|| "/a".to_owned(), || "/b".to_owned());
    let cases: [(fn(&mut Vec<Row>), Finding); 8] = [
        (|rows| rows.swap(5, 6), Finding::OutOfOrder { revision: 6, after: 7 }),
        (|rows| rows.push(Row { id: 8, ..rows[0].clone() }), Finding::CompactedTwice { revision: 8 }),
        (
            |rows| rows[3].prev_revision = Some(1),
            Finding::FalseBefore { revision: 4, key: a(), before: 1, actual: 2 },
        ),
        (|rows| rows[5].created = true, Finding::CreatedTwice { revision: 6, key: b() }),
        (|rows| rows[6].created = false, Finding::NeverCreated { revision: 7, key: a() }),
        (|rows| rows[1].created = false, Finding::NeverCreated { revision: 2, key: a() }),
        (
            |rows| rows[3].create_revision = Some(3),
            Finding::FalseCreation { revision: 4, key: a(), noted: 3, actual: 2 },
        ),
        (
            |rows| rows[5].old_value = Some("x".into()),
            Finding::FalseOldValue { revision: 6, key: b(), before: 3 },
        ),
    ];
    for (plant, finding) in cases {
        let found = planted(plant);
        assert!(found.contains(&finding), "{finding:?} is not in {found:?}");
    }
}

proptest! {
    #[test]
    fn a_row_that_is_taken_away_is_missed(place in 0usize..6) {
        prop_assert!(!planted(|rows| drop(rows.remove(place))).is_empty());
    }
}

#[tokio::test]
async fn a_table_that_a_store_made_and_compacted_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let value = |number: u64| bytes::Bytes::from(number.to_string());
    let mut newest = 0;
    for round in 0..200 {
        let key = format!("/{}", round % 7);
        let write = match store.get(&key, None).await.unwrap().entry {
            None => Write::Create { key, value: value(round), lease: 0 },
            Some(entry) if round % 3 == 0 => Write::Delete { key, expected: entry.mod_revision },
            Some(entry) => Write::Update { key, value: value(round), expected: entry.mod_revision, lease: 0 },
        };
        newest = store.write(write).await.unwrap().revision;
        if round == 150 {
            store.compact(newest - 20).await.unwrap();
        }
    }
    let keys = store.count("/").await.unwrap();
    // It can be read while it is in use.
    let mut check = Check::default();
    let mut rows = Datastore::Sqlite(path).rows();
    while let Some(page) = rows.try_next().await.unwrap() {
        page.iter().for_each(|row| check.row(row));
    }
    let checked = check.finish();
    assert_eq!(checked.findings, []);
    assert_eq!((checked.newest, checked.keys), (newest, keys));
    store.close().await;
}
