//! JSON as Go programs write it: keys in order, and what could end a script escaped.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Num, decimal, float_plain};

/// Whose JSON it is. The two agree on all but numbers near zero and two control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoder {
    /// `encoding/json`: `1e-7`, and `\b` and `\f` by name.
    Standard,
    /// json-iterator, by which the keys of managed fields are written: `1e-07`, and `\b` and `\f` by number.
    Iterator,
}

/// A value as an encoder writes it.
pub fn json(value: &Value, encoder: Encoder) -> String {
    let mut text = String::new();
    write(value, encoder, &mut text);
    text
}

/// A string as an encoder writes it.
pub fn json_string(string: &str, encoder: Encoder) -> String {
    let mut text = String::with_capacity(string.len() + 2);
    write_string(string, encoder, &mut text);
    text
}

fn write(value: &Value, encoder: Encoder, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(bool) => _ = write!(text, "{bool}"),
        Value::Number(number) => match Num::of(number) {
            Num::Int(int) => _ = write!(text, "{int}"),
            Num::Float(float) => text.push_str(&float_text(float, encoder)),
        },
        Value::String(string) => write_string(string, encoder, text),
        Value::Array(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(element, encoder, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (index, (name, field)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_string(name, encoder, text);
                text.push(':');
                write(field, encoder, text);
            }
            text.push('}');
        }
    }
}

fn float_text(float: f64, encoder: Encoder) -> String {
    let size = float.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return float_plain(float);
    }
    let (negative, digits, exponent) = decimal(float);
    let (first, rest) = digits.split_at(1);
    let (sign, point) = (if negative { "-" } else { "" }, if rest.is_empty() { "" } else { "." });
    let width = match encoder {
        Encoder::Standard => 2,
        Encoder::Iterator => 3,
    };
    format!("{sign}{first}{point}{rest}e{exponent:+0width$}")
}

fn write_string(string: &str, encoder: Encoder, text: &mut String) {
    text.push('"');
    for char in string.chars() {
        match char {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' if encoder == Encoder::Standard => text.push_str("\\b"),
            '\u{c}' if encoder == Encoder::Standard => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                _ = write!(text, "\\u{:04x}", u32::from(char));
            }
            _ => text.push(char),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json as value;

    use super::*;

    #[test]
    fn the_encoders_differ_near_zero_and_in_two_characters() {
        for (value, standard, iterator) in [
            (value!(1e21), "1e+21", "1e+21"),
            (value!(1.5e-7), "1.5e-7", "1.5e-07"),
            (value!(-1e-12), "-1e-12", "-1e-12"),
            (value!(1e-300), "1e-300", "1e-300"),
            (value!(u64::MAX), "18446744073709552000", "18446744073709552000"),
            (value!("\u{8}\u{c}\u{1}\n"), r#""\b\f\u0001\n""#, r#""\u0008\u000c\u0001\n""#),
        ] {
            assert_eq!(json(&value, Encoder::Standard), standard);
            assert_eq!(json(&value, Encoder::Iterator), iterator);
        }
        let sorted = value!({"b": "<&>", "a": [1, null]});
        assert_eq!(json(&sorted, Encoder::Standard), r#"{"a":[1,null],"b":"\u003c\u0026\u003e"}"#);
    }
}
