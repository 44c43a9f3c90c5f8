//! JSON as Go's `encoding/json` writes values that it has read, since KubeFed hashes that text.
//!
//! Keys are in the order of their bytes; `<`, `>`, `&` and the line separators U+2028 and U+2029 are escaped; floats
//! are the shortest that read back, in exponent form below 1e-6 and from 1e21.
//!
//! The escapes of U+0008 and U+000C are `\b` and `\f`, as in Go since 1.22. A KubeFed that was built with an older Go
//! writes them as `\u0008` and `\u000c`, so for a text with one of them the two have different versions.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// How integers are held before they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Integers {
    /// As they are, if 64 signed bits hold them, else as floats: objects of the Kubernetes Go libraries.
    Exact,
    /// As floats: plain Go values.
    AsFloats,
}

/// Appends a value's text.
pub(super) fn write(value: &Value, integers: Integers, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, integers, out),
        Value::String(text) => write_string(text, out),
        Value::Array(list) => {
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, integers, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            // Sorted already, unless some crate of the build makes serde_json keep the order of insertion.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_bytes());
            out.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write(item, integers, out);
            }
            out.push('}');
        }
    }
}

fn write_number(number: &Number, integers: Integers, out: &mut String) {
    // Writing to a String cannot fail.
    if let (Some(whole), Integers::Exact) = (number.as_i64(), integers) {
        let _ = write!(out, "{whole}");
        return;
    }
    let float = number.as_f64().unwrap_or_default();
    let size = float.abs();
    let _ = if size == 0.0 {
        // An API server prints a negative zero as `-0`, which is read back as an integer.
        out.write_char('0')
    } else if size < 1e-6 {
        write!(out, "{float:e}")
    } else if size >= 1e21 {
        // Rust leaves the plus out. No exponent here has fewer than two digits, so it is all that differs.
        write!(out, "{}", format!("{float:e}").replace('e', "e+"))
    } else {
        write!(out, "{float}")
    };
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut clean_from = 0;
    for (at, c) in text.char_indices() {
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '<' => "\\u003c",
            '>' => "\\u003e",
            '&' => "\\u0026",
            '\u{2028}' => "\\u2028",
            '\u{2029}' => "\\u2029",
            '\0'..='\u{1f}' => "",
            _ => continue,
        };
        out.push_str(&text[clean_from..at]);
        clean_from = at + c.len_utf8();
        if escape.is_empty() {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[clean_from..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str, integers: Integers) -> String {
        let mut text = String::new();
        write(&serde_json::from_str(json).unwrap(), integers, &mut text);
        text
    }

    #[test]
    fn numbers_are_gos() {
        for (json, go) in [
            ("1", "1"),
            ("1.0", "1"),
            ("-0.0", "0"),
            ("1.5", "1.5"),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("-2.5e30", "-2.5e+30"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("1.5e-9", "1.5e-9"),
            ("1e-10", "1e-10"),
            ("18446744073709551615", "18446744073709552000"),
        ] {
            assert_eq!(text(json, Integers::Exact), go, "{json}");
            assert_eq!(text(json, Integers::AsFloats), go, "{json}");
        }
        assert_eq!(text("9007199254740993", Integers::Exact), "9007199254740993");
        assert_eq!(text("9007199254740993", Integers::AsFloats), "9007199254740992");
    }

    #[test]
    fn strings_are_gos() {
        for (json, go) in [
            (r#""a<b>&c""#, r#""a\u003cb\u003e\u0026c""#),
            (r#""\u2028\u2029é😀/""#, r#""\u2028\u2029é😀/""#),
            (r#""\b\f\n\r\t\u0001\u007f""#, "\"\\b\\f\\n\\r\\t\\u0001\u{7f}\""),
            (r#""\"\\""#, r#""\"\\""#),
        ] {
            assert_eq!(text(json, Integers::Exact), go);
        }
    }
}
