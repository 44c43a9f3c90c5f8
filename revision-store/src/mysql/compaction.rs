//! Takes away what was superseded, a little at a time, one replica at a time.

use mysql_async::{Conn, Result, prelude::Queryable};

use super::schema::COMPACTION;
use crate::{Revision, row::COMPACTED};

/// How many revisions one transaction goes forward.
const BATCH: u64 = 500;

/// Goes a step towards a revision, `to`, in one transaction, and returns the oldest that can be read then. Another
/// replica that compacts too waits for the end of this step, and goes on from there.
///
/// The newest row stays, even if it is a deletion: its number says which revision comes next. That is why the last step's
/// end is looked at again.
pub(super) async fn step(connection: &mut Conn, to: Revision) -> Result<Revision> {
    let lock = format!("BEGIN; SELECT number FROM fedd_store WHERE name = '{COMPACTION}' FOR UPDATE");
    connection.query_drop(lock).await?;
    let from: Option<Option<u64>> =
        connection.exec_first("SELECT MAX(prev_revision) FROM kine WHERE name = ?", (COMPACTED,)).await?;
    let from = from.flatten().unwrap_or_default();
    if from >= to {
        connection.query_drop("ROLLBACK").await?;
        return Ok(from);
    }
    let step = to.min(from + BATCH);
    connection.exec_drop("UPDATE kine SET prev_revision = ? WHERE name = ?", (step, COMPACTED)).await?;
    let gone: Vec<u64> = connection
        .exec(
            "SELECT prev_revision FROM kine WHERE id > ? AND id <= ? AND prev_revision > 0 AND name <> ? \
             UNION SELECT id FROM kine WHERE id >= ? AND id <= ? AND deleted <> 0 \
             AND id < (SELECT MAX(id) FROM kine)",
            (from, step, COMPACTED, from, step),
        )
        .await?;
    if !gone.is_empty() {
        let gone: Vec<String> = gone.iter().map(u64::to_string).collect();
        connection.query_drop(format!("DELETE FROM kine WHERE id IN ({})", gone.join(","))).await?;
    }
    connection.query_drop("COMMIT").await?;
    Ok(step)
}
