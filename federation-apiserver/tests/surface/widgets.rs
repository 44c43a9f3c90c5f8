//! Custom resources for the columns of their definition.

use serde_json::{Value, json};

/// One without fields, one with all, and one whose fields have other types than the columns.
pub(crate) fn widgets() -> Vec<Value> {
    let widget = |name: &str, spec: Value| json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec});
    vec![
        widget("none", json!({})),
        widget(
            "all",
            json!({"text": "x", "number": 3, "on": true, "since": "2020-01-01T00:00:00Z", "object": {"b": 1, "a": [true]},
                "list": [{"name": "a", "value": 1}, {"name": "b", "value": 2}], "dotted.name": "d"}),
        ),
        widget(
            "odd",
            json!({"text": 5, "number": 2.75, "on": "yes", "since": "never", "object": [1, "x"], "list": [], "dotted.name": false}),
        ),
    ]
}
