//! kine's table, and what its rows mean.
//!
//! One row is one version of one key; it is never changed. The row's id is the revision. A creation has `created` = 1
//! and no `create_revision` (it is the row's own), a deletion `deleted` = 1 and no value. `prev_revision` is the id of
//! the row before of the same key, deletions included, or 0, and `old_value` is what that row had, unless it was a
//! deletion. As in kine 0.17 (`pkg/drivers/sqlite`, `pkg/drivers/mysql`, `pkg/drivers/generic`).

use bytes::Bytes;

use crate::{Entry, Event, EventKind, Revision};

/// The columns, in order.
pub(crate) const COLUMNS: [&str; 9] =
    ["id", "name", "created", "deleted", "create_revision", "prev_revision", "lease", "value", "old_value"];

/// The key that kine keeps the compacted revision under, in its row's `prev_revision`. It is no user's key.
pub(crate) const COMPACTED: &str = "compact_rev_key";

/// The key that etcd's and kube-apiserver's health checks read, and its value.
pub(crate) const HEALTH: (&str, &str) = ("/registry/health", r#"{"health":"true"}"#);

/// The columns of a row that make an entry.
#[derive(Debug)]
pub(crate) struct EntryRow {
    pub(crate) id: Revision,
    pub(crate) name: String,
    pub(crate) create_revision: Option<Revision>,
    pub(crate) lease: Option<i64>,
    pub(crate) value: Bytes,
}

impl EntryRow {
    pub(crate) fn entry(self) -> Entry {
        Entry {
            key: self.name,
            value: self.value,
            create_revision: create_revision(self.create_revision, self.id),
            mod_revision: self.id,
            lease: lease(self.lease),
        }
    }
}

/// A row of kine's table as it is stored: what is checked and copied. Everything else goes by [`Event`] and [`Entry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The revision.
    pub id: Revision,
    /// The key.
    pub name: String,
    /// Whether the key was not there before.
    pub created: bool,
    /// Whether the key is not there from here on.
    pub deleted: bool,
    /// The revision of the key's creation; none, or 0, in the row of the creation itself.
    pub create_revision: Option<Revision>,
    /// The id of the row before of the same key, deletions included, or 0.
    pub prev_revision: Option<Revision>,
    /// Seconds until the store deletes the key.
    pub lease: Option<i64>,
    /// The value.
    pub value: Option<Bytes>,
    /// The value of the row before, unless that is a deletion.
    pub old_value: Option<Bytes>,
}

impl Row {
    /// The row of an event, where `before` is the newest row of its key until then, or 0.
    pub(crate) fn of(event: &Event, before: Revision) -> Self {
        let Event { kind, entry, previous } = event;
        let (created, deleted) = (event.is_create(), *kind == EventKind::Delete);
        Self {
            id: entry.mod_revision,
            name: entry.key.clone(),
            created,
            deleted,
            create_revision: (!created).then_some(entry.create_revision),
            prev_revision: Some(before),
            lease: Some(entry.lease.into()),
            value: (!deleted).then(|| entry.value.clone()),
            old_value: previous.as_ref().map(|previous| previous.value.clone()),
        }
    }

    /// What it tells; `None` of a row that tells nothing: kine fills gaps with deletions of nothing, and keeps the
    /// compacted revision in a row of its own.
    pub(crate) fn event(self) -> Option<Event> {
        let before = self.prev_revision.unwrap_or_default();
        if (self.deleted && before == 0) || self.name == COMPACTED {
            return None;
        }
        let (key, create_revision) = (self.name, create_revision(self.create_revision, self.id));
        let previous = (!self.created).then(|| {
            let value = self.old_value.unwrap_or_default();
            Entry { key: key.clone(), value, create_revision, mod_revision: before, lease: 0 }
        });
        let value = match &previous {
            Some(previous) if self.deleted => previous.value.clone(),
            _ => self.value.unwrap_or_default(),
        };
        Some(Event {
            kind: if self.deleted { EventKind::Delete } else { EventKind::Put },
            entry: Entry { key, value, create_revision, mod_revision: self.id, lease: lease(self.lease) },
            previous,
        })
    }
}

/// The revision of creation: kine has left it out, or 0, in the row of the creation itself.
fn create_revision(noted: Option<Revision>, id: Revision) -> Revision {
    noted.filter(|noted| *noted != 0).unwrap_or(id)
}

fn lease(seconds: Option<i64>) -> u32 {
    u32::try_from(seconds.unwrap_or_default().max(0)).unwrap_or(u32::MAX)
}
