//! Texts (`maxLength`, `minLength`, `pattern`) and sets of values (`enum`).

use serde_json::Value;

use super::Check;
use crate::field_error::FieldError;
use crate::go_text::{Encoder, Num, json};
use crate::keywords::Keywords;
use crate::path::Path;

impl Check<'_> {
    /// Only the first thing that is wrong is told.
    pub(super) fn check_text(&mut self, keywords: &Keywords, text: &str, path: &Path<'_>) {
        // Counted only when asked for: bytes are never fewer than characters.
        let length = || i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        if let Some(max) =
            keywords.max_length.filter(|max| super::is_above(text.len(), *max) && length() > *max)
        {
            let message = format!("should be at most {max} chars long");
            self.report(path, message, |field, _| FieldError::too_long(field, max));
        } else if let Some(min) = keywords.min_length.filter(|min| length() < *min) {
            let message = format!("should be at least {min} chars long");
            self.report(path, message, |field, message| FieldError::invalid_text(field, text, message));
        } else if let Some(pattern) = &keywords.pattern {
            let problem = match &pattern.regex {
                Ok(regex) if regex.is_match(text) => return,
                Ok(_) => String::new(),
                Err(error) => format!(", but pattern is invalid: {error}"),
            };
            let message = format!("should match '{}{problem}'", pattern.text);
            self.report(path, message, |field, message| FieldError::invalid_text(field, text, message));
        }
    }

    pub(super) fn check_values(&mut self, keywords: Option<&Keywords>, value: &Value, path: &Path<'_>) {
        let Some(values) = keywords.map(|keywords| &keywords.values).filter(|values| !values.is_empty())
        else {
            return;
        };
        if values.iter().any(|allowed| is_same(value, allowed)) {
            return;
        }
        let texts: Vec<String> = values
            .iter()
            .map(|value| value.as_str().map_or_else(|| json(value, Encoder::Standard), str::to_owned))
            .collect();
        let message = format!("should be one of {texts:?}");
        self.report(path, message, |field, _| {
            FieldError::not_supported(field, value, texts.iter().map(String::as_str))
        });
    }
}

/// Whether a value is one of an enumeration's. It is converted to the type of that, as Go converts it: a float loses
/// its fraction, an integer becomes a character. Null is never the same.
fn is_same(value: &Value, allowed: &Value) -> bool {
    match (value, allowed) {
        (Value::Null, _) => false,
        (Value::Number(value), Value::Number(allowed)) => match (Num::of(value), Num::of(allowed)) {
            (Num::Int(value), Num::Int(allowed)) => value == allowed,
            #[expect(clippy::cast_possible_truncation, reason = "Go's conversion to the enumeration's type")]
            (Num::Float(value), Num::Int(allowed)) => value as i64 == allowed,
            #[expect(clippy::float_cmp, reason = "an enumeration names exact values")]
            (value, Num::Float(allowed)) => value.float() == allowed,
        },
        (Value::Number(value), Value::String(allowed)) => match Num::of(value) {
            Num::Int(code) => {
                let char =
                    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
                allowed.chars().eq([char])
            }
            Num::Float(_) => false,
        },
        (value, allowed) => value == allowed,
    }
}
