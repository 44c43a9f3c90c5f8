//! JSON patch, RFC 6902, with the readings of it that kube-apiserver's library has.
//!
//! They are: an index may be negative and then counts from the end; `replace`, `test` and `copy` of a field that is
//! missing take it for null; `add`, `remove`, `move` and `copy` of the whole document are refused.

mod document;

use serde_json::{Map, Value};
use structural_schema::go_text::json_kind;

use crate::depth::{self, MAX_DEPTH, is_deeper_than};
use crate::error::PatchError;
use document::{Place, find};

/// The most operations that a patch may have.
pub const MAX_OPERATIONS: usize = 10_000;

/// The most bytes, as JSON, that the `copy` operations of a patch may add: kube-apiserver's `JSONPatchMaxCopyBytes`.
pub const MAX_COPIED_BYTES: usize = 3 << 20;

const FIELDS: [&str; 4] = ["op", "path", "from", "value"];

/// Applies a JSON patch: all of it, or nothing.
pub fn json_patch(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    depth::check(&[object, patch])?;
    let operations = decode(patch)?;
    if operations.len() > MAX_OPERATIONS {
        return Err(PatchError::TooLarge(format!(
            "The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}",
            operations.len(),
        )));
    }
    let mut patched = Patching { document: object.clone(), copied: 0 };
    for (index, operation) in operations.iter().enumerate() {
        patched
            .carry_out(operation)
            .map_err(|detail| PatchError::unprocessable(format!("operation {index}: {detail}")))?;
    }
    Ok(patched.document)
}

/// The fields of a patch's operations that mean nothing, each as kube-apiserver warns of it, or refuses it under
/// `fieldValidation=Strict`.
pub fn unknown_fields(patch: &Value) -> Vec<String> {
    let operations = patch.as_array().map(Vec::as_slice).unwrap_or_default();
    let fields = operations.iter().enumerate().flat_map(|(index, operation)| {
        let names = operation.as_object().into_iter().flat_map(Map::keys);
        names.filter(|name| !FIELDS.contains(&name.as_str())).map(move |name| (index, name))
    });
    fields.map(|(index, name)| format!("json patch unknown field \"[{index}].{name}\"")).collect()
}

/// The operations of a patch; one that is null has no fields.
fn decode(patch: &Value) -> Result<Vec<Operation<'_>>, PatchError> {
    let malformed = |found: &Value, wanted: &str| {
        PatchError::BadRequest(format!(
            "error decoding patch: json: cannot unmarshal {} into {wanted}",
            json_kind(found)
        ))
    };
    let items = match patch {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        other => return Err(malformed(other, "Go value of type []handlers.jsonPatchOp")),
    };
    let mut operations = Vec::with_capacity(items.len());
    for item in items {
        let fields = match item {
            Value::Null => None,
            Value::Object(fields) => Some(fields),
            other => return Err(malformed(other, "Go value of type handlers.jsonPatchOp")),
        };
        let text = |name: &'static str| match fields.and_then(|fields| fields.get(name)) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(other) => {
                Err(malformed(other, &format!("Go struct field jsonPatchOp.{name} of type string")))
            }
        };
        operations.push(Operation {
            op: text("op")?.unwrap_or("unknown"),
            path: text("path")?,
            from: text("from")?,
            value: fields.and_then(|fields| fields.get("value")),
        });
    }
    Ok(operations)
}

struct Operation<'a> {
    op: &'a str,
    path: Option<&'a str>,
    from: Option<&'a str>,
    value: Option<&'a Value>,
}

impl Operation<'_> {
    fn value(&self) -> Value {
        self.value.cloned().unwrap_or_default()
    }
}

struct Patching {
    document: Value,
    copied: usize,
}

impl Patching {
    fn carry_out(&mut self, operation: &Operation<'_>) -> Result<(), String> {
        let path = || operation.path.ok_or("the field path is missing");
        let from = || operation.from.ok_or("the field from is missing");
        match operation.op {
            "add" => self.add(path()?, operation.value()),
            "remove" => self.place(path()?)?.remove().map(drop),
            "replace" => self.replace(path()?, operation.value),
            "move" => {
                let value = self.place(from()?)?.remove()?;
                self.add(path()?, value)
            }
            "copy" => {
                let value = self.place(from()?)?.get()?.cloned().unwrap_or_default();
                self.copied += value.to_string().len();
                if self.copied > MAX_COPIED_BYTES {
                    return Err(format!("the copies of the patch are larger than {MAX_COPIED_BYTES} bytes"));
                }
                self.add(path()?, value)
            }
            "test" => self.test(path()?, operation.value.unwrap_or(&Value::Null)),
            other => Err(format!("{other:?} is not an operation")),
        }
    }

    fn place(&mut self, path: &str) -> Result<Place<'_>, String> {
        find(&mut self.document, path).ok_or_else(|| format!("there is nothing that holds {path:?}"))
    }

    fn add(&mut self, path: &str, value: Value) -> Result<(), String> {
        Self::check_depth(path, &value)?;
        self.place(path)?.add(value)
    }

    fn replace(&mut self, path: &str, value: Option<&Value>) -> Result<(), String> {
        let value = value.cloned().unwrap_or_default();
        if path.is_empty() {
            if !value.is_object() && !value.is_array() {
                return Err("the document can only be replaced by an object or a list".to_owned());
            }
            self.document = value;
            return Ok(());
        }
        Self::check_depth(path, &value)?;
        self.place(path)?.replace(value)
    }

    fn test(&mut self, path: &str, expected: &Value) -> Result<(), String> {
        let found = if path.is_empty() {
            self.document == *expected
        } else {
            self.place(path)?.get()?.unwrap_or(&Value::Null) == expected
        };
        if found { Ok(()) } else { Err(format!("the value at {path:?} is another")) }
    }

    /// Values are put into values again and again; without this the result could be deeper than any input.
    fn check_depth(path: &str, value: &Value) -> Result<(), String> {
        let above = path.split('/').count();
        if above > MAX_DEPTH || is_deeper_than(value, MAX_DEPTH - above) {
            return Err(format!("{path:?} would be nested deeper than {MAX_DEPTH} levels"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
