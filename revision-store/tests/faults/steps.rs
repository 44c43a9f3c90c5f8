//! Short words for what these tests do.

use std::{fmt::Debug, path::Path};

use revision_store::{SqliteStore, Store, StoreError, Write, WriteError};

/// 1000 bytes that compress badly into fewer pages: a row each.
pub(crate) async fn create(store: &SqliteStore, key: &str) -> Result<u64, WriteError> {
    let write = Write::Create { key: key.to_owned(), value: vec![b'x'; 1000].into(), lease: 0 };
    store.write(write).await.map(|written| written.revision)
}

/// Why the file cannot be opened.
pub(crate) async fn refused(path: &Path) -> StoreError {
    SqliteStore::open(path).await.unwrap_err()
}

/// Asserts that a message says what it has to.
pub(crate) fn says(error: &(impl ToString + Debug), words: &[&str]) {
    let message = error.to_string();
    assert!(words.iter().all(|word| message.contains(word)), "{message}");
}
