//! What can go wrong.

use std::{error::Error, path::PathBuf, sync::Arc};

use thiserror::Error;

use crate::{Entry, Revision};

/// Why a store gave no answer.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// History before a compaction was asked for.
    #[error("revisions before {oldest} have been compacted: list again and go on from that list's revision")]
    Compacted {
        /// The oldest revision that can still be read, and after which a watch can begin.
        oldest: Revision,
    },
    /// A revision was asked for that does not exist yet.
    #[error("the revision is in the future, the newest is {current}: read at that one, or wait")]
    Future {
        /// The newest revision.
        current: Revision,
    },
    /// There is no space left. Nothing that was acknowledged is lost.
    #[error("no space left for {}: free some, then write again; what was acknowledged is safe", .path.display())]
    Full {
        /// The database file.
        path: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error(
        "{} cannot be written: give this user the right to write the file and its folder, and mount it writable",
        .path.display()
    )]
    ReadOnly {
        /// The database file.
        path: PathBuf,
    },
    /// Another process has the file.
    #[error("{} is in use by another process{}: stop that one or name another file", .path.display(), holder(*.process))]
    Locked {
        /// The database file.
        path: PathBuf,
        /// The other process' number, where it left it.
        process: Option<u32>,
    },
    /// The file is not a database of this kind, or it is damaged.
    #[error(
        "{} is not a sound database ({detail}): keep a copy of it and restore a backup, or name another file",
        .path.display()
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// What is stored under a key cannot be read, such as for a lack of the key that it was encrypted with.
    #[error("the value of {key} cannot be read: {source}")]
    Unreadable {
        /// The key.
        key: String,
        /// Why.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
    /// Anything else that the file system or the database said.
    #[error("cannot use {}", .path.display())]
    Io {
        /// The database file.
        path: PathBuf,
        /// What was said.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
}

fn holder(process: Option<u32>) -> String {
    process.map_or_else(String::new, |process| format!(" ({process})"))
}

/// Why a write was not done. The store is as it was before.
#[derive(Debug, Clone, Error)]
pub enum WriteError {
    /// A key that was to be created exists.
    #[error("the key exists since revision {revision}")]
    Exists {
        /// Its `mod_revision`.
        revision: Revision,
    },
    /// The key is not as the caller knows it.
    #[error("the key is not at the expected revision but {}", found(.current.as_ref()))]
    Conflict {
        /// What it is; `None`: it does not exist.
        current: Option<Entry>,
    },
    /// Key or value is longer than the store takes.
    #[error("the {part} has {bytes} bytes and may have {limit}: write less")]
    TooLarge {
        /// `key` or `value`.
        part: &'static str,
        /// Its length.
        bytes: usize,
        /// The longest that is taken.
        limit: usize,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn found(current: Option<&Entry>) -> String {
    current.map_or_else(|| "absent".to_owned(), |entry| format!("at {}", entry.mod_revision))
}
