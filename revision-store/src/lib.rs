//! A revisioned key-value store.
