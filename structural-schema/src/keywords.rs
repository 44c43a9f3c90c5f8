//! The keywords that only validation reads, in the form in which it reads them.

use regex::Regex;
use serde_json::{Map, Value};

use crate::formats::Format;
use crate::go_regex;
use crate::go_text::Num;
use crate::rules::Rule;

/// What a schema asks of values beyond their structure.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Keywords {
    /// `format`, where it means something for the schema's type.
    pub(crate) format: Option<ValueFormat>,
    /// `enum`.
    pub(crate) values: Vec<Value>,
    /// `pattern`.
    pub(crate) pattern: Option<Pattern>,
    /// `maxLength`, in characters.
    pub(crate) max_length: Option<i64>,
    /// `minLength`, in characters.
    pub(crate) min_length: Option<i64>,
    /// `maxItems`.
    pub(crate) max_items: Option<i64>,
    /// `minItems`.
    pub(crate) min_items: Option<i64>,
    /// `uniqueItems`.
    pub(crate) unique_items: bool,
    /// `maxProperties`.
    pub(crate) max_properties: Option<i64>,
    /// `minProperties`.
    pub(crate) min_properties: Option<i64>,
    /// `maximum`.
    pub(crate) maximum: Option<f64>,
    /// `exclusiveMaximum`.
    pub(crate) exclusive_maximum: bool,
    /// `minimum`.
    pub(crate) minimum: Option<f64>,
    /// `exclusiveMinimum`.
    pub(crate) exclusive_minimum: bool,
    /// `multipleOf`.
    pub(crate) multiple_of: Option<f64>,
    /// `allOf`.
    pub(crate) all_of: Vec<usize>,
    /// `anyOf`.
    pub(crate) any_of: Vec<usize>,
    /// `oneOf`.
    pub(crate) one_of: Vec<usize>,
    /// `not`.
    pub(crate) not: Option<usize>,
    /// `x-kubernetes-validations`.
    pub(crate) rules: Vec<Rule>,
}

/// `pattern`, and what it compiled to. A pattern that Go would not compile matches nothing.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) text: String,
    pub(crate) regex: Result<Regex, go_regex::PatternError>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// A format that is looked at.
#[derive(Debug, PartialEq)]
pub(crate) struct ValueFormat {
    /// As it is written in the schema.
    pub(crate) name: String,
    /// Of strings; none for the formats of numbers.
    pub(crate) string: Option<Format>,
}

impl Keywords {
    /// Whether nothing is asked.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The keywords of one schema, without those that hold other schemas.
    pub(crate) fn of(object: &Map<String, Value>) -> Self {
        let int = |name: &str| object.get(name).and_then(Value::as_i64);
        let float = |name: &str| match object.get(name) {
            Some(Value::Number(number)) => Some(Num::of(number).float()),
            _ => None,
        };
        let flag = |name: &str| object.get(name).and_then(Value::as_bool).unwrap_or(false);
        let pattern = object.get("pattern").and_then(Value::as_str).filter(|text| !text.is_empty());
        Self {
            format: ValueFormat::of(object),
            values: object.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
            pattern: pattern.map(|text| Pattern { text: text.to_owned(), regex: go_regex::compile(text) }),
            max_length: int("maxLength"),
            min_length: int("minLength"),
            max_items: int("maxItems"),
            min_items: int("minItems"),
            unique_items: flag("uniqueItems"),
            max_properties: int("maxProperties"),
            min_properties: int("minProperties"),
            maximum: float("maximum"),
            exclusive_maximum: flag("exclusiveMaximum"),
            minimum: float("minimum"),
            exclusive_minimum: flag("exclusiveMinimum"),
            multiple_of: float("multipleOf"),
            rules: Rule::all_of(object),
            ..Self::default()
        }
    }
}

impl ValueFormat {
    fn of(object: &Map<String, Value>) -> Option<Self> {
        let name = object.get("format").and_then(Value::as_str)?;
        let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
        let int_or_string = object.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true));
        let string = match kind {
            "" | "string" => Some(Format::named(name)?),
            _ if int_or_string => Some(Format::named(name)?),
            "integer" if matches!(name, "int32" | "int64") => None,
            "number" if matches!(name, "float" | "double") => None,
            _ => return None,
        };
        Some(Self { name: name.to_owned(), string })
    }
}
