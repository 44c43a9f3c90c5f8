//! From a message to the JSON value that Go writes for the same object.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

use super::descriptor::{Field, Message, Messages, Type};
use super::wire::{Raw, Wire};
use super::{DEEPEST, Malformed};

/// Decodes a message by the name of its definition. Fields that the definition does not have are skipped: a newer
/// client may have them.
pub(super) fn message(definition: &str, bytes: &[u8]) -> Result<Value, Malformed> {
    let messages = Messages::packed();
    match messages.find(definition) {
        Some(message) => Decoder { messages }.message(message, bytes, 1),
        None => Ok(Value::Object(Map::new())),
    }
}

#[derive(Clone, Copy)]
struct Decoder {
    messages: &'static Messages,
}

impl Decoder {
    fn message(self, message: &Message, bytes: &[u8], depth: usize) -> Result<Value, Malformed> {
        let mut fields = Map::new();
        self.fields(message, bytes, depth, &mut fields)?;
        message.form.value(fields)
    }

    fn fields(
        self,
        message: &Message,
        bytes: &[u8],
        depth: usize,
        into: &mut Map<String, Value>,
    ) -> Result<(), Malformed> {
        if depth > DEEPEST {
            return Err(Malformed::Depth);
        }
        let mut wire = Wire::new(bytes);
        while let Some((number, raw)) = wire.field()? {
            if let Some(field) = message.field(number) {
                self.field(field, raw, depth, into)?;
            }
        }
        Ok(())
    }

    /// Adds a field to those of its message.
    fn field(
        self,
        field: &Field,
        raw: Raw<'_>,
        depth: usize,
        into: &mut Map<String, Value>,
    ) -> Result<(), Malformed> {
        let unfit = || Malformed::Field(raw.wire_type(), field.name.clone());
        match (&field.kind, raw) {
            (Type::Message(index), Raw::Bytes(bytes)) if field.name.is_empty() => {
                self.fields(self.messages.get(*index), bytes, depth, into)?;
            }
            (Type::List(items), raw) => {
                let list = into.entry(field.name.as_str()).or_insert_with(|| Value::Array(Vec::new()));
                let Value::Array(list) = list else { return Err(unfit()) };
                match (&**items, raw) {
                    (Type::Int32 | Type::Int64 | Type::Bool, Raw::Bytes(packed)) => {
                        let mut wire = Wire::new(packed);
                        while let Some(number) = wire.packed()? {
                            list.extend(self.value(items, Raw::Varint(number), depth + 1)?);
                        }
                    }
                    _ => list.push(self.value(items, raw, depth + 1)?.ok_or_else(unfit)?),
                }
            }
            (Type::Map(values), Raw::Bytes(entry)) => {
                let (key, value) = self.entry(values, entry, depth + 1)?;
                let map = into.entry(field.name.as_str()).or_insert_with(|| Value::Object(Map::new()));
                map.as_object_mut().ok_or_else(unfit)?.insert(key, value);
            }
            (kind, raw) => {
                let value = self.value(kind, raw, depth)?.ok_or_else(unfit)?;
                if field.keeps_zero || matches!(kind, Type::Message(_)) || !is_zero(&value) {
                    into.insert(field.name.clone(), value);
                } else {
                    into.remove(&field.name);
                }
            }
        }
        Ok(())
    }

    /// An entry of a map: a message of a key and a value, either of which may be left out if it is zero.
    fn entry(self, values: &Type, bytes: &[u8], depth: usize) -> Result<(String, Value), Malformed> {
        let (mut key, mut value) = (String::new(), None);
        let mut wire = Wire::new(bytes);
        while let Some((number, raw)) = wire.field()? {
            let unfit = || Malformed::Field(raw.wire_type(), "map".to_owned());
            match (number, raw) {
                (1, Raw::Bytes(text)) => key = String::from_utf8_lossy(text).into_owned(),
                (1, _) => return Err(unfit()),
                (2, raw) => value = Some(self.value(values, raw, depth)?.ok_or_else(unfit)?),
                _ => {}
            }
        }
        let value = match value {
            Some(value) => value,
            None => self.zero(values, depth)?,
        };
        Ok((key, value))
    }

    fn zero(self, of: &Type, depth: usize) -> Result<Value, Malformed> {
        let empty = match of {
            Type::Text | Type::Bytes | Type::Json | Type::Message(_) => Raw::Bytes(&[]),
            Type::Double => Raw::Fixed64(0),
            _ => Raw::Varint(0),
        };
        Ok(self.value(of, empty, depth)?.unwrap_or(Value::Null))
    }

    /// One value in a place at a depth; `None` if the wire has something else than the type.
    #[allow(clippy::cast_possible_truncation, reason = "as Go's generated code does")]
    fn value(self, of: &Type, raw: Raw<'_>, depth: usize) -> Result<Option<Value>, Malformed> {
        Ok(Some(match (of, raw) {
            // Bytes that are no text are what Go's JSON makes of them.
            (Type::Text, Raw::Bytes(bytes)) => String::from_utf8_lossy(bytes).into(),
            (Type::Bytes, Raw::Bytes(bytes)) => STANDARD.encode(bytes).into(),
            (Type::Json, Raw::Bytes(bytes)) => document(bytes, depth)?,
            (Type::Message(index), Raw::Bytes(bytes)) => {
                self.message(self.messages.get(*index), bytes, depth + 1)?
            }
            (Type::Bool, Raw::Varint(number)) => (number != 0).into(),
            (Type::Int32, Raw::Varint(number)) => (number as i32).into(),
            (Type::Int64, Raw::Varint(number)) => number.cast_signed().into(),
            (Type::Double, Raw::Fixed64(bits)) => double(f64::from_bits(bits))?,
            _ => return Ok(None),
        }))
    }
}

/// A number as Go writes it: without a fraction where there is none.
#[allow(clippy::cast_possible_truncation, reason = "a whole number between the bounds is exact")]
fn double(number: f64) -> Result<Value, Malformed> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if number.fract() == 0.0 && (-BOUND..BOUND).contains(&number) {
        return Ok((number as i64).into());
    }
    Number::from_f64(number).map(Value::Number).ok_or(Malformed::Number)
}

/// A JSON document that is within an object at a depth.
fn document(bytes: &[u8], depth: usize) -> Result<Value, Malformed> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let value = serde_json::from_slice(bytes).map_err(|error| Malformed::Json(error.to_string()))?;
    if depth + levels(&value) > DEEPEST { Err(Malformed::Depth) } else { Ok(value) }
}

/// How deep a value is.
fn levels(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(levels).max().unwrap_or(0),
        Value::Object(object) => 1 + object.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

/// What Go's `omitempty` leaves out.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}
