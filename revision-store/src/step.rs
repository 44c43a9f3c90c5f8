//! What one write does to one key: the rule that every backend follows.

use crate::{Entry, Event, EventKind, Revision, Write, WriteError};

/// What happens when a write meets a key as it is (`None`: it does not exist), or why it is refused.
pub(crate) fn step(current: Option<Entry>, write: Write, revision: Revision) -> Result<Event, WriteError> {
    match (&write, &current) {
        (Write::Create { .. }, None) => {}
        (Write::Create { .. }, Some(entry)) => {
            return Err(WriteError::Exists { revision: entry.mod_revision });
        }
        (Write::Update { expected, .. } | Write::Delete { expected, .. }, Some(entry))
            if entry.mod_revision == *expected => {}
        (Write::Update { .. } | Write::Delete { .. }, _) => return Err(WriteError::Conflict { current }),
    }
    let create_revision = current.as_ref().map_or(revision, |entry| entry.create_revision);
    let previous = current.map(|entry| Entry { lease: 0, ..entry });
    Ok(match write {
        Write::Create { key, value, lease } | Write::Update { key, value, lease, .. } => Event {
            kind: EventKind::Put,
            entry: Entry { key, value, create_revision, mod_revision: revision, lease },
            previous,
        },
        Write::Delete { key, .. } => {
            let value = previous.as_ref().map(|entry| entry.value.clone()).unwrap_or_default();
            let entry = Entry { key, value, create_revision, mod_revision: revision, lease: 0 };
            Event { kind: EventKind::Delete, entry, previous }
        }
    })
}
