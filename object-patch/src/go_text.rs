//! Values as Go prints them, since kube-apiserver's messages hold them in that form.

use std::fmt::Write;

use serde_json::{Map, Number, Value};
pub(crate) use structural_schema::go_text::{json_kind, quote};

/// A value as `%v` prints it: `map[a:1 b:[x y]]`.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => plain_number(number),
        Value::String(text) => text.clone(),
        Value::Array(items) => plain_list(items),
        Value::Object(fields) => plain_map(fields),
    }
}

/// A list as `%v` prints it.
pub(crate) fn plain_list(items: &[Value]) -> String {
    let items: Vec<_> = items.iter().map(plain).collect();
    format!("[{}]", items.join(" "))
}

/// A map as `%v` prints it, in order of its keys.
pub(crate) fn plain_map(fields: &Map<String, Value>) -> String {
    let mut keys: Vec<_> = fields.keys().collect();
    keys.sort();
    let fields: Vec<_> = keys.into_iter().map(|key| format!("{key}:{}", plain(&fields[key]))).collect();
    format!("map[{}]", fields.join(" "))
}

/// A number as `%v` prints it: floats in exponent form below 1e-4 and from 1e6 on, in Go's spelling.
pub(crate) fn plain_number(number: &Number) -> String {
    if let Some(integer) = number.as_i64() {
        return integer.to_string();
    }
    float(number.as_f64().unwrap_or_default(), -4, 6)
}

/// A value as structured-merge-diff shows it in paths: strings are quoted.
pub(crate) fn quoted(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => quote(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(quoted).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(name, field)| format!("{name}={}", quoted(field))).collect();
            fields.concat()
        }
        scalar => plain(scalar),
    }
}

/// A value as `%#v` prints it.
pub(crate) fn source(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::String(text) => quote(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(source).collect();
            format!("{LIST_TYPE}{{{}}}", items.join(", "))
        }
        Value::Object(fields) => {
            let mut names: Vec<_> = fields.keys().collect();
            names.sort();
            let fields: Vec<_> =
                names.into_iter().map(|name| format!("{}:{}", quote(name), source(&fields[name]))).collect();
            format!("{MAP_TYPE}{{{}}}", fields.join(", "))
        }
        scalar => plain(scalar),
    }
}

/// A value as Go's encoder writes it: whole numbers without a point, and `<`, `>`, `&` escaped.
pub(crate) fn json(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.to_string(),
            None => float(number.as_f64().unwrap_or_default(), -6, 21),
        },
        Value::String(text) => json_string(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(json).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let mut names: Vec<_> = fields.keys().collect();
            names.sort();
            let fields: Vec<_> = names
                .into_iter()
                .map(|name| format!("{}:{}", json_string(name), json(&fields[name])))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        other => other.to_string(),
    }
}

/// A string as Go's encoder writes it.
pub(crate) fn json_string(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for character in text.chars() {
        match character {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..'\u{20}' => {
                let _ = write!(written, "\\u{:04x}", u32::from(character));
            }
            other => written.push(other),
        }
    }
    written.push('"');
    written
}

/// A float with its fewest digits; with an exponent of at least two digits where it is below `low` or at least
/// `high`, as Go writes it.
pub(crate) fn float(value: f64, low: i32, high: i32) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if value != 0.0 && (exponent < low || exponent >= high) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    value.to_string()
}

/// The name of the Go type that holds a value, as `%s` prints `reflect.TypeOf`.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => LIST_TYPE,
        Value::Object(_) => MAP_TYPE,
    }
}

/// The type name of lists.
pub(crate) const LIST_TYPE: &str = "[]interface {}";

/// The type name of maps.
pub(crate) const MAP_TYPE: &str = "map[string]interface {}";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_printed_as_go_prints_them() {
        assert_eq!(
            plain(&json!({"b": [1, "x", null], "a": {"c": true}})),
            "map[a:map[c:true] b:[1 x <nil>]]"
        );
        assert_eq!(plain(&json!([1.5, 1e21, 0.00001, 100.0, 1_500_000.0])), "[1.5 1e+21 1e-05 100 1.5e+06]");
    }
}
