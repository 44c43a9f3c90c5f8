//! Writes that are committed together.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::{
    open::newest,
    queries,
    table::{self, INSERT},
};
use crate::{Entry, Event, EventKind, Revision, Write, WriteError, step::step};

/// What came of one write: what happened, or why it was refused.
pub(super) type Outcome = Result<Arc<Event>, WriteError>;

/// The newest row of a key.
struct Newest {
    revision: Revision,
    /// `None`: a deletion.
    entry: Option<Entry>,
}

/// Does writes in one transaction, in their order. They are durable when this returns. An error means that none is
/// done.
pub(super) fn commit(
    connection: &mut Connection,
    known: Revision,
    writes: impl IntoIterator<Item = Write>,
) -> rusqlite::Result<Vec<Outcome>> {
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    let mut revision = known;
    let mut outcomes = Vec::new();
    for write in writes {
        let outcome = apply(&transaction, revision + 1, write)?;
        revision += u64::from(outcome.is_ok());
        outcomes.push(outcome.map(Arc::new));
    }
    transaction.commit()?;
    Ok(outcomes)
}

/// Events that are in the table and not known yet: those of a commit whose success was not reported, or of a program
/// that wrote in spite of the lock.
pub(super) fn unknown(connection: &Connection, known: Revision) -> rusqlite::Result<Vec<Arc<Event>>> {
    let newest = newest(connection)?;
    let (mut events, mut reached) = (Vec::new(), known);
    while reached < newest {
        let stretch = queries::stretch(connection, "", reached, newest)?;
        events.extend(stretch.events);
        reached = stretch.reached;
    }
    Ok(events)
}

/// Does one write as this revision, or refuses it and does nothing.
fn apply(
    transaction: &Transaction<'_>,
    revision: Revision,
    write: Write,
) -> rusqlite::Result<Result<Event, WriteError>> {
    let newest = newest_row(transaction, write.key())?;
    let before = newest.as_ref().map_or(0, |newest| newest.revision);
    let event = match step(newest.and_then(|newest| newest.entry), write, revision) {
        Ok(event) => event,
        Err(refused) => return Ok(Err(refused)),
    };
    insert(transaction, &event, before)?;
    Ok(Ok(event))
}

fn newest_row(transaction: &Transaction<'_>, key: &str) -> rusqlite::Result<Option<Newest>> {
    let mut statement = transaction.prepare_cached(
        "SELECT id, name, create_revision, lease, value, deleted FROM kine
         WHERE name = ?1 ORDER BY id DESC LIMIT 1",
    )?;
    let row = statement.query_row([key], |row| {
        let deleted = row.get::<_, i64>(5)? != 0;
        let entry = if deleted { None } else { Some(table::entry(row)?) };
        Ok(Newest { revision: row.get(0)?, entry })
    });
    row.optional()
}

fn insert(transaction: &Transaction<'_>, event: &Event, before: Revision) -> rusqlite::Result<()> {
    let Event { kind, entry, previous } = event;
    let created = event.is_create();
    let deleted = *kind == EventKind::Delete;
    let row = (
        entry.mod_revision,
        &entry.key,
        created,
        deleted,
        (!created).then_some(entry.create_revision),
        before,
        entry.lease,
        (!deleted).then_some(&*entry.value),
        previous.as_ref().map(|previous| &*previous.value),
    );
    transaction.prepare_cached(INSERT)?.execute(row).map(|_| ())
}
