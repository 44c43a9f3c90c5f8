//! One transaction with the writes that wait together.
//!
//! ```text
//! BEGIN; lock the row of writers; newest revision; newest rows of the keys      one round trip
//!        decide, in memory
//! INSERT the rows; note the batch's number in this writer's row; COMMIT         one round trip
//! ```
//!
//! Whoever has the row's lock is the only one who writes until its transaction ends. So revisions are contiguous, and
//! become visible in their order. Should a transaction lose its lock unseen, the rows' explicit numbers still keep it
//! from writing over somebody else's.

use std::collections::{HashMap, HashSet};

use mysql_async::{Conn, prelude::Queryable};

use super::{
    fault::{Fault, within},
    schema::WRITERS,
    table::{Columns, entry_columns, push_bytes, push_row},
};
use crate::{
    Revision, Write,
    batch::{Newest, Outcome, decide},
    row::{COLUMNS, Row},
};

/// How many bytes one INSERT has, more or less: less than every server's `max_allowed_packet` by far.
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
}

/// Begins the transaction and decides. Nothing is changed yet.
pub(super) async fn begin(
    connection: &mut Conn,
    limit: std::time::Duration,
    writes: Vec<Write>,
) -> Result<Decided, Fault> {
    let sql = lock_and_read(&writes);
    let read = async {
        let mut answers = connection.query_iter(sql).await?;
        // BEGIN has no rows.
        answers.collect::<mysql_async::Row>().await?;
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
    let mut keys = HashMap::with_capacity(rows.len());
    for mut columns in rows {
        if let Some((row, deleted)) = columns.entry()? {
            let (key, revision) = (row.name.clone(), row.id);
            keys.insert(key, Newest { revision, entry: (!deleted).then(|| row.entry()) });
        }
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
    let head = format!("INSERT INTO kine ({}) VALUES ", COLUMNS.join(","));
    let mut sql = head.clone();
    for change in decided.outcomes.iter().flatten() {
        if sql.len() > INSERT_BYTES {
            within(limit, connection.query_drop(std::mem::replace(&mut sql, head.clone()))).await?;
        }
        push_row(&mut sql, &Row::of(&change.event, change.before));
    }
    if sql.len() > head.len() {
        sql.push(';');
    } else {
        sql.clear();
    }
    sql.push_str(&note(writer, batch));
    sql.push_str("; COMMIT");
    within(limit, connection.query_drop(sql)).await
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
    let sql = format!(
        "BEGIN; SELECT number FROM fedd_store WHERE name = '{WRITERS}' FOR UPDATE; \
         SELECT number FROM fedd_store WHERE name = '{writer}'; COMMIT"
    );
    let read = async {
        let mut answers = connection.query_iter(sql).await?;
        answers.collect::<mysql_async::Row>().await?;
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
    let mut sql = format!(
        "BEGIN; SELECT number FROM fedd_store WHERE name = '{WRITERS}' FOR UPDATE; SELECT MAX(id) FROM kine; \
         SELECT {} FROM (SELECT MAX(id) AS id FROM kine WHERE name IN (",
        entry_columns("kine", "kine.value")
    );
    let keys: HashSet<&str> = writes.iter().map(Write::key).collect();
    for (place, key) in keys.into_iter().enumerate() {
        if place > 0 {
            sql.push(',');
        }
        push_bytes(&mut sql, key.as_bytes());
    }
    sql.push_str(") GROUP BY name) AS latest JOIN kine ON kine.id = latest.id");
    sql
}

fn missing_row() -> Fault {
    let message = format!("the table fedd_store has no row {WRITERS}: open the store again, which makes it");
    Fault::Said(mysql_async::Error::Other(message.into()))
}
