//! What has to be true of Kubernetes objects in a table: pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use revision_store::{Revision, Row};
use serde::Deserialize;

/// Where an API server keeps its objects.
const ROOT: &str = "/registry/";
const NAMESPACES: &str = "/registry/namespaces/";
/// How values begin that are objects in protobuf (`k8s.io/apimachinery`, `runtime/serializer/protobuf`).
const PROTOBUF: &[u8] = b"k8s\0";
/// How values begin that are encrypted at rest (`k8s.io/apiserver`, `storage/value/encrypt`).
const ENCRYPTED: &[u8] = b"k8s:enc:";
/// Keys of an API server that hold no object.
const NO_OBJECTS: [&str; 1] = ["/registry/health"];

/// Something that no API server writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ObjectFinding {
    /// The value is no object.
    #[error("the value of {key} in row {revision} cannot be read as an object: {why}")]
    Unreadable { revision: Revision, key: String, why: String },
    /// The object says that it is another than its key.
    #[error("{key} in row {revision} holds an object that says it is {said}")]
    OtherName { revision: Revision, key: String, said: String },
    /// Two objects that are there have one uid.
    #[error("{key} and {other} have one uid, {uid}")]
    SameUid { revision: Revision, key: String, other: String, uid: String },
    /// An object is in a namespace that is not there.
    #[error("{key} is in the namespace {namespace}, which does not exist")]
    NoNamespace { revision: Revision, key: String, namespace: String },
}

impl ObjectFinding {
    /// The row that it is about.
    pub(super) fn revision(&self) -> Revision {
        match self {
            Self::Unreadable { revision, .. }
            | Self::OtherName { revision, .. }
            | Self::SameUid { revision, .. }
            | Self::NoNamespace { revision, .. } => *revision,
        }
    }
}

/// Looks at the objects of a table, one row after the other.
#[derive(Default)]
pub(super) struct Objects {
    live: BTreeMap<String, Known>,
    findings: Vec<ObjectFinding>,
}

struct Known {
    revision: Revision,
    uid: String,
    namespace: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
    namespace: String,
    uid: String,
}

impl Objects {
    /// Looks at the next row. Rows come in the order of their ids.
    pub(super) fn row(&mut self, row: &Row) {
        let key = &row.name;
        if !key.starts_with(ROOT) || NO_OBJECTS.contains(&key.as_str()) {
            return;
        }
        if row.deleted {
            self.live.remove(key);
            return;
        }
        let revision = row.id;
        let object = match read(row.value.as_deref().unwrap_or_default()) {
            Ok(object) => object.metadata,
            Err(why) => {
                self.findings.push(ObjectFinding::Unreadable { revision, key: key.clone(), why });
                return;
            }
        };
        if !is_at(key, &object) {
            let said = match object.namespace.as_str() {
                "" => object.name.clone(),
                namespace => format!("{} in {namespace}", object.name),
            };
            self.findings.push(ObjectFinding::OtherName { revision, key: key.clone(), said });
        }
        let known = Known { revision, uid: object.uid, namespace: object.namespace };
        self.live.insert(key.clone(), known);
    }

    /// How many objects are there, and what came of it.
    pub(super) fn finish(mut self) -> (usize, Vec<ObjectFinding>) {
        let namespaces: BTreeSet<&str> =
            self.live.keys().filter_map(|key| key.strip_prefix(NAMESPACES)).collect();
        let mut uids: HashMap<&str, &str> = HashMap::new();
        for (key, known) in &self.live {
            let (revision, namespace) = (known.revision, known.namespace.as_str());
            if !namespace.is_empty() && !namespaces.contains(namespace) {
                let (key, namespace) = (key.clone(), namespace.to_owned());
                self.findings.push(ObjectFinding::NoNamespace { revision, key, namespace });
            }
            if known.uid.is_empty() {
                continue;
            }
            if let Some(other) = uids.insert(&known.uid, key) {
                let (other, uid) = (other.to_owned(), known.uid.clone());
                self.findings.push(ObjectFinding::SameUid { revision, key: key.clone(), other, uid });
            }
        }
        self.findings.sort_by_key(ObjectFinding::revision);
        (self.live.len(), self.findings)
    }
}

/// Whether an object is what its key says. Objects that an API server keeps for itself have no name.
fn is_at(key: &str, object: &Metadata) -> bool {
    let mut segments = key.rsplit('/');
    let (name, namespace) = (segments.next(), segments.next());
    object.name.is_empty()
        || name == Some(&object.name) && (object.namespace.is_empty() || namespace == Some(&object.namespace))
}

/// What an object says of itself; nothing, if it is encrypted.
fn read(value: &[u8]) -> Result<Object, String> {
    if value.starts_with(ENCRYPTED) {
        return Ok(Object::default());
    }
    match value.strip_prefix(PROTOBUF) {
        Some(envelope) => protobuf(envelope).ok_or_else(|| "its protobuf is broken off".to_owned()),
        None => serde_json::from_slice(value).map_err(|error| error.to_string()),
    }
}

