//! Places in a document, by their path.

use serde_json::{Map, Value};

/// A field of an object, or an element of a list, that may or may not be there.
pub(super) enum Place<'a> {
    Field(&'a mut Map<String, Value>, String),
    Element(&'a mut Vec<Value>, String),
}

/// The place that a path (RFC 6901) names; `None` when what would hold it is missing. What is before the first slash
/// is not looked at.
pub(super) fn find<'a>(document: &'a mut Value, path: &str) -> Option<Place<'a>> {
    let mut parts = path.split('/').skip(1).map(decode);
    let mut last = parts.next()?;
    let mut holder = document;
    for next in parts {
        holder = match holder {
            Value::Object(fields) => fields.get_mut(&last)?,
            Value::Array(items) => {
                let index = index(&last, items.len()).ok()?;
                items.get_mut(index)?
            }
            _ => return None,
        };
        last = next;
    }
    match holder {
        Value::Object(fields) => Some(Place::Field(fields, last)),
        Value::Array(items) => Some(Place::Element(items, last)),
        _ => None,
    }
}

fn decode(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// An index below `length`; a negative one counts from the end.
fn index(text: &str, length: usize) -> Result<usize, String> {
    let number: i64 = text.parse().map_err(|_| format!("{text:?} is not an index"))?;
    let from_start = match usize::try_from(number) {
        Ok(index) => Some(index),
        Err(_) => usize::try_from(number.unsigned_abs()).ok().and_then(|back| length.checked_sub(back)),
    };
    from_start.filter(|index| *index < length).ok_or_else(|| format!("there is no element {number}"))
}

impl Place<'_> {
    /// What is here; a field that is missing is `None`, an element that is missing an error.
    pub(super) fn get(&self) -> Result<Option<&Value>, String> {
        match self {
            Self::Field(fields, name) => Ok(fields.get(name)),
            Self::Element(items, at) => Ok(items.get(index(at, items.len())?)),
        }
    }

    /// Sets a field, or inserts an element before the one that is here.
    pub(super) fn add(self, value: Value) -> Result<(), String> {
        match self {
            Self::Field(fields, name) => {
                fields.insert(name, value);
            }
            Self::Element(items, at) if at == "-" => items.push(value),
            Self::Element(items, at) => items.insert(index(&at, items.len() + 1)?, value),
        }
        Ok(())
    }

    /// Sets a field, or an element that is here.
    pub(super) fn replace(self, value: Value) -> Result<(), String> {
        match self {
            Self::Field(fields, name) => {
                fields.insert(name, value);
            }
            Self::Element(items, at) => {
                let index = index(&at, items.len())?;
                items[index] = value;
            }
        }
        Ok(())
    }

    /// Takes out what is here.
    pub(super) fn remove(self) -> Result<Value, String> {
        match self {
            Self::Field(fields, name) => {
                fields.remove(&name).ok_or_else(|| format!("there is no field {name:?}"))
            }
            Self::Element(items, at) => Ok(items.remove(index(&at, items.len())?)),
        }
    }
}
