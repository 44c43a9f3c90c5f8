//! What a watch tells.

use crate::{Entry, Revision};

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It was created or updated.
    Put,
    /// It was deleted.
    Delete,
}

/// One write, as a watch tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The key as it is after the write. Of a deletion: its last value, with the deletion's revision as
    /// `mod_revision`.
    pub entry: Entry,
    /// The key as it was before; `None` of a creation. History does not keep how long it would have lived, so its
    /// `lease` is 0.
    pub previous: Option<Entry>,
}

impl Event {
    /// The revision of the write.
    pub fn revision(&self) -> Revision {
        self.entry.mod_revision
    }

    /// Whether the write made a key that was not there.
    pub fn is_create(&self) -> bool {
        self.kind == EventKind::Put && self.previous.is_none()
    }

    /// The key after the write; `None` of a deletion.
    pub(crate) fn present(&self) -> Option<Entry> {
        (self.kind == EventKind::Put).then(|| self.entry.clone())
    }

    /// About how many bytes of memory it holds.
    pub(crate) fn weight(&self) -> usize {
        let entry = |entry: &Entry| entry.key.len() + entry.value.len();
        size_of::<Self>() + entry(&self.entry) + self.previous.as_ref().map_or(0, entry)
    }
}

/// One item of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchItem {
    /// A write under the watched prefix.
    Event(Event),
    /// Everything up to this revision has been told. It comes only when nothing was told of that revision itself.
    Progress(Revision),
}
