//! Writes that are committed together.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::{open::newest, queries, table};
use crate::{
    Event, Revision, Write,
    batch::{Newest, Outcome, decide},
    hub::Hub,
    row::Row,
};

/// What a commit came to.
pub(super) struct Committed {
    /// Events that were in the table and not known yet: those of a commit whose success was not reported, or of a
    /// program that wrote in spite of the lock. They come before what was written.
    pub(super) unknown: Vec<Arc<Event>>,
    /// Of each write, in their order.
    pub(super) outcomes: Vec<Outcome>,
}

/// Does writes in one transaction, in their order. They are durable when this returns. An error means that none is
/// done.
pub(super) fn commit(
    connection: &mut Connection,
    hub: &Hub,
    writes: Vec<Write>,
) -> rusqlite::Result<Committed> {
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    let newest = newest(&transaction)?;
    let unknown = between(&transaction, hub.revision(), newest)?;
    let mut keys = HashMap::new();
    for write in &writes {
        let key = write.key();
        if keys.contains_key(key) {
            continue;
        }
        let recent = if unknown.is_empty() { hub.newest_of(key) } else { None };
        let row = match recent {
            Some((event, _)) => Some(Newest { revision: event.revision(), entry: event.present() }),
            None => newest_row(&transaction, key)?,
        };
        keys.extend(row.map(|row| (key.to_owned(), row)));
    }
    let outcomes = decide(keys, newest, writes);
    for change in outcomes.iter().flatten() {
        table::insert(&transaction, &Row::of(&change.event, change.before))?;
    }
    transaction.commit()?;
    Ok(Committed { unknown, outcomes })
}

/// The events behind one revision, up to another.
fn between(connection: &Connection, known: Revision, newest: Revision) -> rusqlite::Result<Vec<Arc<Event>>> {
    let (mut events, mut reached) = (Vec::new(), known);
    while reached < newest {
        let stretch = queries::stretch(connection, "", reached, newest)?;
        events.extend(stretch.events);
        reached = stretch.reached;
    }
    Ok(events)
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
