//! Checks of what a conversion webhook gives back.

use serde_json::{Map, Value};

use crate::object;

/// What is wrong with a converted object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is of another version or kind than was asked for.
    Kind(String),
    /// It is not the object that was sent.
    Object(String),
    /// Its labels or annotations are none.
    Metadata(String),
}

impl Wrong {
    /// The error as a client is told it; `index` is the object's place in a list, if it was sent in one.
    pub(super) fn told(self, of: &str, index: Option<usize>) -> String {
        let (what, why) = match (self, index) {
            (Self::Kind(why), None) => ("object at index 0".to_owned(), why),
            (Self::Object(why), None) => ("object".to_owned(), why),
            (Self::Metadata(why), None) => ("metadata".to_owned(), why),
            (Self::Kind(why) | Self::Object(why), Some(index)) => {
                (format!("converted object at index {index}"), why)
            }
            (Self::Metadata(why), Some(index)) => (format!("metadata in object at index {index}"), why),
        };
        format!("conversion webhook for {of} returned invalid {what}: {why}")
    }
}

/// The objects of an answer.
///
/// # Errors
/// The answer is not to this question, or says that the conversion failed.
pub(super) fn converted(answer: &mut Value, version: &str, uid: &str) -> Result<Vec<Value>, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if version == "v1" {
        let (is, kind) = (text(&answer["apiVersion"]), text(&answer["kind"]));
        if is != "apiextensions.k8s.io/v1" || kind != "ConversionReview" {
            return Err(format!(
                "expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got {is}, Kind={kind}"
            ));
        }
    }
    let response = &mut answer["response"];
    if !response.is_object() {
        return Err("no response provided".to_owned());
    }
    if version == "v1" && response["uid"] != uid {
        return Err(format!("expected response.uid=\"{uid}\", got \"{}\"", text(&response["uid"])));
    }
    let result = &response["result"];
    if result["status"] != "Success" {
        let message = text(&result["message"]);
        return Err(if message.is_empty() {
            format!("response.result.status was '{}', not 'Success'", text(&result["status"]))
        } else {
            message
        });
    }
    match response["convertedObjects"].take() {
        Value::Array(objects) => Ok(objects),
        _ => Ok(Vec::new()),
    }
}

/// The converted object with the metadata that it had; only labels and annotations are the webhook's to change.
///
/// # Errors
/// It is not the object that was sent.
pub(super) fn object(original: &Value, mut converted: Value, api_version: &str) -> Result<Value, Wrong> {
    let text = |object: &Value, field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let is = text(&converted, "apiVersion");
    if is != api_version {
        return Err(Wrong::Kind(format!("invalid groupVersion (expected {api_version}, received {is})")));
    }
    let (wanted, is) = (text(original, "kind"), text(&converted, "kind"));
    if is != wanted {
        return Err(Wrong::Kind(format!("invalid kind (expected {wanted}, received {is})")));
    }
    for (what, field) in [("name", "name"), ("namespace", "namespace"), ("UID", "uid")] {
        let (wanted, is) = (object::text(original, field), object::text(&converted, field));
        if wanted != is {
            return Err(Wrong::Object(format!("must have the same {what}: {wanted} != {is}")));
        }
    }
    let Some(given) = converted["metadata"].as_object().cloned() else {
        return Err(Wrong::Metadata("missing metadata in converted object".to_owned()));
    };
    let mut metadata = original["metadata"].as_object().cloned().unwrap_or_default();
    for field in ["labels", "annotations"] {
        keep(field, &given, &mut metadata).map_err(Wrong::Metadata)?;
    }
    converted["metadata"] = Value::Object(metadata);
    Ok(converted)
}

/// Takes over labels or annotations.
fn keep(field: &str, given: &Map<String, Value>, metadata: &mut Map<String, Value>) -> Result<(), String> {
    match given.get(field) {
        None | Some(Value::Null) => {
            metadata.remove(field);
        }
        Some(Value::Object(all)) => {
            if let Some((key, _)) = all.iter().find(|(_, value)| !value.is_string()) {
                return Err(format!("metadata.{field}[{key}] must be a string in converted object"));
            }
            metadata.insert(field.to_owned(), Value::Object(all.clone()));
        }
        Some(_) => return Err(format!("invalid metadata.{field} in converted object")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn original() -> Value {
        json!({"apiVersion": "g/v1", "kind": "K", "metadata": {
            "name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7", "labels": {"l": "1"},
        }})
    }

    #[test]
    fn only_labels_and_annotations_are_the_webhooks() {
        let converted = json!({"apiVersion": "g/v2", "kind": "K", "metadata": {
            "name": "a", "namespace": "n", "uid": "u", "resourceVersion": "8", "finalizers": ["f"],
            "annotations": {"x": "y"},
        }, "spec": {}});
        assert_eq!(
            object(&original(), converted, "g/v2").unwrap(),
            json!({"apiVersion": "g/v2", "kind": "K", "metadata": {
                "name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7", "annotations": {"x": "y"},
            }, "spec": {}})
        );
    }

    #[test]
    fn another_object_is_refused() {
        for (field, value, wrong) in [
            ("/apiVersion", json!("g/v1"), "invalid groupVersion (expected g/v2, received g/v1)"),
            ("/kind", json!("L"), "invalid kind (expected K, received L)"),
            ("/metadata/name", json!("b"), "must have the same name: a != b"),
            ("/metadata/namespace", json!(null), "must have the same namespace: n != "),
            ("/metadata/uid", json!("v"), "must have the same UID: u != v"),
        ] {
            let mut converted = original();
            converted["apiVersion"] = "g/v2".into();
            *converted.pointer_mut(field).unwrap() = value;
            let told = object(&original(), converted, "g/v2").unwrap_err().told("K", Some(2));
            assert_eq!(
                told,
                format!("conversion webhook for K returned invalid converted object at index 2: {wrong}")
            );
        }
    }

    #[test]
    fn an_answer_that_is_no_success_is_refused() {
        let answer = |response: Value| json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "response": response});
        for (mut answer, wrong) in [
            (
                json!({}),
                "expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got , Kind=",
            ),
            (answer(json!(null)), "no response provided"),
            (answer(json!({"uid": "b"})), "expected response.uid=\"a\", got \"b\""),
            (
                answer(json!({"uid": "a", "result": {"status": "Failure"}})),
                "response.result.status was 'Failure', not 'Success'",
            ),
            (answer(json!({"uid": "a", "result": {"message": "no"}})), "no"),
        ] {
            assert_eq!(converted(&mut answer, "v1", "a").unwrap_err(), wrong);
        }
    }
}
