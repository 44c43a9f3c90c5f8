//! Collecting what is wrong.

use serde_json::{Map, Value};

use crate::FieldError;
use crate::syntax;

pub(super) const IMMUTABLE: &str = "field is immutable";
const NEGATIVE: &str = "must be greater than or equal to 0";

/// What was found so far.
pub(super) struct Check {
    pub(super) errors: Vec<FieldError>,
}

impl Check {
    pub(super) fn new() -> Self {
        Self { errors: Vec::new() }
    }

    pub(super) fn add(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    pub(super) fn required(&mut self, path: impl Into<String>, detail: &str) {
        self.add(FieldError::required(path, detail));
    }

    pub(super) fn invalid(&mut self, path: impl Into<String>, value: &Value, detail: &str) {
        self.add(FieldError::invalid(path, value, detail));
    }

    pub(super) fn forbidden(&mut self, path: impl Into<String>, detail: &str) {
        self.add(FieldError::forbidden(path, detail));
    }

    /// One error for each thing that is wrong with a text.
    pub(super) fn syntax(&mut self, path: &str, text: &str, wrong: Vec<String>) {
        for wrong in wrong {
            self.add(FieldError::invalid_text(path, text, &wrong));
        }
    }

    /// A number that is not there or not negative.
    pub(super) fn not_negative(&mut self, within: &Value, path: &str, name: &str) {
        if within[name].as_i64().is_some_and(|number| number < 0) {
            self.invalid(format!("{path}.{name}"), &within[name], NEGATIVE);
        }
    }

    /// A port's number.
    pub(super) fn port(&mut self, path: &str, number: &Value) {
        if number.as_i64().is_none_or(|number| !(1..=65535).contains(&number)) {
            self.invalid(path, number, "must be between 1 and 65535, inclusive");
        }
    }

    /// A text that is one of some; nothing when it is absent.
    pub(super) fn one_of(&mut self, path: &str, value: &Value, supported: &[&str]) {
        if value.as_str().is_some_and(|text| !supported.contains(&text)) {
            self.add(FieldError::not_supported(path, value, supported));
        }
    }

    /// A field that an update must leave alone.
    pub(super) fn immutable(&mut self, path: &str, new: Option<&Value>, old: Option<&Value>) {
        if new != old {
            self.invalid(path, new.unwrap_or(&Value::Null), IMMUTABLE);
        }
    }

    /// `matchLabels` and the like.
    pub(super) fn labels(&mut self, path: &str, labels: &Value) {
        for (key, value) in labels.as_object().into_iter().flatten() {
            self.syntax(path, key, syntax::label_key(key));
            let value = value.as_str().unwrap_or_default();
            self.syntax(path, value, syntax::label_value(value));
        }
    }

    /// A `metav1.LabelSelector`.
    pub(super) fn selector(&mut self, path: &str, selector: &Value) {
        self.labels(&format!("{path}.matchLabels"), &selector["matchLabels"]);
        for (index, expression) in list(&selector["matchExpressions"]).iter().enumerate() {
            let path = format!("{path}.matchExpressions[{index}]");
            let values = list(&expression["values"]);
            match expression["operator"].as_str().unwrap_or_default() {
                "In" | "NotIn" if values.is_empty() => {
                    let detail = "must be specified when `operator` is 'In' or 'NotIn'";
                    self.required(format!("{path}.values"), detail);
                }
                "Exists" | "DoesNotExist" if !values.is_empty() => {
                    let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                    self.forbidden(format!("{path}.values"), detail);
                }
                "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
                other => {
                    let detail = "not a valid selector operator";
                    self.add(FieldError::invalid_text(format!("{path}.operator"), other, detail));
                }
            }
            let key = text(expression, "key");
            self.syntax(&format!("{path}.key"), key, syntax::label_key(key));
            for (index, value) in values.iter().enumerate() {
                let value = value.as_str().unwrap_or_default();
                self.syntax(&format!("{path}.values[{index}]"), value, syntax::label_value(value));
            }
        }
    }

    /// A number or a percentage, neither of them negative.
    pub(super) fn number_or_percent(&mut self, path: &str, value: &Value) {
        match value {
            Value::String(text) if percent(text).is_none() => {
                let detail = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  \
                              or '93%', regex used for validation is '[0-9]+%')";
                self.invalid(path, value, detail);
            }
            Value::Number(number) if number.as_i64().is_some_and(|number| number < 0) => {
                self.invalid(path, value, NEGATIVE);
            }
            _ => {}
        }
    }

    /// A percentage of at most 100.
    pub(super) fn at_most_all(&mut self, path: &str, value: &Value) {
        if value.as_str().and_then(percent).is_some_and(|percent| percent > 100) {
            self.invalid(path, value, "must not be greater than 100%");
        }
    }
}

/// The number before a `%`.
pub(super) fn percent(text: &str) -> Option<u64> {
    text.strip_suffix('%').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

/// A list's elements; none where it is absent.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A map's entries; none where it is absent.
pub(super) fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// A field's text; empty where it is absent.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
