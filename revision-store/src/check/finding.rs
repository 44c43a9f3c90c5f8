//! What a check finds.

use thiserror::Error;

use crate::Revision;

/// Something in a table that no write and no compaction makes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Finding {
    /// The table does not say how far it was compacted.
    #[error("there is no row compact_rev_key, which says how far the table was compacted")]
    NoCompacted,
    /// It says so twice.
    #[error("row {revision} is a second compact_rev_key; there is to be one")]
    CompactedTwice {
        /// The second.
        revision: Revision,
    },
    /// It was compacted further than it goes.
    #[error("the table says that it was compacted to {compacted}, and its newest revision is {newest}")]
    CompactedAhead {
        /// How far it says that it was compacted.
        compacted: Revision,
        /// Its newest revision.
        newest: Revision,
    },
    /// Revisions are missing that were not compacted.
    #[error(
        "revisions {first} to {last} are missing; kine stops its watches there and fills them one by one"
    )]
    Missing {
        /// The first of them.
        first: Revision,
        /// The last.
        last: Revision,
    },
    /// Rows did not come in the order of their ids, or one came twice.
    #[error("row {revision} comes after row {after}")]
    OutOfOrder {
        /// The row.
        revision: Revision,
        /// The one that came before it.
        after: Revision,
    },
    /// A row follows one that is not there and was not compacted.
    #[error("row {revision} of {key} follows row {before}, which is missing and was not compacted")]
    NoBefore {
        /// The row.
        revision: Revision,
        /// Its key.
        key: String,
        /// The one that it says it follows.
        before: Revision,
    },
    /// A row says that it follows another one than it does: of its key there are two lines of history.
    #[error("row {revision} of {key} says that it follows row {before}, and the one before it is {actual}")]
    FalseBefore {
        /// The row.
        revision: Revision,
        /// Its key.
        key: String,
        /// The one that it says it follows.
        before: Revision,
        /// The one that it does follow.
        actual: Revision,
    },
    /// A key is created that is there.
    #[error("row {revision} creates {key}, which was there")]
    CreatedTwice {
        /// The row.
        revision: Revision,
        /// Its key.
        key: String,
    },
    /// A key is changed or deleted that is not there.
    #[error("row {revision} changes or deletes {key}, which was not there")]
    NeverCreated {
        /// The row.
        revision: Revision,
        /// Its key.
        key: String,
    },
    /// A row says another revision of creation than the rows before.
    #[error("row {revision} says that {key} was created by {noted}, and it was by {actual}")]
    FalseCreation {
        /// The row.
        revision: Revision,
        /// Its key.
        key: String,
        /// What it says.
        noted: Revision,
        /// What is so.
        actual: Revision,
    },
    /// The value that a row says was before is not the one that was.
    #[error("row {revision} of {key} has another old value than row {before} has a value")]
    FalseOldValue {
        /// The row.
        revision: Revision,
        /// Its key.
        key: String,
        /// The row before.
        before: Revision,
    },
}

impl Finding {
    /// The row that it is about; 0: the table.
    pub fn revision(&self) -> Revision {
        match self {
            Self::NoCompacted | Self::CompactedAhead { .. } => 0,
            Self::Missing { first: revision, .. }
            | Self::CompactedTwice { revision }
            | Self::OutOfOrder { revision, .. }
            | Self::NoBefore { revision, .. }
            | Self::FalseBefore { revision, .. }
            | Self::CreatedTwice { revision, .. }
            | Self::NeverCreated { revision, .. }
            | Self::FalseCreation { revision, .. }
            | Self::FalseOldValue { revision, .. } => *revision,
        }
    }
}
