//! What can be set of a file store.

/// Limits of a [`SqliteStore`](crate::SqliteStore).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// How many writes wait at most; a further one waits to be let in. Default: 1024.
    pub queue: usize,
    /// How many reads run at once. Default: 4.
    pub readers: usize,
    /// How many bytes the file may have; a write beyond is answered [`StoreError::Full`](crate::StoreError::Full).
    /// Default: none, as much as the disk has.
    pub max_bytes: Option<u64>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { queue: 1024, readers: 4, max_bytes: None }
    }
}
