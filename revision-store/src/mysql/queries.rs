//! What is read, each by one statement, which sees one moment of the table.
//!
//! Each also says how far the table is at that moment: its newest revision and the one it is compacted to. So an answer
//! can be judged although other replicas write and compact.

use std::sync::Arc;

use mysql_async::{Conn, Result, Value, prelude::Queryable};

use super::{
    latest::BY_ID,
    table::{Columns, bound, entry_columns},
};
use crate::{
    Entry, Event, Range, Revision,
    prefix::end_of_prefix,
    row::{COLUMNS, COMPACTED},
};

/// How much of the history is read at one go, in events and bytes.
const STRETCH_EVENTS: usize = 512;
const STRETCH_BYTES: usize = 1 << 20;

/// How far the table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) newest: Revision,
    /// The oldest revision that can be read.
    pub(super) oldest: Revision,
}

/// The extent, as two columns. They depend on no row, and are read from the ends of indexes.
pub(super) fn extent() -> String {
    format!(
        "(SELECT MAX(id) FROM kine) AS newest, \
         (SELECT MAX(prev_revision) FROM kine WHERE name = '{COMPACTED}') AS oldest"
    )
}

pub(super) fn extent_of(columns: &mut Columns) -> Result<Extent> {
    let newest = columns.number()?.unwrap_or_default();
    Ok(Extent { newest, oldest: columns.number()?.unwrap_or_default() })
}

/// How far the table is.
pub(super) async fn newest(connection: &mut Conn) -> Result<Extent> {
    let found: Option<Columns> = connection.query_first(format!("SELECT {}", extent())).await?;
    found.map_or(Ok(Extent { newest: 0, oldest: 0 }), |mut columns| extent_of(&mut columns))
}

/// The keys of a range, now or at a revision.
pub(super) async fn list(connection: &mut Conn, range: &Range) -> Result<(Vec<Entry>, Extent)> {
    if let Some(found) = list_some(connection, range).await? {
        return Ok(found);
    }
    // No row told how far the table was. Without a revision to read at, it is read at the newest of a moment before.
    let before = newest(connection).await?;
    if range.at.is_some() {
        return Ok((Vec::new(), before));
    }
    let range = Range { at: Some(before.newest), ..range.clone() };
    let (entries, after) = match list_some(connection, &range).await? {
        Some(found) => found,
        None => (Vec::new(), newest(connection).await?),
    };
    Ok((entries, Extent { newest: before.newest, ..after }))
}

/// The keys of a range, if there are any.
async fn list_some(connection: &mut Conn, range: &Range) -> Result<Option<(Vec<Entry>, Extent)>> {
    let (names, parameters) = names(&range.prefix, range.after.as_deref(), range.at);
    let value = if range.keys_only { "NULL" } else { "kine.value" };
    let limit = if range.limit == 0 { String::new() } else { format!("LIMIT {}", range.limit) };
    // The newest id of each name comes from an index alone; the rows are then read by id, in the order of names.
    let query = format!(
        "SELECT {BY_ID} {}, {} FROM ({names}) AS latest STRAIGHT_JOIN kine ON kine.id = latest.id \
         WHERE kine.deleted = 0 ORDER BY latest.name {limit}",
        extent(),
        entry_columns("kine", value),
    );
    let rows: Vec<Columns> = connection.query(bound(&query, &parameters)).await?;
    let (mut entries, mut extent) = (Vec::with_capacity(rows.len()), None);
    for mut columns in rows {
        extent = Some(extent_of(&mut columns)?);
        entries.extend(columns.entry()?.map(|(row, _)| row.entry()));
    }
    Ok(extent.map(|extent| (entries, extent)))
}

/// How many keys start with a prefix, now or at a revision, those behind one of them if so wished.
pub(super) async fn count(
    connection: &mut Conn,
    prefix: &str,
    after: Option<&str>,
    at: Option<Revision>,
) -> Result<(u64, Extent)> {
    let (names, parameters) = names(prefix, after, at);
    let query = format!(
        "SELECT {}, (SELECT {BY_ID} COUNT(*) FROM ({names}) AS latest STRAIGHT_JOIN kine \
         ON kine.id = latest.id WHERE kine.deleted = 0)",
        extent()
    );
    let found: Option<Columns> = connection.query_first(bound(&query, &parameters)).await?;
    let Some(mut columns) = found else { return Ok((0, Extent { newest: 0, oldest: 0 })) };
    let extent = extent_of(&mut columns)?;
    Ok((columns.number()?.unwrap_or_default(), extent))
}

