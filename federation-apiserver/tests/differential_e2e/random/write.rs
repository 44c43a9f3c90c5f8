//! Writes at random to the things of a definition, in the form in which requests are written.

use serde_json::{Value, json};

use super::dice::Dice;
use super::value::value;

/// The path of a version's collection.
pub(super) fn collection(definition: &Value, version: &str) -> String {
    let group = definition["spec"]["group"].as_str().unwrap();
    format!("/apis/{group}/{version}/namespaces/random/things")
}

/// One write, with the read that it needs.
pub(super) fn write(dice: &mut Dice, definition: &Value) -> String {
    // Writes in a version that is not stored are told apart in `custom.txt`: kube-apiserver loses the owners of fields.
    let versions = definition["spec"]["versions"].as_array().unwrap();
    let read = collection(definition, dice.one_of(versions)["name"].as_str().unwrap());
    let version = &versions[0];
    let collection = collection(definition, version["name"].as_str().unwrap());
    let name = *dice.one_of(&["one", "two"]);
    let manager = *dice.one_of(&["ann", "bob"]);
    let path = format!("{collection}/{name}");
    let validation = if dice.once_in(8) { "&fieldValidation=Strict" } else { "" };
    let query = format!("?fieldManager={manager}{validation}");
    let has_status = version["subresources"]["status"].is_object();
    let on_status = has_status && dice.once_in(4);
    let part = if on_status { "/status" } else { "" };
    let object = thing(dice, definition, version, name);
    match dice.below(20) {
        0..=4 => format!("POST {collection}{query}\n{object}\n\n"),
        5..=7 => {
            let mut object = object;
            object["metadata"]["resourceVersion"] = "$now".into();
            format!(
                "GET {path}\n@keep now /metadata/resourceVersion\n\nPUT {path}{part}{query}\n{object}\n\n"
            )
        }
        8..=10 => {
            let mut patch = object;
            if let Some(fields) = patch.as_object_mut() {
                fields.retain(|name, _| matches!(name.as_str(), "spec" | "status"));
            }
            format!("MERGE {path}{part}{query}\n{patch}\n\n")
        }
        11 | 12 => format!("JSONPATCH {path}{part}{query}\n{}\n\n", json_patch(dice, &object)),
        13..=17 => {
            let force = dice.once_in(2);
            format!("APPLY {path}{part}{query}&force={force}\n{object}\n\n")
        }
        18 => format!("DELETE {path}\n\n"),
        _ => format!("GET {read}/{name}\n\n"),
    }
}

fn thing(dice: &mut Dice, definition: &Value, version: &Value, name: &str) -> Value {
    let properties = &version["schema"]["openAPIV3Schema"]["properties"];
    let group = definition["spec"]["group"].as_str().unwrap();
    let version = version["name"].as_str().unwrap();
    let mut thing = json!({
        "apiVersion": format!("{group}/{version}"), "kind": "Thing", "metadata": {"name": name},
    });
    if dice.once_in(6) {
        thing["metadata"]["labels"] = json!({"l": dice.one_of(&["1", "2"])});
    }
    if !dice.once_in(8) {
        thing["spec"] = value(dice, &properties["spec"]);
    }
    if dice.once_in(2) {
        thing["status"] = value(dice, &properties["status"]);
    }
    thing
}

/// Adds, removes and replaces what an object has.
fn json_patch(dice: &mut Dice, object: &Value) -> Value {
    let fields = object["spec"].as_object().into_iter().flatten();
    let mut all: Vec<Value> = Vec::new();
    for (name, value) in fields {
        let path = format!("/spec/{name}");
        all.push(match dice.below(4) {
            0 => json!({"op": "replace", "path": path, "value": value}),
            1 => json!({"op": "remove", "path": path}),
            2 => json!({"op": "add", "path": format!("{path}/-"), "value": "more"}),
            _ => json!({"op": "add", "path": path, "value": value}),
        });
    }
    if all.is_empty() {
        all.push(json!({"op": "add", "path": "/spec", "value": object["spec"]}));
    }
    all.into()
}
