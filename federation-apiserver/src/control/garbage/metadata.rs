//! What garbage collection needs to know of an object.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::object;
use crate::rest::{FOREGROUND, ORPHAN};

/// An object that another belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Owner {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) block_owner_deletion: bool,
}

/// How an object ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// Not at all.
    #[default]
    No,
    /// When its other finalizers are gone.
    Plain,
    /// After its dependents that block it.
    Foreground,
    /// After its dependents have been told that they are on their own.
    Orphan,
}

/// The part of an object's metadata that counts.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    pub(super) uid: String,
    pub(super) name: String,
    pub(super) namespace: String,
    deletion_timestamp: Option<String>,
    #[serde(deserialize_with = "or_default")]
    finalizers: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) owner_references: Vec<Owner>,
}

impl Metadata {
    /// Reads a stored object; `None` of what is not one.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Stored {
            metadata: Metadata,
        }
        let stored: Stored = serde_json::from_slice(value).ok()?;
        Some(stored.metadata).filter(|metadata| !metadata.uid.is_empty())
    }

    /// How the object ends.
    pub(super) fn ending(&self) -> Ending {
        let has = |finalizer: &str| self.finalizers.iter().any(|one| one == finalizer);
        match self.deletion_timestamp {
            None => Ending::No,
            Some(_) if has(ORPHAN) => Ending::Orphan,
            Some(_) if has(FOREGROUND) => Ending::Foreground,
            Some(_) => Ending::Plain,
        }
    }
}

/// The owners of an object that was read.
pub(super) fn owners(object: &Value) -> Vec<Owner> {
    Vec::deserialize(&object["metadata"]["ownerReferences"]).unwrap_or_default()
}

/// Removes the references to these owners; `false`: there are none.
pub(super) fn remove_owners(object: &mut Value, uids: &[String]) -> bool {
    let Some(all) = object["metadata"]["ownerReferences"].as_array_mut() else { return false };
    let before = all.len();
    all.retain(|owner| !uids.iter().any(|uid| owner["uid"] == **uid));
    let (left, removed) = (all.len(), all.len() < before);
    if left == 0 {
        object::set(object, "ownerReferences", None);
    }
    removed
}

/// Lets the object block none of its owners any more; `false`: it blocks none.
pub(super) fn unblock_owners(object: &mut Value) -> bool {
    let mut changed = false;
    for owner in object["metadata"]["ownerReferences"].as_array_mut().into_iter().flatten() {
        if owner["blockOwnerDeletion"] == true {
            owner["blockOwnerDeletion"] = false.into();
            changed = true;
        }
    }
    changed
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
