//! Descriptions as `kubectl explain` prints them: derived ones are written for rustdoc.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use super::literal;

/// A derived definition, with plain descriptions: no backticks, lines only where a paragraph ends, and the kind's own
/// words at the top instead of the derive's.
pub(super) fn explained(crd: &CustomResourceDefinition) -> CustomResourceDefinition {
    let mut json = serde_json::to_value(crd).unwrap_or_default();
    for version in json["spec"]["versions"].as_array_mut().into_iter().flatten() {
        let schema = &mut version["schema"]["openAPIV3Schema"];
        let kind = schema["properties"]["spec"]["description"].take();
        schema["properties"]["spec"]["description"] = "What is wanted.".into();
        schema["description"] = kind;
        if let Some(schema) = schema.as_object_mut() {
            // The kind's name, which the definition says already.
            schema.remove("title");
        }
        plain(schema);
    }
    literal(json)
}

fn plain(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if key == "description" => {
                        *text = text
                            .split("\n\n")
                            .map(|paragraph| paragraph.replace('\n', " ").replace('`', ""))
                            .collect::<Vec<_>>()
                            .join("\n\n");
                    }
                    other => plain(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}
