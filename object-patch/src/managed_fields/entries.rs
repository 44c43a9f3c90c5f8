//! Reading and writing the entries.

use serde_json::{Map, Value};

use super::{ManagedFields, ManagedFieldsError, Manager, Operation, Owned};
use crate::field_set::FieldSet;

const FIELDS_V1: &str = "FieldsV1";

impl ManagedFields {
    /// Reads the list. Of two entries of one manager the last one counts.
    pub fn parse(list: &Value) -> Result<Self, ManagedFieldsError> {
        let list = match list {
            Value::Null => return Ok(Self::default()),
            Value::Array(list) => list,
            _ => return Err(ManagedFieldsError::NotAList),
        };
        let mut managed = Self::default();
        for (index, entry) in list.iter().enumerate() {
            let (manager, owned) = read(index, entry)?;
            managed.entries.insert(manager, owned);
        }
        Ok(managed)
    }

    /// Writes the list, in kube-apiserver's order: who applies before who updates, then by time, name, form and
    /// subresource.
    pub fn to_value(&self) -> Value {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(manager, owned)| {
            (manager.operation, &owned.time, &manager.name, &owned.api_version, &manager.subresource)
        });
        entries.into_iter().map(|(manager, owned)| write(manager, owned)).collect()
    }
}

fn read(index: usize, entry: &Value) -> Result<(Manager, Owned), ManagedFieldsError> {
    let entry = entry.as_object().ok_or(ManagedFieldsError::NotAList)?;
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let operation = match text("operation") {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return Err(ManagedFieldsError::Operation),
    };
    if text("apiVersion").is_empty() {
        return Err(ManagedFieldsError::ApiVersion);
    }
    match text("fieldsType") {
        FIELDS_V1 => {}
        "" => return Err(ManagedFieldsError::NoFieldsType(index)),
        other => return Err(ManagedFieldsError::FieldsType { index, found: other.to_owned() }),
    }
    let owned = Owned {
        fields: FieldSet::from_fields_v1(entry.get("fieldsV1").unwrap_or(&Value::Null))?,
        api_version: text("apiVersion").to_owned(),
        time: entry.get("time").and_then(Value::as_str).map(str::to_owned),
    };
    let api_version = if operation == Operation::Apply { "" } else { text("apiVersion") };
    let manager = Manager {
        name: text("manager").to_owned(),
        operation,
        api_version: api_version.to_owned(),
        subresource: text("subresource").to_owned(),
    };
    Ok((manager, owned))
}

fn write(manager: &Manager, owned: &Owned) -> Value {
    let operation = match manager.operation {
        Operation::Apply => "Apply",
        Operation::Update => "Update",
    };
    let texts = [
        ("manager", manager.name.as_str()),
        ("operation", operation),
        ("apiVersion", &owned.api_version),
        ("time", owned.time.as_deref().unwrap_or_default()),
        ("fieldsType", FIELDS_V1),
        ("subresource", &manager.subresource),
    ];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let mut entry: Map<String, Value> =
        texts.map(|(name, text)| (name.to_owned(), Value::from(text))).collect();
    entry.insert("fieldsV1".to_owned(), owned.fields.to_fields_v1());
    Value::Object(entry)
}
