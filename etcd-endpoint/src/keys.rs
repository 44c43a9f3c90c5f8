//! Keys: bytes in etcd, text in the store.

use std::borrow::Cow;

use bytes::Bytes;
use revision_store::Entry;
use tonic::Status;

use crate::{proto::mvccpb::KeyValue, status};

/// The key by which kube-apiservers agree who compacts (k8s.io/apiserver, `storage/etcd3/compact.go`). Its name is
/// taken in kine's table, so it is stored under [`STORED_AGREEMENT`].
const AGREEMENT: &str = "compact_rev_key";
const STORED_AGREEMENT: &str = "compact_rev_key.etcd";

/// The store's name of a key.
pub(crate) fn stored(key: &[u8]) -> Result<String, Status> {
    if key.is_empty() {
        return Err(status::empty_key());
    }
    match text(key)? {
        AGREEMENT => Ok(STORED_AGREEMENT.to_owned()),
        STORED_AGREEMENT => Err(status::unsupported("this key's name is taken: use another")),
        key => Ok(key.to_owned()),
    }
}

/// A key, or where a range of keys begins, as text.
pub(crate) fn text(key: &[u8]) -> Result<&str, Status> {
    std::str::from_utf8(key)
        .map_err(|_| status::unsupported("keys are stored as text: use only keys that are UTF-8"))
}

/// etcd's name of a stored key.
pub(crate) fn shown(key: &str) -> &str {
    if key == STORED_AGREEMENT { AGREEMENT } else { key }
}

/// The key's version. kube-apiservers expect the one of [`AGREEMENT`] to grow by 1 with each change, so it is stored.
///
/// The store does not count changes of other keys. Theirs is 1 at the creation, grows with each change, and is the same
/// only for the same state; by how much it grows is how many revisions went by.
pub(crate) fn version(entry: &Entry) -> i64 {
    match stored_version(entry) {
        Some((version, _)) => version,
        None => revision(entry.mod_revision - entry.create_revision + 1),
    }
}

/// The value as the client wrote it.
pub(crate) fn value(entry: &Entry) -> Bytes {
    match stored_version(entry) {
        Some((_, value)) => value,
        None => entry.value.clone(),
    }
}

/// Whether the value of a key is stored as it is.
pub(crate) fn keeps_no_version(key: &str) -> bool {
    key != STORED_AGREEMENT
}

/// What is stored as the value that a client writes to a key, which was this before.
pub(crate) fn stored_value<'a>(key: &str, value: &'a Bytes, before: Option<&Entry>) -> Cow<'a, Bytes> {
    if keeps_no_version(key) {
        return Cow::Borrowed(value);
    }
    let version = before.map_or(0, version) + 1;
    Cow::Owned([format!("{version} ").as_bytes(), value].concat().into())
}

/// Version and value in what [`stored_value`] made.
fn stored_version(entry: &Entry) -> Option<(i64, Bytes)> {
    if keeps_no_version(&entry.key) {
        return None;
    }
    let digits = entry.value.iter().position(|byte| *byte == b' ')?;
    let version = std::str::from_utf8(entry.value.get(..digits)?).ok()?.parse().ok()?;
    Some((version, entry.value.slice(digits + 1..)))
}

/// A revision as etcd writes it. They count from 1 and never come near the end of either type.
pub(crate) fn revision(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

/// An entry as etcd shows it, with the lease that it is attached to.
pub(crate) fn key_value(entry: &Entry, lease: i64) -> KeyValue {
    KeyValue {
        key: Bytes::copy_from_slice(shown(&entry.key).as_bytes()),
        create_revision: revision(entry.create_revision),
        mod_revision: revision(entry.mod_revision),
        version: version(entry),
        value: value(entry),
        lease,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, value: &[u8]) -> Entry {
        let value = Bytes::copy_from_slice(value);
        Entry { key: key.to_owned(), value, create_revision: 5, mod_revision: 9, lease: 0 }
    }

    #[test]
    fn the_key_of_the_agreement_keeps_its_version_with_its_value() {
        let key = stored(b"compact_rev_key").unwrap();
        let mut now = None;
        for round in 1..4 {
            let value = Bytes::from_static(b"17 18");
            let stored = stored_value(&key, &value, now.as_ref()).into_owned();
            let entry = entry(&key, &stored);
            let shown = key_value(&entry, 0);
            assert_eq!(
                (&shown.key[..], &shown.value[..], shown.version),
                (&b"compact_rev_key"[..], &value[..], round)
            );
            now = Some(entry);
        }
        assert!(stored(b"compact_rev_key.etcd").is_err());
    }

    #[test]
    fn other_keys_are_what_they_are() {
        assert_eq!(stored("/räder".as_bytes()).unwrap(), "/räder");
        assert_eq!(version(&entry("/a", b"1 2")), 5);
        assert_eq!(value(&entry("/a", b"1 2")), "1 2");
        assert!(stored(b"").is_err() && stored(b"\xff").is_err());
    }
}
