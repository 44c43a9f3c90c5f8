//! Values as `%v` and `%#v` print them.

use serde_json::{Map, Value};

use super::{Num, quote};

/// A value as `%v` prints it: `map[a:1 b:[x y]]`.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => Num::of(number).text(),
        Value::String(text) => text.clone(),
        Value::Array(items) => plain_list(items),
        Value::Object(fields) => plain_map(fields),
    }
}

/// A list as `%v` prints it.
pub fn plain_list(items: &[Value]) -> String {
    let items: Vec<_> = items.iter().map(plain).collect();
    format!("[{}]", items.join(" "))
}

/// A map as `%v` prints it, in order of its keys.
pub fn plain_map(fields: &Map<String, Value>) -> String {
    let fields: Vec<_> =
        sorted(fields).into_iter().map(|(name, value)| format!("{name}:{}", plain(value))).collect();
    format!("map[{}]", fields.join(" "))
}

/// A value as `%#v` prints it.
pub fn source(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::String(text) => quote(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(source).collect();
            format!("{LIST_TYPE}{{{}}}", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> = sorted(fields)
                .into_iter()
                .map(|(name, value)| format!("{}:{}", quote(name), source(value)))
                .collect();
            format!("{MAP_TYPE}{{{}}}", fields.join(", "))
        }
        scalar => plain(scalar),
    }
}

fn sorted(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    fields
}

/// The name of the Go type that holds a value, as `%T` prints it.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => LIST_TYPE,
        Value::Object(_) => MAP_TYPE,
    }
}

/// The type name of lists.
pub const LIST_TYPE: &str = "[]interface {}";

/// The type name of maps.
pub const MAP_TYPE: &str = "map[string]interface {}";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_printed_as_go_prints_them() {
        let value = json!({"b": [1, "x", null], "a": {"c": true}});
        assert_eq!(plain(&value), "map[a:map[c:true] b:[1 x <nil>]]");
        assert_eq!(plain(&json!([1.5, 1e21, 0.00001, 100.0, 1_500_000.0])), "[1.5 1e+21 1e-05 100 1.5e+06]");
        assert_eq!(
            source(&value),
            r#"map[string]interface {}{"a":map[string]interface {}{"c":true}, "b":[]interface {}{1, "x", interface {}(nil)}}"#
        );
    }
}
