//! What is read, each in one short transaction.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::{key_range::KeyEnd, table};
use crate::{Entry, Event, Range, Revision, history::Stretch, row::COMPACTED};

/// How much of the history is read at one go: in revisions, events and bytes.
const STRETCH_REVISIONS: u64 = 4096;
const STRETCH_EVENTS: usize = 512;
const STRETCH_BYTES: usize = 1 << 20;

/// One key at a revision.
pub(super) fn get(connection: &mut Connection, key: &str, at: Revision) -> rusqlite::Result<Option<Entry>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, create_revision, lease, value, deleted FROM kine
         WHERE name = ?1 AND id <= ?2 ORDER BY id DESC LIMIT 1",
    )?;
    let found = statement.query_row((key, at), |row| {
        let deleted = row.get::<_, i64>(5)? != 0;
        if deleted { Ok(None) } else { table::entry(row).map(Some) }
    });
    Ok(found.optional()?.flatten().filter(|entry| entry.key != COMPACTED))
}

/// The keys of a range at a revision, and how many there are behind them.
pub(super) fn list(
    connection: &mut Connection,
    range: &Range,
    at: Revision,
) -> rusqlite::Result<(Vec<Entry>, u64)> {
    let transaction = connection.transaction()?;
    let value = if range.keys_only { "NULL" } else { "kine.value" };
    // The newest id of each name comes from an index alone and in the order of names; the rows are then read by id.
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT kine.id, kine.name, create_revision, lease, {value} FROM
            (SELECT max(id) AS id FROM kine
             WHERE name >= ?1 AND name < ?2 AND id <= ?3 AND name != '{COMPACTED}'
             GROUP BY name) AS newest
         CROSS JOIN kine ON kine.id = newest.id
         WHERE deleted = 0 LIMIT ?4",
    ))?;
    let limit = if range.limit == 0 { -1 } else { i64::try_from(range.limit).unwrap_or(-1) };
    let start = start(&range.prefix, range.after.as_deref());
    let bounds = (start, KeyEnd::of_prefix(&range.prefix), at, limit);
    let entries = statement.query_map(bounds, table::entry)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let last = if entries.len() == range.limit { entries.last() } else { None };
    let remaining = match last {
        Some(last) => count(&transaction, &range.prefix, Some(&last.key), at)?,
        None => 0,
    };
    Ok((entries, remaining))
}

/// How many keys start with a prefix at a revision, those behind one of them if so wished.
pub(super) fn count(
    connection: &Connection,
    prefix: &str,
    after: Option<&str>,
    at: Revision,
) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT count(*) FROM
            (SELECT max(id) AS id FROM kine
             WHERE name >= ?1 AND name < ?2 AND id <= ?3 AND name != '{COMPACTED}'
             GROUP BY name) AS newest
         CROSS JOIN kine ON kine.id = newest.id
         WHERE deleted = 0",
    ))?;
    let bounds = (start(prefix, after), KeyEnd::of_prefix(prefix), at);
    statement.query_row(bounds, |row| row.get(0))
}

/// The first text that is in a range: NUL comes before every other character.
fn start(prefix: &str, after: Option<&str>) -> String {
    match after {
        Some(after) if after >= prefix => format!("{after}\0"),
        _ => prefix.to_owned(),
    }
}

/// Events under a prefix with `after < revision <= upto`, as many as are read at one go.
pub(super) fn stretch(
    connection: &Connection,
    prefix: &str,
    after: Revision,
    upto: Revision,
) -> rusqlite::Result<Stretch> {
    let upto = upto.min(after + STRETCH_REVISIONS);
    // The plus keeps SQLite from taking the index of names: the rows are wanted in the order of their ids.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id, name, created, deleted, create_revision, prev_revision, lease, value, old_value FROM kine
         WHERE id > ?1 AND id <= ?2 AND +name >= ?3 AND +name < ?4 AND name != '{COMPACTED}' ORDER BY id",
    ))?;
    let mut rows = statement.query((after, upto, prefix, KeyEnd::of_prefix(prefix)))?;
    let (mut events, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let Some(event) = table::event(row)? else { continue };
        let reached = event.revision();
        bytes += event.weight();
        events.push(Arc::<Event>::new(event));
        if events.len() == STRETCH_EVENTS || bytes >= STRETCH_BYTES {
            return Ok(Stretch { events, reached });
        }
    }
    Ok(Stretch { events, reached: upto })
}

/// Leases in a part of the table.
pub(super) struct Leased {
    /// Key, revision and seconds of each version that had a lease and is still the newest of its key.
    pub(super) found: Vec<(String, Revision, u32)>,
    /// Everything up to here is in `found`.
    pub(super) reached: Revision,
}

/// Leases of rows with `after < id <= upto`, as many as are read at one go.
pub(super) fn leases(
    connection: &mut Connection,
    after: Revision,
    upto: Revision,
) -> rusqlite::Result<Leased> {
    let reached = upto.min(after + STRETCH_REVISIONS);
    let mut statement = connection.prepare_cached(
        "SELECT name, id, lease FROM kine AS leased WHERE id > ?1 AND id <= ?2 AND lease > 0 AND deleted = 0
         AND NOT EXISTS (SELECT 1 FROM kine AS later WHERE later.name = leased.name AND later.id > leased.id)",
    )?;
    let leases = statement.query_map((after, reached), |row| {
        let seconds: i64 = row.get(2)?;
        Ok((row.get(0)?, row.get(1)?, u32::try_from(seconds).unwrap_or(u32::MAX)))
    })?;
    Ok(Leased { found: leases.collect::<rusqlite::Result<_>>()?, reached })
}
