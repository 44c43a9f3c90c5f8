//! Takes away what was superseded, a little at a time.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{Revision, row::COMPACTED};

/// How many revisions one transaction goes forward: few enough that writers hardly notice.
pub(super) const BATCH: u64 = 200;

/// Compacts from one revision to another, `from < to`, in one transaction.
///
/// The newest row stays, even if it is a deletion: its id says which revision comes next. That is why `from` is looked
/// at again.
pub(super) fn compact(connection: &mut Connection, from: Revision, to: Revision) -> rusqlite::Result<()> {
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    transaction
        .prepare_cached("UPDATE kine SET prev_revision = ?1 WHERE name = ?2")?
        .execute((to, COMPACTED))?;
    transaction
        .prepare_cached(&format!(
            "DELETE FROM kine WHERE id IN (
                SELECT prev_revision FROM kine
                WHERE name != '{COMPACTED}' AND prev_revision != 0 AND id > ?1 AND id <= ?2
                UNION ALL
                SELECT id FROM kine
                WHERE deleted != 0 AND id >= ?1 AND id <= ?2 AND id != (SELECT max(id) FROM kine))"
        ))?
        .execute((from, to))?;
    transaction.commit()
}
