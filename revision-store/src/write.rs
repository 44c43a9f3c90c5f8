//! What can be written.

use bytes::Bytes;

use crate::Revision;

/// One write to one key. Each says what it expects to find, so two writers cannot undo each other's work unseen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// A key that does not exist yet.
    Create {
        /// The key.
        key: String,
        /// Its value.
        value: Bytes,
        /// Seconds until the store deletes it; 0: never.
        lease: u32,
    },
    /// A new value for a key that is still as the caller knows it.
    Update {
        /// The key.
        key: String,
        /// Its new value.
        value: Bytes,
        /// The `mod_revision` that the caller knows.
        expected: Revision,
        /// Seconds from this write until the store deletes it; 0: never.
        lease: u32,
    },
    /// The end of a key that is still as the caller knows it.
    Delete {
        /// The key.
        key: String,
        /// The `mod_revision` that the caller knows.
        expected: Revision,
    },
}

impl Write {
    /// The key that it writes.
    pub fn key(&self) -> &str {
        match self {
            Self::Create { key, .. } | Self::Update { key, .. } | Self::Delete { key, .. } => key,
        }
    }

    /// How many bytes it carries.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Create { key, value, .. } | Self::Update { key, value, .. } => key.len() + value.len(),
            Self::Delete { key, .. } => key.len(),
        }
    }
}

/// A write that is done and durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its revision.
    pub revision: Revision,
}
