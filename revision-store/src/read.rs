//! What can be read, and the answers.

use crate::{Entry, Revision};

/// Which keys a list is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Range {
    /// What the keys start with; empty: all keys.
    pub prefix: String,
    /// Only keys behind this one, in byte order: where the page before ended.
    pub after: Option<String>,
    /// At most so many entries; 0: all.
    pub limit: usize,
    /// The revision at which the keys are read; `None`: the newest.
    pub at: Option<Revision>,
    /// Whether the values are left out.
    pub keys_only: bool,
}

impl Range {
    /// All keys with this prefix, as they are now, with their values.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..Self::default() }
    }
}

/// The answer to a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The entries, in byte order of their keys.
    pub entries: Vec<Entry>,
    /// The revision that was read: [`Range::at`] where it was given. The next page is read at it.
    pub revision: Revision,
    /// How many keys are behind the last entry, at the same revision. 0: this is the last page.
    pub remaining: u64,
}

/// The answer to a get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    /// The entry; `None` where the key did not exist at the revision asked for.
    pub entry: Option<Entry>,
    /// The store's newest revision at the time of the read.
    pub revision: Revision,
}
