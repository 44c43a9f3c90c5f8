//! kine's table, and what its rows mean.
//!
//! One row is one version of one key; it is never changed. The row's id is the revision. A creation has `created` = 1
//! and no `create_revision` (it is the row's own), a deletion `deleted` = 1 and no value. `prev_revision` is the id of
//! the row before of the same key, deletions included, or 0, and `old_value` is what that row had, unless it was a
//! deletion. As in kine 0.17 (`pkg/drivers/sqlite`, `pkg/drivers/generic`).

use bytes::Bytes;
use rusqlite::{Row, types::ValueRef};

use crate::{Entry, Event, EventKind, Revision};

/// The table and its indexes. kine makes what it finds missing, under these names.
pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS kine (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT,
        created INTEGER,
        deleted INTEGER,
        create_revision INTEGER,
        prev_revision INTEGER,
        lease INTEGER,
        value BLOB,
        old_value BLOB
    );
    CREATE INDEX IF NOT EXISTS kine_name_index ON kine (name);
    CREATE INDEX IF NOT EXISTS kine_name_id_index ON kine (name, id);
    CREATE INDEX IF NOT EXISTS kine_id_deleted_index ON kine (id, deleted);
    CREATE INDEX IF NOT EXISTS kine_prev_revision_index ON kine (prev_revision);
    CREATE UNIQUE INDEX IF NOT EXISTS kine_name_prev_revision_uindex ON kine (name, prev_revision);
    CREATE INDEX IF NOT EXISTS kine_id_compact_rev_key_with_prev_revision_index ON kine (id, name, prev_revision)
        WHERE name != 'compact_rev_key' AND prev_revision != 0;
";

/// The columns, in order.
pub(super) const COLUMNS: [&str; 9] =
    ["id", "name", "created", "deleted", "create_revision", "prev_revision", "lease", "value", "old_value"];

/// The key that kine keeps the compacted revision under, in its row's `prev_revision`. It is no user's key.
pub(super) const COMPACTED: &str = "compact_rev_key";

/// The key that etcd's and kube-apiserver's health checks read, and its value.
pub(super) const HEALTH: (&str, &str) = ("/registry/health", r#"{"health":"true"}"#);

/// One row, for inserting.
pub(super) const INSERT: &str = "
    INSERT INTO kine (id, name, created, deleted, create_revision, prev_revision, lease, value, old_value)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// Reads `id, name, create_revision, lease, value` as an entry.
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let id = row.get(0)?;
    Ok(Entry {
        key: row.get(1)?,
        value: bytes(row, 4)?,
        create_revision: create_revision(row, 2, id)?,
        mod_revision: id,
        lease: lease(row, 3)?,
    })
}

/// Reads all [`COLUMNS`] as an event; `None` of a row that is none (kine fills gaps with deletions of nothing).
pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<Option<Event>> {
    let (id, key): (Revision, String) = (row.get(0)?, row.get(1)?);
    let (created, deleted) = (flag(row, 2)?, flag(row, 3)?);
    let before: Revision = row.get::<_, Option<_>>(5)?.unwrap_or_default();
    if deleted && before == 0 {
        return Ok(None);
    }
    let create_revision = create_revision(row, 4, id)?;
    let previous = if created {
        None
    } else {
        let value = bytes(row, 8)?;
        Some(Entry { key: key.clone(), value, create_revision, mod_revision: before, lease: 0 })
    };
    let value = match &previous {
        Some(previous) if deleted => previous.value.clone(),
        _ => bytes(row, 7)?,
    };
    Ok(Some(Event {
        kind: if deleted { EventKind::Delete } else { EventKind::Put },
        entry: Entry { key, value, create_revision, mod_revision: id, lease: lease(row, 6)? },
        previous,
    }))
}

/// The revision of creation: kine has left it out, or 0, in the row of the creation itself.
fn create_revision(row: &Row<'_>, column: usize, id: Revision) -> rusqlite::Result<Revision> {
    let noted = row.get::<_, Option<Revision>>(column)?;
    Ok(noted.filter(|noted| *noted != 0).unwrap_or(id))
}

fn flag(row: &Row<'_>, column: usize) -> rusqlite::Result<bool> {
    Ok(row.get::<_, Option<i64>>(column)?.unwrap_or_default() != 0)
}

fn lease(row: &Row<'_>, column: usize) -> rusqlite::Result<u32> {
    let seconds = row.get::<_, Option<i64>>(column)?.unwrap_or_default();
    Ok(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
}

fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Bytes> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(Bytes::new()),
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => Ok(Bytes::copy_from_slice(bytes)),
        other => Err(rusqlite::Error::InvalidColumnType(column, "value".to_owned(), other.data_type())),
    }
}
