//! A schema as it is written.

use serde_json::{Map, Value};

/// One schema, with the forms in which its keywords are asked for.
#[derive(Clone, Copy)]
pub(super) struct Source<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Source<'a> {
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    /// A keyword that is there.
    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A keyword of a text; empty if it is not there.
    pub(super) fn text(self, name: &str) -> &'a str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A keyword that is a text and there.
    pub(super) fn some_text(self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(Value::as_str)
    }

    pub(super) fn flag(self, name: &str) -> bool {
        self.get(name) == Some(&Value::Bool(true))
    }

    /// The texts of a list.
    pub(super) fn texts(self, name: &str) -> Vec<&'a str> {
        self.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The schema that a keyword holds.
    pub(super) fn schema(self, name: &str) -> Option<Self> {
        self.get(name).and_then(Self::of)
    }

    /// The schemas that a keyword lists.
    pub(super) fn schemas(self, name: &str) -> Vec<Self> {
        self.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Self::of).collect()
    }

    /// The schemas that a keyword holds by names.
    pub(super) fn named(self, name: &str) -> Vec<(&'a str, Self)> {
        let map = self.get(name).and_then(Value::as_object).into_iter().flatten();
        map.filter_map(|(name, value)| Some((name.as_str(), Self::of(value)?))).collect()
    }

    pub(super) fn property(self, name: &str) -> Option<Self> {
        self.get("properties").and_then(|properties| properties.get(name)).and_then(Self::of)
    }

    /// The keywords that say something.
    pub(super) fn said(self) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(|(_, value)| !is_nothing(value)).map(|(name, _)| name.as_str())
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(_) | Value::Bool(true) | Value::Number(_) => false,
    }
}