/// The metadata of an object in protobuf: `runtime.Unknown` has the object's message as field 2, each object its
/// `ObjectMeta` as field 1, and that the name, namespace and uid as fields 1, 3 and 5
/// (`k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto`).
fn protobuf(envelope: &[u8]) -> Option<Object> {
    let message = field(envelope, 2)?.unwrap_or_default();
    let metadata = field(message, 1)?.unwrap_or_default();
    let text =
        |number| Some(String::from_utf8_lossy(field(metadata, number)?.unwrap_or_default()).into_owned());
    Some(Object { metadata: Metadata { name: text(1)?, namespace: text(3)?, uid: text(5)? } })
}

/// A field of a message that has a length; `None`: the message is no whole one.
fn field(mut message: &[u8], wanted: u64) -> Option<Option<&[u8]>> {
    let mut found = None;
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        match tag & 7 {
            0 => drop(varint(&mut message)?),
            1 => message = message.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                let (value, rest) = message.split_at_checked(length)?;
                message = rest;
                if tag >> 3 == wanted {
                    found = Some(value);
                }
            }
            5 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(found)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn row(id: Revision, key: &str, value: impl Into<Bytes>) -> Row {
        Row {
            id,
            name: key.to_owned(),
            created: true,
            deleted: false,
            create_revision: None,
            prev_revision: Some(0),
            lease: None,
            value: Some(value.into()),
            old_value: None,
        }
    }

    fn object(id: Revision, key: &str, namespace: &str, name: &str, uid: &str) -> Row {
        let value = json!({"metadata": {"namespace": namespace, "name": name, "uid": uid}});
        row(id, key, value.to_string())
    }

    fn findings(rows: &[Row]) -> Vec<ObjectFinding> {
        let mut objects = Objects::default();
        rows.iter().for_each(|row| objects.row(row));
        objects.finish().1
    }

    fn sound() -> Vec<Row> {
        vec![
            row(1, "/registry/health", "{}"),
            row(2, "/fedd/secrets", "no object"),
            object(3, "/registry/namespaces/shop", "", "shop", "1"),
            object(4, "/registry/configmaps/shop/settings", "shop", "settings", "2"),
            object(5, "/registry/core.kubefed.io/kubefedclusters/shop/rz00", "shop", "rz00", "3"),
            row(6, "/registry/secrets/shop/password", "k8s:enc:kms:v2:x"),
        ]
    }

    #[test]
    fn what_an_api_server_writes_has_no_finding() {
        assert_eq!(findings(&sound()), []);
    }

    #[test]
    fn each_kind_of_fault_is_found() {
        let planted = |more: Row| {
            let mut rows = sound();
            rows.push(more);
            findings(&rows)
        };
        let key = |name: &str| format!("/registry/configmaps/{name}");
        let unreadable = planted(row(7, &key("shop/a"), "{"));
        assert!(matches!(&*unreadable, [ObjectFinding::Unreadable { revision: 7, .. }]), "{unreadable:?}");
        let name = planted(object(7, &key("shop/a"), "shop", "b", "4"));
        assert!(matches!(&*name, [ObjectFinding::OtherName { revision: 7, .. }]), "{name:?}");
        let uid = planted(object(7, &key("shop/a"), "shop", "a", "3"));
        assert!(matches!(&*uid, [ObjectFinding::SameUid { .. }]), "{uid:?}");
        let namespace = planted(object(7, &key("bank/a"), "bank", "a", "4"));
        let expected =
            ObjectFinding::NoNamespace { revision: 7, key: key("bank/a"), namespace: "bank".into() };
        assert_eq!(namespace, [expected]);
        // One that is gone does not matter.
        let gone = Row { id: 8, deleted: true, ..object(8, &key("bank/a"), "bank", "a", "4") };
        let mut rows = sound();
        rows.extend([object(7, &key("bank/a"), "bank", "a", "4"), gone]);
        assert_eq!(findings(&rows), []);
    }

    /// A field with a length.
    fn length(number: u8, value: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(value.len()).unwrap()], value].concat()
    }

    #[test]
    fn objects_in_protobuf_are_read_too() {
        let metadata = [length(1, b"settings"), length(3, b"bank"), length(5, b"4")].concat();
        let envelope = [length(1, &length(1, b"v1")), length(2, &length(1, &metadata))].concat();
        let value = [PROTOBUF, &envelope].concat();
        let mut rows = sound();
        rows.push(row(7, "/registry/configmaps/bank/settings", value.clone()));
        let found = findings(&rows);
        assert!(matches!(&*found, [ObjectFinding::NoNamespace { .. }]), "{found:?}");
        rows[6].value = Some(value[..value.len() - 1].to_vec().into());
        let found = findings(&rows);
        assert!(matches!(&*found, [ObjectFinding::Unreadable { .. }]), "{found:?}");
    }
}
