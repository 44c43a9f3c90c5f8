//! The columns of custom resources (`additionalPrinterColumns`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::json_path::JsonPath;
use super::{Column, text};

/// A column and where its cells come from.
#[derive(Clone, Debug)]
pub(super) struct CustomColumn {
    name: String,
    kind: String,
    format: String,
    description: String,
    priority: i64,
    /// None for a path that cannot be read: its cells are empty.
    path: Option<JsonPath>,
}

/// The columns that a definition's version declares; the age where it declares none.
pub(super) fn columns(declared: &Value) -> Vec<CustomColumn> {
    let age = json!([{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]);
    let declared = declared.as_array().filter(|all| !all.is_empty()).map_or(&age, |_| declared);
    text::list(declared, "").iter().map(CustomColumn::of).collect()
}

impl CustomColumn {
    fn of(declared: &Value) -> Self {
        let owned = |name: &str| declared[name].as_str().unwrap_or_default().to_owned();
        let path = declared["jsonPath"].as_str().unwrap_or_default();
        let described = declared["description"].as_str().filter(|text| !text.is_empty());
        let description = described.map_or_else(
            || format!("Custom resource definition column (in JSONPath format): {path}"),
            str::to_owned,
        );
        Self {
            name: owned("name"),
            kind: owned("type"),
            format: owned("format"),
            description,
            priority: declared["priority"].as_i64().unwrap_or(0),
            path: JsonPath::parse(path),
        }
    }

    /// How the column is described.
    pub(super) fn column(&self) -> Column<'_> {
        Column {
            name: &self.name,
            kind: &self.kind,
            format: &self.format,
            description: &self.description,
            priority: self.priority,
        }
    }

    /// An object's cell: null where the path leads nowhere or the value is of another type.
    pub(super) fn cell(&self, object: &Value, now: Timestamp) -> Value {
        let Some(value) = self.path.as_ref().and_then(|path| path.first(object)) else { return Value::Null };
        match (self.kind.as_str(), value) {
            (_, Value::Null) => Value::Null,
            ("string", Value::String(text)) => Value::from(text.as_str()),
            ("string", other) => Value::from(other.to_string()),
            ("integer", Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Value::from(integer),
                (None, Some(real)) => {
                    serde_json::from_str(&format!("{:.0}", real.trunc())).unwrap_or_default()
                }
                (None, None) => Value::Null,
            },
            ("number", Value::Number(number)) => Value::Number(number.clone()),
            ("boolean", Value::Bool(truth)) => Value::from(*truth),
            ("date", time @ Value::String(_)) => Value::from(text::since(Some(time), now)),
            _ => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_by_type() {
        let object = json!({"spec": {"s": "x", "i": 3, "f": 2.7, "b": true, "o": {"k": [1]}, "n": null},
            "metadata": {"creationTimestamp": "2020-01-01T00:00:00Z"}});
        let now: Timestamp = "2020-01-01T00:01:00Z".parse().unwrap();
        for (kind, path, expected) in [
            ("string", ".spec.s", json!("x")),
            ("string", ".spec.i", json!("3")),
            ("string", ".spec.b", json!("true")),
            ("string", ".spec.o", json!("{\"k\":[1]}")),
            ("string", ".spec.none", json!(null)),
            ("string", ".spec.n", json!(null)),
            ("integer", ".spec.i", json!(3)),
            ("integer", ".spec.f", json!(2)),
            ("integer", ".spec.s", json!(null)),
            ("number", ".spec.f", json!(2.7)),
            ("boolean", ".spec.b", json!(true)),
            ("date", ".metadata.creationTimestamp", json!("60s")),
            ("date", ".spec.s", json!("<invalid>")),
            ("date", ".spec.i", json!(null)),
        ] {
            let column = CustomColumn::of(&json!({"name": "C", "type": kind, "jsonPath": path}));
            assert_eq!(column.cell(&object, now), expected, "{kind} {path}");
        }
        assert_eq!(columns(&Value::Null)[0].name, "Age");
    }
}
