//! The document of OpenAPI 2, for clients that know no other: the same definitions and paths, in its words.

use serde_json::{Map, Value, json};

use super::schemas::PREFIX;

/// One document of all groups and versions.
pub(super) fn document(documents: impl Iterator<Item = Value>) -> Value {
    let (mut definitions, mut paths) = (Map::new(), Map::new());
    for mut document in documents {
        if let Value::Object(schemas) = document["components"]["schemas"].take() {
            definitions.extend(schemas.into_iter().map(|(name, schema)| (name, self::schema(schema))));
        }
        if let Value::Object(all) = document["paths"].take() {
            paths.extend(all.into_iter().map(|(path, operations)| (path, self::path(operations))));
        }
    }
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths,
        "definitions": definitions,
        "securityDefinitions": {"BearerToken": {
            "type": "apiKey",
            "name": "authorization",
            "in": "header",
            "description": "Bearer Token authentication",
        }},
    })
}

/// A schema without what OpenAPI 2 has no word for.
fn schema(value: Value) -> Value {
    let Value::Object(mut object) = value else { return value };
    if let Some(Value::Array(all)) = object.remove("allOf") {
        // A reference, and what is said beside it, which is not allowed there.
        let reference = all.into_iter().find_map(|one| one.get("$ref").cloned());
        object.retain(|keyword, _| keyword == "description");
        object.extend(reference.map(|to| ("$ref".to_owned(), to)));
    }
    for keyword in ["oneOf", "anyOf", "not", "nullable"] {
        object.remove(keyword);
    }
    if object.contains_key("format") && !object.contains_key("type") {
        object.insert("type".to_owned(), "string".into());
    }
    let mut changed = Map::new();
    for (keyword, value) in object {
        let value = match (keyword.as_str(), value) {
            ("$ref", Value::String(to)) => Value::from(to.replace(PREFIX, "#/definitions/")),
            ("properties", Value::Object(properties)) => {
                Value::Object(properties.into_iter().map(|(name, one)| (name, schema(one))).collect())
            }
            ("items" | "additionalProperties", value) => schema(value),
            (_, value) => value,
        };
        changed.insert(keyword, value);
    }
    Value::Object(changed)
}

fn path(value: Value) -> Value {
    let Value::Object(mut path) = value else { return value };
    for (method, part) in &mut path {
        match (method.as_str(), part) {
            ("parameters", Value::Array(all)) => all.iter_mut().for_each(parameter),
            (_, operation) => self::operation(operation),
        }
    }
    Value::Object(path)
}

fn operation(operation: &mut Value) {
    let reference =
        |content: &Value| content.as_object().and_then(|all| all.values().next()?.get("schema").cloned());
    if let Some(Value::Array(all)) = operation.get_mut("parameters") {
        all.iter_mut().for_each(parameter);
    }
    let body = operation.as_object_mut().and_then(|fields| fields.remove("requestBody"));
    if let Some(body) = body {
        let required = body["required"] == Value::Bool(true);
        let body_schema = reference(&body["content"]).map(schema);
        let mut parameter = json!({"name": "body", "in": "body", "schema": body_schema});
        if required {
            parameter["required"] = true.into();
        }
        if let Some(all) = operation["parameters"].as_array_mut() {
            all.push(parameter);
        }
        let types: Vec<_> = body["content"].as_object().into_iter().flat_map(Map::keys).cloned().collect();
        operation["consumes"] = json!(types);
    }
    operation["produces"] = json!(["application/json", "application/yaml"]);
    for answer in operation["responses"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        let content = answer.as_object_mut().and_then(|fields| fields.remove("content"));
        if let Some(answered) = content.as_ref().and_then(reference) {
            answer["schema"] = schema(answered);
        }
    }
}

/// A parameter's schema is part of the parameter.
fn parameter(parameter: &mut Value) {
    if let Some(fields) = parameter.as_object_mut()
        && let Some(Value::Object(schema)) = fields.remove("schema")
    {
        fields.extend(schema);
    }
}
