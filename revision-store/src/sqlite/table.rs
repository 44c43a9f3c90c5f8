//! kine's table in SQLite.

use bytes::Bytes;
use rusqlite::{Row, Transaction, types::ValueRef};

use crate::{
    Entry, Event, Revision,
    row::{self, EntryRow},
};

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

/// One row, for inserting.
pub(super) const INSERT: &str = "
    INSERT INTO kine (id, name, created, deleted, create_revision, prev_revision, lease, value, old_value)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// Inserts a whole row.
pub(super) fn insert(transaction: &Transaction<'_>, row: &row::Row) -> rusqlite::Result<()> {
    let columns = (
        row.id,
        &row.name,
        row.created,
        row.deleted,
        row.create_revision,
        row.prev_revision,
        row.lease,
        row.value.as_deref(),
        row.old_value.as_deref(),
    );
    transaction.prepare_cached(INSERT)?.execute(columns).map(drop)
}

/// Reads `id, name, create_revision, lease, value` as an entry.
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let value = bytes(row, 4)?.unwrap_or_default();
    let (id, name, create_revision, lease) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
    Ok(EntryRow { id, name, create_revision, lease, value }.entry())
}

/// Reads all columns as an event; `None` of a row that tells nothing.
pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<Option<Event>> {
    Ok(self::row(row)?.event())
}

/// Reads all columns.
pub(super) fn row(row: &Row<'_>) -> rusqlite::Result<row::Row> {
    Ok(row::Row {
        id: row.get(0)?,
        name: row.get(1)?,
        created: flag(row, 2)?,
        deleted: flag(row, 3)?,
        create_revision: row.get::<_, Option<Revision>>(4)?,
        prev_revision: row.get(5)?,
        lease: row.get(6)?,
        value: bytes(row, 7)?,
        old_value: bytes(row, 8)?,
    })
}

fn flag(row: &Row<'_>, column: usize) -> rusqlite::Result<bool> {
    Ok(row.get::<_, Option<i64>>(column)?.unwrap_or_default() != 0)
}

fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Bytes>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => Ok(Some(Bytes::copy_from_slice(bytes))),
        other => Err(rusqlite::Error::InvalidColumnType(column, "value".to_owned(), other.data_type())),
    }
}