/// The newest id of each name in a range, deletions included, and the parameters for that.
fn names(prefix: &str, after: Option<&str>, at: Option<Revision>) -> (String, Vec<Value>) {
    let mut parameters: Vec<Value> = Vec::new();
    let mut query = "SELECT name, MAX(id) AS id FROM kine WHERE name ".to_owned();
    match after {
        Some(after) if after >= prefix => {
            query.push_str("> ?");
            parameters.push(after.into());
        }
        _ => {
            query.push_str(">= ?");
            parameters.push(prefix.into());
        }
    }
    if let Some(end) = end_of_prefix(prefix) {
        query.push_str(" AND name < ?");
        parameters.push(end.into());
    }
    if let Some(at) = at {
        query.push_str(" AND id <= ?");
        parameters.push(at.into());
    }
    (format!("{query} AND name <> '{COMPACTED}' GROUP BY name"), parameters)
}

/// A stretch of history.
pub(super) struct Rows {
    /// Its revisions, and what each tells, if anything.
    pub(super) found: Vec<(Revision, Option<Arc<Event>>)>,
    /// How far the table was; not asked for where there was nothing.
    pub(super) extent: Option<Extent>,
    /// Whether there may be more.
    pub(super) more: bool,
}

/// Rows of names with a prefix and `after < id <= upto`, in order, as many as are read at one go.
pub(super) async fn stretch(
    connection: &mut Conn,
    prefix: &str,
    after: Revision,
    upto: Revision,
) -> Result<Rows> {
    let upto = i64::try_from(upto).unwrap_or(i64::MAX);
    let (mut names, mut parameters): (_, Vec<Value>) = (String::new(), vec![after.into(), upto.into()]);
    if !prefix.is_empty() {
        names.push_str("AND name >= ?");
        parameters.push(prefix.into());
        if let Some(end) = end_of_prefix(prefix) {
            names.push_str(" AND name < ?");
            parameters.push(end.into());
        }
    }
    let query = format!(
        "SELECT {}, {} FROM kine FORCE INDEX (PRIMARY) WHERE id > ? AND id <= ? {names} \
         ORDER BY id LIMIT {STRETCH_EVENTS}",
        extent(),
        COLUMNS.join(", "),
    );
    let mut rows = connection.query_iter(bound(&query, &parameters)).await?;
    let (mut found, mut bytes, mut extent) = (Vec::new(), 0, None);
    // What is beyond the limit is let go as it comes, so that much never is in memory.
    while let Some(row) = rows.next().await? {
        let mut columns = Columns::of(row);
        extent = Some(extent_of(&mut columns)?);
        if bytes < STRETCH_BYTES
            && let Some(row) = columns.row()?
        {
            let id = row.id;
            let event = row.event().map(Arc::new);
            bytes += event.as_ref().map_or(0, |event| event.weight());
            found.push((id, event));
        }
    }
    let more = found.len() == STRETCH_EVENTS || bytes >= STRETCH_BYTES;
    Ok(Rows { found, extent, more })
}

/// Whether somebody is about to write a row with `first <= id < end`: it waits for those who are. What has been written
/// meanwhile is seen by the next read.
pub(super) async fn wait_for_writers_of(connection: &mut Conn, first: Revision, end: Revision) -> Result<()> {
    let query = "SELECT id FROM kine WHERE id >= ? AND id < ? FOR UPDATE";
    connection.query_drop(bound(query, &[first.into(), end.into()])).await
}

/// Leases of rows with `after < id <= upto` that are still the newest of their keys: key, revision, seconds.
pub(super) async fn leases(
    connection: &mut Conn,
    after: Revision,
    upto: Revision,
) -> Result<Vec<(String, Revision, u32)>> {
    let query = "SELECT name, id, lease FROM kine AS leased FORCE INDEX (PRIMARY) \
                 WHERE id > ? AND id <= ? AND lease > 0 AND deleted = 0 AND NOT EXISTS \
                 (SELECT 1 FROM kine AS later WHERE later.name = leased.name AND later.id > leased.id)";
    let rows: Vec<Columns> = connection.query(bound(query, &[after.into(), upto.into()])).await?;
    let one = |mut columns: Columns| {
        let (name, id) = (columns.text()?, columns.number()?.unwrap_or_default());
        let seconds = columns.number()?.unwrap_or_default();
        Ok((name, id, u32::try_from(seconds).unwrap_or(u32::MAX)))
    };
    rows.into_iter().map(one).collect()
}
