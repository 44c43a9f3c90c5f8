//! What a store holds.

use bytes::Bytes;

/// The number of a write: 1 and up, one more for each. It is the row's id in kine's table and what etcd calls a
/// revision; Kubernetes shows it as `resourceVersion`.
pub type Revision = u64;

/// One version of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, such as `/registry/configmaps/default/settings`.
    pub key: String,
    /// The value; empty where only keys were asked for.
    pub value: Bytes,
    /// The write that created the key, after its last deletion if there was one.
    pub create_revision: Revision,
    /// The write that made this version.
    pub mod_revision: Revision,
    /// How many seconds after its last write the store deletes the key by itself; 0: never.
    pub lease: u32,
}
