//! Schemas, and what is done to objects by them.

use serde_json::{Value, json};
use structural_schema::{Condition, Schema, check_definition};

use super::documents;

/// A schema on the first line, objects on the others. What is pruned and defaulted is so for good.
pub(crate) fn schema(input: &[u8]) {
    let documents = documents(input);
    let Some((schema, objects)) = documents.split_first() else { return };
    let accepted = check_definition(schema, "schema", true).is_empty();
    let Ok(schema) = Schema::compile(schema) else { return };
    for object in objects {
        let mut object = object.clone();
        schema.prune(&mut object);
        schema.default(&mut object);
        if accepted {
            let mut again = object.clone();
            schema.prune(&mut again);
            schema.default(&mut again);
            assert_eq!(again, object, "pruned and defaulted twice");
        }
        let _ = schema.validate(&object, None);
        let unchanged = schema.validate(&object, Some(&object));
        let _ = schema.validate_status(&object, &object);
        drop(unchanged);
    }
}

/// A rule of a field, and a condition.
pub(crate) fn rule(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let field = json!({
        "type": "object", "x-kubernetes-validations": [{"rule": text, "message": "no"}],
        "properties": {"a": {"type": "string", "maxLength": 10}, "n": {"type": "integer"}, "l": {
            "type": "array", "maxItems": 5, "items": {"type": "string", "maxLength": 10}}},
    });
    let _ = check_definition(&json!({"type": "object", "properties": {"spec": field}}), "schema", false);
    let schema = json!({"type": "object", "properties": {"spec": field}});
    if let Ok(schema) = Schema::compile(&schema) {
        let object = json!({"spec": {"a": "text", "n": 3, "l": ["x", "y"]}});
        let _ = schema.validate(&object, None);
        let large = json!({"spec": {"a": "text".repeat(500), "n": 1_000_000_000, "l": vec!["x"; 500]}});
        let _ = schema.validate(&large, None);
        let _ = schema.validate(&object, Some(&json!({"spec": {"a": "old", "n": 2}})));
    }
    if let Ok(condition) = Condition::compile(&text, &["object"]) {
        let _ = condition.holds(&[("object", &Value::Null)]);
    }
}
