//! The newest rows of some keys.
//!
//! The shape of the statement matters. OceanBase keeps a plan by the statement's text without its literals, from the
//! first time that it sees it: there is one plan for each length of a list, and each takes milliseconds to make. And a
//! plan that was made while the table was all but empty goes through all of it, later too, unless the statement says how
//! rows are to be found. So lists have few lengths, and the join is given.

use std::{collections::HashMap, fmt::Write as _};

use mysql_async::{Conn, Result, prelude::Queryable};

use super::{
    queries::{Extent, extent, extent_of},
    table::{Columns, entry_columns, push_bytes},
};
use crate::{Revision, batch::Newest, row::COMPACTED};

/// For OceanBase: for each of the ids that were found, one row by its id. Elsewhere it is a comment, or a hint that is
/// not known.
pub(super) const BY_ID: &str = "/*+ LEADING(latest kine) USE_NL(kine) */";

/// The newest rows of keys by name, deletions included.
pub(super) type Rows = HashMap<String, Newest>;

/// A statement that reads the newest rows of keys, now or at a revision: `also`, columns that end with a comma, and the
/// columns of an entry.
pub(super) fn statement<'a>(
    also: &str,
    keys: impl IntoIterator<Item = &'a str>,
    at: Option<Revision>,
) -> String {
    // Values are never in a derived table: MariaDB would put it on the disk.
    let columns = entry_columns("kine", "kine.value");
    let mut sql =
        format!("SELECT {BY_ID} {also} {columns} FROM (SELECT MAX(id) AS id FROM kine WHERE name IN (");
    push_list(&mut sql, keys);
    sql.push(')');
    if let Some(at) = at {
        let _infallible = write!(sql, " AND (id <= {at} OR name = '{COMPACTED}')");
    }
    sql.push_str(" GROUP BY name) AS latest STRAIGHT_JOIN kine ON kine.id = latest.id");
    sql
}

/// Adds keys, the last one as often as it takes for a power of two.
fn push_list<'a>(sql: &mut String, keys: impl IntoIterator<Item = &'a str>) {
    let (mut count, mut last) = (0_usize, "");
    for key in keys {
        if count > 0 {
            sql.push(',');
        }
        push_bytes(sql, key.as_bytes());
        (count, last) = (count + 1, key);
    }
    for _ in count..count.next_power_of_two() {
        if count > 0 {
            sql.push(',');
        }
        push_bytes(sql, last.as_bytes());
    }
}

/// Adds a row that was read, unless it is none.
pub(super) fn take(rows: &mut Rows, columns: &mut Columns) -> Result<()> {
    if let Some((row, deleted)) = columns.entry()? {
        let (key, revision) = (row.name.clone(), row.id);
        rows.insert(key, Newest { revision, entry: (!deleted).then(|| row.entry()) });
    }
    Ok(())
}

/// The newest rows of keys, now or at a revision, and how far the table is. All of it is of one moment.
pub(super) async fn read<'a>(
    connection: &mut Conn,
    keys: impl IntoIterator<Item = &'a str>,
    at: Option<Revision>,
) -> Result<(Rows, Extent)> {
    // This row is always there, so that there is one to tell how far the table is.
    let keys = keys.into_iter().chain([COMPACTED]);
    let answer: Vec<Columns> = connection.query(statement(&format!("{},", extent()), keys, at)).await?;
    let (mut rows, mut extent) = (Rows::with_capacity(answer.len()), Extent { newest: 0, oldest: 0 });
    for mut columns in answer {
        extent = extent_of(&mut columns)?;
        take(&mut rows, &mut columns)?;
    }
    // It is no user's key.
    rows.remove(COMPACTED);
    Ok((rows, extent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_lengths_that_are_powers_of_two() {
        let listed = |keys: &[&str]| {
            let mut sql = String::new();
            push_list(&mut sql, keys.iter().copied());
            sql
        };
        assert_eq!(listed(&["a"]), "'a'");
        assert_eq!(listed(&["a", "b"]), "'a','b'");
        assert_eq!(listed(&["a", "b", "c"]), "'a','b','c','c'");
        assert_eq!(listed(&["a", "b", "c", "d", "e"]).matches(',').count(), 7);
    }
}
