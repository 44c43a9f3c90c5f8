//! Values in the forms in which an API server, a Go program, prints them.

mod json;
mod plain;

use std::fmt::Write as _;

use serde_json::{Number, Value};

pub use json::{Encoder, json, json_string};
pub use plain::{LIST_TYPE, MAP_TYPE, plain, plain_list, plain_map, source, type_name};

/// A number as Go's decoder holds it: an int64 where it is written as one and fits, else a float64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Num {
    /// An int64.
    Int(i64),
    /// A float64.
    Float(f64),
}

impl Num {
    pub(crate) fn of(number: &Number) -> Self {
        match number.as_i64() {
            Some(int) => Self::Int(int),
            None => Self::Float(number.as_f64().unwrap_or(f64::MAX)),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "as Go's conversion of an int64 to a float64")]
    pub(crate) fn float(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }

    /// `%v`.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Int(int) => int.to_string(),
            Self::Float(float) => float_text(float),
        }
    }

    pub(crate) fn value(self) -> Value {
        match self {
            Self::Int(int) => Value::from(int),
            Self::Float(float) => Value::from(float),
        }
    }
}

/// `%v` of a float64: the shortest digits that read back as the number, with an exponent below -4 and from 6 on, as
/// `fmt` prints it.
pub(crate) fn float_text(float: f64) -> String {
    let (negative, digits, exponent) = decimal(float);
    let sign = if negative { "-" } else { "" };
    if !(-4..6).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", exponent.abs());
    }
    format!("{sign}{}", without_exponent(&digits, exponent))
}

/// `strconv.FormatFloat(f, 'f', -1, 64)`: never with an exponent.
pub(crate) fn float_plain(float: f64) -> String {
    let (negative, digits, exponent) = decimal(float);
    format!("{}{}", if negative { "-" } else { "" }, without_exponent(&digits, exponent))
}

/// Sign, shortest digits, and the exponent of the first digit.
fn decimal(float: f64) -> (bool, String, i32) {
    let text = format!("{:e}", float.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (float.is_sign_negative(), mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

fn without_exponent(digits: &str, exponent: i32) -> String {
    let point = exponent + 1;
    let Ok(whole) = usize::try_from(point) else {
        return format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize));
    };
    if whole == 0 {
        format!("0.{digits}")
    } else if digits.len() > whole {
        format!("{}.{}", &digits[..whole], &digits[whole..])
    } else {
        format!("{digits}{}", "0".repeat(whole - digits.len()))
    }
}

/// `%q`: a string in double quotes, with what cannot be printed escaped.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            ' '..='~' => quoted.push(char),
            '\0'..='\u{7f}' => _ = write!(quoted, "\\x{:02x}", u32::from(char)),
            _ if printable(char) => quoted.push(char),
            '\u{80}'..='\u{ffff}' => _ = write!(quoted, "\\u{:04x}", u32::from(char)),
            _ => _ = write!(quoted, "\\U{:08x}", u32::from(char)),
        }
    }
    quoted.push('"');
    quoted
}

/// Of characters beyond ASCII. A letter stands before it, since a combining mark is printable behind one.
fn printable(char: char) -> bool {
    !char.is_whitespace() && format!("a{char}").escape_debug().count() == 2
}

/// The name of a JSON value's kind, as Go's decoder has it in its errors.
pub fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A value as it stands in a field error: scalars as they are printed, strings quoted, the rest as JSON.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(string) => quote(string),
        Value::Number(number) => Num::of(number).text(),
        other => json(other, Encoder::Standard),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_go_prints_them() {
        for (float, text) in [
            (1.5, "1.5"),
            (0.1, "0.1"),
            (100_000.0, "100000"),
            (1_000_000.0, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (-2.0, "-2"),
            (0.0, "0"),
        ] {
            assert_eq!(float_text(float), text, "{float:e}");
        }
        assert_eq!(float_plain(1.5e22), "15000000000000000000000");
        assert_eq!(float_plain(1.5e-7), "0.00000015");
    }

    #[test]
    fn strings_are_quoted_as_go_quotes_them() {
        assert_eq!(
            quote("a\"b\\\n\u{1}\u{7f}é\u{a0}\u{200b}\u{1f600}"),
            "\"a\\\"b\\\\\\n\\x01\\x7fé\\u00a0\\u200b😀\""
        );
    }
}
