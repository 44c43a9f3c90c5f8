//! `metadata.managedFields`.

mod cap;
mod entries;
mod times;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::field_set::{FieldSet, FieldsError};

pub use times::keep_times;

/// How a field came to be owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// By create, update, or another patch.
    Update,
}

/// What tells the entries of an object apart: the manager, how it writes, in which form, and through which
/// subresource. One who applies has one entry for all forms.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Manager {
    /// The manager's name.
    pub name: String,
    /// How it writes.
    pub operation: Operation,
    /// The form; empty for [`Operation::Apply`].
    pub api_version: String,
    /// The subresource; empty for the object itself.
    pub subresource: String,
}

impl Manager {
    /// The manager that a request's entry is kept under.
    pub fn new(name: &str, operation: Operation, api_version: &str, subresource: &str) -> Self {
        let api_version = if operation == Operation::Apply { "" } else { api_version };
        let name = if name.is_empty() { "unknown" } else { name };
        Self {
            name: name.to_owned(),
            operation,
            api_version: api_version.to_owned(),
            subresource: subresource.to_owned(),
        }
    }
}

/// What a manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The fields, in the form of `api_version`.
    pub fields: FieldSet,
    /// The form.
    pub api_version: String,
    /// When the manager last took or gave up a field, in RFC 3339.
    pub time: Option<String>,
}

/// What each manager of an object owns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagedFields {
    /// By manager.
    pub entries: BTreeMap<Manager, Owned>,
}

/// Managed fields that cannot be read. The texts are kube-apiserver's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManagedFieldsError {
    /// The list is not one, or an entry is not an object.
    #[error("managed fields are a list of objects")]
    NotAList,
    /// `operation` is missing or another.
    #[error("operation must be `Apply` or `Update`")]
    Operation,
    /// `apiVersion` is missing.
    #[error("apiVersion must not be empty")]
    ApiVersion,
    /// `fieldsType` is missing.
    #[error("missing fieldsType in managed fields entry {0}")]
    NoFieldsType(usize),
    /// `fieldsType` is not `FieldsV1`.
    #[error("invalid fieldsType {found:?} in managed fields entry {index}")]
    FieldsType {
        /// The entry's place.
        index: usize,
        /// What is there.
        found: String,
    },
    /// `fieldsV1` cannot be read.
    #[error("error decoding set: {0}")]
    Fields(#[from] FieldsError),
}

impl ManagedFields {
    /// The managed fields of an object; an object without any has none.
    pub fn of(object: &Value) -> Result<Self, ManagedFieldsError> {
        Self::parse(&object["metadata"]["managedFields"])
    }

    /// Takes the managed fields out of an object.
    pub(crate) fn strip(object: &mut Value) {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
    }

    /// Puts the managed fields into an object; none at all leave no field.
    pub fn put_into(&self, object: &mut Value) {
        Self::strip(object);
        if let (Some(object), false) = (object.as_object_mut(), self.entries.is_empty()) {
            let metadata = object.entry("metadata").or_insert_with(|| Value::Object(serde_json::Map::new()));
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.insert("managedFields".to_owned(), self.to_value());
            }
        }
    }
}

#[cfg(test)]
mod tests;
