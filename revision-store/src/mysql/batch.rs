//! One transaction with the writes that wait together.
//!
//! ```text
//! lock the row of writers; newest revision; newest rows of the keys             one round trip
//!        decide, in memory
//! INSERT the rows; note the batch's number in this writer's row; COMMIT         one round trip
//! ```
//!
//! Whoever has the row's lock is the only one who writes until its transaction ends. So revisions are contiguous, and
//! become visible in their order. Should a transaction lose its lock unseen, the rows' explicit numbers still keep it
//! from writing over somebody else's.

use std::collections::HashSet;

use mysql_async::{Conn, prelude::Queryable};

use super::{
    fault::{Fault, within},
    latest,
    schema::{LOCK, WRITERS},
    table::{Columns, push_row},
};
use crate::{
    Revision, Write,
    batch::{Outcome, decide},
    row::{COLUMNS, Row},
};

/// How many bytes of values one INSERT has, unless a single row has more, and after how many bytes of INSERTs a round
/// trip ends: together less than every server's `max_allowed_packet`.
const INSERT_BYTES: usize = 1 << 20;

/// What was decided under the lock.
pub(super) struct Decided {
    /// The newest revision before.
    pub(super) after: Revision,
    pub(super) outcomes: Vec<Outcome>,
}

impl Decided {
    pub(super) fn changes_something(&self) -> bool {
        self.outcomes.iter().any(Result::is_ok)
    }

    /// The newest revision when it is done.
    pub(super) fn newest(&self) -> Revision {
        self.outcomes.iter().flatten().last().map_or(self.after, |change| change.event.revision())
    }
}

/// Begins a transaction with the lock that every writer takes, on any connection.
pub(super) async fn lock(connection: &mut Conn, limit: std::time::Duration) -> Result<(), Fault> {
    within(limit, connection.query_drop("BEGIN")).await?;
    within(limit, connection.query_drop(LOCK)).await
}

/// Begins the transaction and decides. Nothing is changed yet. The connection is one that does not commit by itself.
pub(super) async fn begin(
    connection: &mut Conn,
    limit: std::time::Duration,
    writes: Vec<Write>,
) -> Result<Decided, Fault> {
    let sql = lock_and_read(&writes);
    let read = async {
        let mut answers = connection.query_iter(sql).await?;
        let locked: Vec<u64> = answers.collect().await?;
        let newest: Vec<Option<u64>> = answers.collect().await?;
        let rows: Vec<Columns> = answers.collect_and_drop().await?;
        Ok((locked, newest, rows))
    };
    let (locked, newest, rows) = within(limit, read).await?;
    if locked.is_empty() {
        return Err(missing_row());
    }
    let after = newest.into_iter().next().flatten().unwrap_or_default();
    let mut keys = latest::Rows::with_capacity(rows.len());
    for mut columns in rows {
        latest::take(&mut keys, &mut columns)?;
    }
    Ok(Decided { after, outcomes: decide(keys, after, writes) })
}

/// Writes what was decided and commits. If this fails it is not known whether it was done.
pub(super) async fn commit(
    connection: &mut Conn,
    limit: std::time::Duration,
    decided: &Decided,
    writer: &str,
    batch: u64,
) -> Result<(), Fault> {
    let mut sql = String::new();
    let mut rows: Vec<Row> =
        decided.outcomes.iter().flatten().map(|change| Row::of(&change.event, change.before)).collect();
    while !rows.is_empty() {
        if sql.len() > INSERT_BYTES {
            within(limit, connection.query_drop(std::mem::take(&mut sql))).await?;
        }
        push_insert(&mut sql, rows.drain(..at_once(&rows)));
        sql.push(';');
    }
    sql.push_str(&note(writer, batch));
    sql.push_str("; COMMIT");
    within(limit, connection.query_drop(sql)).await
}

/// How many of these rows one INSERT has.
fn at_once(rows: &[Row]) -> usize {
    let bytes = |row: &Row| -> usize {
        [&row.value, &row.old_value].into_iter().flatten().map(bytes::Bytes::len).sum()
    };
    let mut all = 0;
    let fit = rows.iter().take_while(|row| {
        let before: usize = all;
        all += bytes(row);
        before == 0 || all <= INSERT_BYTES
    });
    fit.count()
}

fn push_insert(sql: &mut String, rows: impl Iterator<Item = Row>) {
    sql.push_str("INSERT INTO kine (");
    sql.push_str(&COLUMNS.join(","));
    sql.push_str(") VALUES ");
    rows.for_each(|row| push_row(sql, &row));
}

/// Ends a transaction that changes nothing.
pub(super) async fn leave(connection: &mut Conn, limit: std::time::Duration) -> Result<(), Fault> {
    within(limit, connection.query_drop("ROLLBACK")).await
}

/// Whether a writer's batch of this number was committed. The lock is taken for that: if the transaction has not ended
/// yet, this waits until it has, and it cannot be committed later.
pub(super) async fn was_committed(
    connection: &mut Conn,
    limit: std::time::Duration,
    writer: &str,
    batch: u64,
) -> Result<bool, Fault> {
    let sql = format!("{LOCK}; SELECT number FROM fedd_store WHERE name = '{writer}'; COMMIT");
    let read = async {
        let mut answers = connection.query_iter(sql).await?;
        answers.collect::<u64>().await?;
        answers.collect_and_drop::<u64>().await
    };
    Ok(within(limit, read).await?.contains(&batch))
}

/// Makes everything durable that was visible when this was called, by a write of its own that is committed after it.
pub(super) async fn confirm(
    connection: &mut Conn,
    limit: std::time::Duration,
    reader: &str,
    upto: Revision,
) -> Result<(), Fault> {
    within(limit, connection.query_drop(note(reader, upto))).await
}

/// Sets a row of the store's own table.
fn note(name: &str, number: u64) -> String {
    format!(
        "INSERT INTO fedd_store (name, number) VALUES ('{name}', {number}) \
         ON DUPLICATE KEY UPDATE number = VALUES(number)"
    )
}

fn lock_and_read(writes: &[Write]) -> String {
    let keys: HashSet<&str> = writes.iter().map(Write::key).collect();
    format!("{LOCK}; SELECT MAX(id) FROM kine; {}", latest::statement("", keys, None))
}

fn missing_row() -> Fault {
    let message = format!("the table fedd_store has no row {WRITERS}: open the store again, which makes it");
    Fault::Said(mysql_async::Error::Other(message.into()))
}
