//! Events in etcd's form.

use bytes::Bytes;
use revision_store::{Entry, Event, EventKind};

use crate::{
    keys,
    proto::mvccpb::{Event as Shown, KeyValue, event::EventType},
};

/// An event, with the key as it was before if that is wanted. `lease` tells which lease an entry is attached to.
pub(super) fn event(event: &Event, previous: bool, lease: impl Fn(&Entry) -> i64) -> Shown {
    let (kind, kv) = match event.kind {
        EventKind::Put => (EventType::Put, keys::key_value(&event.entry, lease(&event.entry))),
        // Of a deletion, etcd tells the name and the revision alone.
        EventKind::Delete => {
            let key = Bytes::copy_from_slice(keys::shown(&event.entry.key).as_bytes());
            let mod_revision = keys::revision(event.revision());
            (EventType::Delete, KeyValue { key, mod_revision, ..KeyValue::default() })
        }
    };
    let before = event.previous.as_ref().filter(|_| previous);
    // Which lease it had is not kept.
    let prev_kv = before.map(|entry| keys::key_value(entry, 0));
    Shown { r#type: kind as i32, kv: Some(kv), prev_kv }
}
