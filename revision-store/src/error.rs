//! What can go wrong.

use std::{error::Error, sync::Arc, time::Duration};

use thiserror::Error;

use crate::{Entry, Place, Revision};

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
    /// The database could not be asked in time. A write that is answered with this was not done and will not be.
    #[error(
        "{place} is unavailable: {attempt} did not succeed within {} ({problem}); see that the database runs and \
         can be reached, and try again", seconds(.waited)
    )]
    Unavailable {
        /// The database.
        place: Place,
        /// What was tried, as a noun: `a write`, `a read`.
        attempt: &'static str,
        /// For how long.
        waited: Duration,
        /// What the last attempt was answered with.
        problem: Arc<str>,
    },
    /// The connection broke while a write was being committed, and the database did not come back in time to say what
    /// became of it. It may have been done, be done now, or never be done.
    #[error(
        "it is unknown whether {place} has done the write: the connection broke while it was being committed, and for \
         {} nobody could say ({problem}); read the key before writing again", seconds(.waited)
    )]
    Unknown {
        /// The database.
        place: Place,
        /// How long it was tried to find out.
        waited: Duration,
        /// What the last attempt was answered with.
        problem: Arc<str>,
    },
    /// There is no space left. Nothing that was acknowledged is lost.
    #[error("no space left for {place}: free some, then write again; what was acknowledged is safe")]
    Full {
        /// The database or its file.
        place: Place,
    },
    /// The file or its folder cannot be written.
    #[error(
        "{place} cannot be written: give this user the right to write the file and its folder, and mount it writable"
    )]
    ReadOnly {
        /// The database file.
        place: Place,
    },
    /// The database does not let this user in, or do what has to be done.
    #[error("{place} refuses this user ({problem}): {}", remedy(.statements))]
    NoRights {
        /// The database.
        place: Place,
        /// What it said.
        problem: Arc<str>,
        /// SQL statements that somebody with the right to make tables can run instead; empty where the user itself
        /// or its password is not accepted.
        statements: String,
    },
    /// A newer version of this program has changed the tables.
    #[error(
        "the tables in {place} are of version {found} and this program knows up to {known}: run the newer program, or \
         restore a backup from before it ran"
    )]
    NewerSchema {
        /// The database.
        place: Place,
        /// The version of the tables.
        found: u64,
        /// The newest version that this program knows.
        known: u64,
    },
    /// Another process has the file.
    #[error("{place} is in use by another process{}: stop that one or name another file", holder(*.process))]
    Locked {
        /// The database file.
        place: Place,
        /// The other process' number, where it left it.
        process: Option<u32>,
    },
    /// The file is not a database of this kind, or it is damaged.
    #[error(
        "{place} is not a sound database ({detail}): keep a copy of it and restore a backup, or name another one"
    )]
    Corrupt {
        /// The database or its file.
        place: Place,
        /// What was found.
        detail: String,
    },
    /// Somebody's data is where there is to be none.
    #[error("{place} has data already ({rows} rows): name an empty one, or have what is there deleted first")]
    NotEmpty {
        /// The database or its file.
        place: Place,
        /// How many rows there are, those of a new table not counted.
        rows: u64,
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
    #[error("cannot use {place}")]
    Io {
        /// The database or its file.
        place: Place,
        /// What was said.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
}

fn holder(process: Option<u32>) -> String {
    process.map_or_else(String::new, |process| format!(" ({process})"))
}

fn seconds(waited: &Duration) -> String {
    format!("{:.1} s", waited.as_secs_f64())
}

fn remedy(statements: &str) -> String {
    if statements.is_empty() {
        "name a user and password that it accepts".to_owned()
    } else {
        format!("have its administrator run\n{statements}")
    }
}

/// Why a write was not done. The store is as it was before, except for [`StoreError::Unknown`].
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
