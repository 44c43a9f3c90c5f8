//! Values as rules see them.

use std::collections::HashMap;
use std::sync::Arc;

use kube_cel::cel::objects::{Key, Map, OptionalValue};
use kube_cel::cel::{Value as Cel, functions};
use serde_json::Value;

use crate::formats::Format;
use crate::go_text::Num;
use crate::node::{Additional, Kind, SchemaRef};
use crate::prune::META_FIELDS;

/// Words that are no identifiers in CEL.
const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// The identifier of a property in CEL; none for a property that rules cannot name.
pub(crate) fn escaped(name: &str) -> Option<String> {
    if name.is_empty() || name.starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    if RESERVED.contains(&name) {
        return Some(format!("__{name}__"));
    }
    let mut identifier = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(char) = rest.chars().next() {
        let (word, length) = match char {
            '_' if rest.starts_with("__") => ("__underscores__", 2),
            '.' => ("__dot__", 1),
            '-' => ("__dash__", 1),
            '/' => ("__slash__", 1),
            '_' | 'a'..='z' | 'A'..='Z' | '0'..='9' => (&rest[..1], 1),
            _ => return None,
        };
        identifier.push_str(word);
        rest = &rest[length..];
    }
    Some(identifier)
}

/// A value of a schema; `is_resource` for an object that has `apiVersion`, `kind` and `metadata`.
pub(super) fn value(value: &Value, schema: Option<SchemaRef<'_>>, is_resource: bool) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(bool) => Cel::Bool(*bool),
        Value::Number(number) => match (Num::of(number), schema.and_then(|schema| schema.node().kind)) {
            (number, Some(Kind::Number)) => Cel::Float(number.float()),
            #[expect(clippy::cast_possible_truncation, reason = "validation took it for an integer")]
            (Num::Float(float), Some(Kind::Integer)) => Cel::Int(float as i64),
            (Num::Int(int), _) => Cel::Int(int),
            (Num::Float(float), _) => Cel::Float(float),
        },
        Value::String(text) => formatted(text, schema),
        Value::Array(elements) => {
            let items = schema.and_then(SchemaRef::items);
            let embedded = items.is_some_and(|items| items.node().embedded);
            Cel::List(Arc::new(
                elements.iter().map(|element| self::value(element, items, embedded)).collect(),
            ))
        }
        Value::Object(fields) => {
            let entries = fields.iter().filter_map(|(name, field)| {
                let (key, value) = entry(name, field, schema, is_resource)?;
                Some((Key::String(Arc::new(key)), value))
            });
            Cel::Map(Map { map: Arc::new(entries.collect::<HashMap<_, _>>()) })
        }
    }
}

/// A value that has no schema. Its fields have the names that they have.
pub(super) fn plain(value: &Value) -> Cel {
    match value {
        Value::Array(elements) => Cel::List(Arc::new(elements.iter().map(plain).collect())),
        Value::Object(fields) => {
            let entries =
                fields.iter().map(|(name, field)| (Key::String(Arc::new(name.clone())), plain(field)));
            Cel::Map(Map { map: Arc::new(entries.collect::<HashMap<_, _>>()) })
        }
        scalar => self::value(scalar, None, false),
    }
}

/// A field under the name that rules have for it; none if rules do not see it.
fn entry(
    name: &str,
    field: &Value,
    schema: Option<SchemaRef<'_>>,
    is_resource: bool,
) -> Option<(String, Cel)> {
    let Some(schema) = schema else { return Some((escaped(name)?, value(field, None, false))) };
    if let Some(property) = schema.property(name).filter(|_| !(is_resource && META_FIELDS.contains(&name))) {
        return Some((escaped(name)?, value(field, Some(property), property.node().embedded)));
    }
    if is_resource {
        match name {
            "apiVersion" | "kind" => return Some((name.to_owned(), value(field, None, false))),
            "metadata" => return Some((name.to_owned(), names_of(field))),
            _ => {}
        }
    }
    match schema.node().additional {
        // Keys of a map are data, not names.
        Additional::Of(_) => {
            let values = schema.values();
            let embedded = values.is_some_and(|values| values.node().embedded);
            Some((name.to_owned(), value(field, values, embedded)))
        }
        Additional::Any => Some((name.to_owned(), value(field, None, false))),
        Additional::None => None,
    }
}

/// Of metadata, rules see the name and what it is generated from.
fn names_of(metadata: &Value) -> Cel {
    let names = ["name", "generateName"].into_iter().filter_map(|name| {
        Some((Key::String(Arc::new(name.to_owned())), value(metadata.get(name)?, None, false)))
    });
    Cel::Map(Map { map: Arc::new(names.collect::<HashMap<_, _>>()) })
}

/// A text, or what its format makes of it.
fn formatted(text: &str, schema: Option<SchemaRef<'_>>) -> Cel {
    let string = |text: &str| Cel::String(Arc::new(text.to_owned()));
    let keywords =
        schema.filter(|schema| !schema.node().int_or_string).and_then(|s| s.node().keywords.as_ref());
    let format = keywords.and_then(|keywords| keywords.format.as_ref()?.string);
    let converted = match format {
        Some(Format::DateTime) => functions::timestamp(Arc::new(text.to_owned())),
        Some(Format::Date) => functions::timestamp(Arc::new(format!("{text}T00:00:00Z"))),
        Some(Format::Duration) => functions::duration(Arc::new(text.to_owned())),
        Some(Format::Byte) => decoded(text),
        _ => return string(text),
    };
    converted.unwrap_or_else(|_| string(text))
}

fn decoded(text: &str) -> Result<Cel, kube_cel::cel::ExecutionError> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .map(|bytes| Cel::Bytes(Arc::new(bytes)))
        .map_err(|error| kube_cel::cel::ExecutionError::function_error("bytes", error))
}

/// `oldSelf` of a rule that is evaluated without an old value as well.
pub(super) fn optional(value: Option<Cel>) -> Cel {
    Cel::Opaque(Arc::new(value.map_or_else(OptionalValue::none, OptionalValue::of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_where_cel_has_other_uses_for_them() {
        for (name, identifier) in [
            ("a_b", Some("a_b")),
            ("a__b", Some("a__underscores__b")),
            ("a-b.c/d", Some("a__dash__b__dot__c__slash__d")),
            ("namespace", Some("__namespace__")),
            ("1a", None),
            ("a b", None),
            ("", None),
        ] {
            assert_eq!(escaped(name).as_deref(), identifier, "{name}");
        }
    }
}
