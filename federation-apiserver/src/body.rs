//! The body of a request, as a JSON value.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::status::ApiError;

/// A JSON document, with the fields that it gave twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// The document; of a field that was given twice, the last.
    pub value: Value,
    /// Paths of fields that were given twice.
    pub duplicates: Vec<String>,
}

impl Parsed {
    /// Reads JSON.
    ///
    /// # Errors
    /// What is wrong with it, as a `BadRequest`.
    pub fn json(bytes: &[u8]) -> Result<Self, ApiError> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        Self::read(&mut reader).and_then(|parsed| reader.end().map(|()| parsed)).map_err(|error| {
            ApiError::bad_request(format!("couldn't get version/kind; json parse error: {error}"))
        })
    }

    /// Reads a document of any format.
    ///
    /// # Errors
    /// The format's own, or a number that JSON cannot have.
    pub fn read<'de, D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let mut duplicates = Vec::new();
        let value = Place { path: &Path::Root, duplicates: &mut duplicates }.deserialize(reader)?;
        Ok(Self { value, duplicates })
    }
}

/// YAML, read and written by a library of the embedding program's choice.
#[derive(Clone, Copy, Debug)]
pub struct Yaml {
    /// Reads one document; [`Parsed::read`] makes it of a deserializer. What is wrong with it is told to the client.
    pub read: fn(&[u8]) -> Result<Parsed, String>,
    /// Writes one document.
    pub write: fn(&Value) -> Result<String, String>,
}

impl From<Value> for Parsed {
    fn from(value: Value) -> Self {
        Self { value, duplicates: Vec::new() }
    }
}

/// A place in the document that is read.
struct Place<'a> {
    path: &'a Path<'a>,
    duplicates: &'a mut Vec<String>,
}

/// The way to a place, the last step first. It is on the stack, and becomes text only where there is something to say.
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Element(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a JSON number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        loop {
            let path = Path::Element(self.path, all.len());
            match access.next_element_seed(Place { path: &path, duplicates: self.duplicates })? {
                Some(value) => all.push(value),
                None => return Ok(Value::Array(all)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let path = Path::Field(self.path, &key);
            if map.contains_key(&key) {
                self.duplicates.push(path.to_string());
            }
            let value = access.next_value_seed(Place { path: &path, duplicates: self.duplicates })?;
            map.insert(key, value);
        }
        if map.len() > MOST_FIELDS {
            return Err(A::Error::custom("too many fields"));
        }
        Ok(Value::Object(map))
    }
}

/// No object of the API has more; a body is limited in bytes before it is read.
const MOST_FIELDS: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_given_twice_is_told_by_its_path() {
        let parsed = Parsed::json(br#"{"a":1,"b":{"c":1,"c":2},"l":[{"d":1,"d":1}],"a":3}"#).unwrap();
        assert_eq!(parsed.value, json!({"a": 3, "b": {"c": 2}, "l": [{"d": 1}]}));
        assert_eq!(parsed.duplicates, ["b.c", "l[0].d", "a"]);
    }

    #[test]
    fn what_is_no_json_is_a_bad_request() {
        for wrong in ["", "{", "{]", "nul", "{} {}", "\u{1}"] {
            assert_eq!(Parsed::json(wrong.as_bytes()).unwrap_err().code(), 400, "{wrong:?}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(Parsed::json(deep.as_bytes()).unwrap_err().code(), 400);
    }
}
