//! A custom resource with lists and maps of all types, in two versions.

use http::Method;
use object_patch::{
    ApplyError, FieldSet, Forms, Resource, Writer, apply, json_patch, keep_times, merge_patch, track_update,
};
use serde_json::{Value, json};
use structural_schema::{Schema, SchemaRef};
use testbed::Testbed;

use crate::api::{APPLY_PATCH, Answer, Api, JSON, JSON_PATCH, MERGE_PATCH};
use crate::compared::{NOW, causes, check_kept_times, check_order, check_same, content, entries};
use crate::dice::Dice;

const GROUP: &str = "patch.example.com";
const SEQUENCES: u64 = 150;
const STEPS: usize = 14;

fn schema() -> Value {
    let text = || json!({"type": "string"});
    let port = json!({
        "type": "object",
        "required": ["port"],
        "properties": {
            "port": {"type": "integer"},
            "protocol": {"type": "string", "default": "TCP"},
            "name": text(),
            "target": {"x-kubernetes-int-or-string": true},
            "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": text()},
        },
    });
    let condition = json!({
        "type": "object",
        "required": ["type"],
        "properties": {"type": text(), "status": text()},
    });
    json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "replicas": {"type": "integer"},
                    "ratio": {"type": "number"},
                    "mode": {"type": "string", "default": "auto"},
                    "maybe": {"type": "string", "nullable": true},
                    "set": {"type": "array", "x-kubernetes-list-type": "set", "items": text()},
                    "numbers": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "integer"}},
                    "list": {"type": "array", "items": text()},
                    "ports": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["port", "protocol"],
                        "items": port,
                    },
                    "granular": {"type": "object", "additionalProperties": text()},
                    "whole": {
                        "type": "object",
                        "x-kubernetes-map-type": "atomic",
                        "additionalProperties": text(),
                    },
                    "nested": {
                        "type": "object",
                        "properties": {
                            "one": {"type": "integer"},
                            "deep": {"type": "object", "properties": {"two": text(), "three": {"type": "boolean"}}},
                        },
                    },
                    "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "open": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": true,
                        "properties": {"known": {"type": "object", "properties": {"one": {"type": "integer"}}}},
                    },
                    "embedded": {
                        "type": "object",
                        "x-kubernetes-embedded-resource": true,
                        "x-kubernetes-preserve-unknown-fields": true,
                    },
                },
            },
            "status": {
                "type": "object",
                "properties": {
                    "phase": text(),
                    "conditions": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["type"],
                        "items": condition,
                    },
                },
            },
        },
    })
}

fn definition() -> Value {
    let version = |name: &str, storage: bool| {
        json!({
            "name": name,
            "served": true,
            "storage": storage,
            "schema": {"openAPIV3Schema": schema()},
            "subresources": {"status": {}},
        })
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("things.{GROUP}")},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
            "versions": [version("v1", true), version("v2", false)],
        },
    })
}

/// Both versions, which differ in their name only.
struct Things(Schema);

impl Forms for Things {
    fn schema(&self, _: &str) -> Option<SchemaRef<'_>> {
        Some(self.0.root())
    }

    fn convert(&self, object: &Value, api_version: &str) -> Result<Option<Value>, String> {
        let is_served = [format!("{GROUP}/v1"), format!("{GROUP}/v2")].contains(&api_version.to_owned());
        Ok(is_served.then(|| in_version(object, api_version)))
    }
}

fn in_version(object: &Value, api_version: &str) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = json!(api_version);
    object
}

/// What the server makes of an object that it reads: defaults are set, what is unknown goes, and metadata has no empty
/// maps and lists.
fn defaulted(mut object: Value) -> Value {
    if let Some(known) = object.pointer_mut("/spec/open/known").and_then(Value::as_object_mut) {
        known.retain(|name, _| name == "one");
    }
    for path in ["/metadata", "/spec/embedded/metadata"] {
        if let Some(metadata) = object.pointer_mut(path).and_then(Value::as_object_mut) {
            metadata.retain(|_, value| ![json!({}), json!([]), json!(null)].contains(value));
        }
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec.entry("mode").or_insert_with(|| json!("auto"));
        for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            port.as_object_mut().unwrap().entry("protocol").or_insert_with(|| json!("TCP"));
        }
    }
    object
}

fn random_port(dice: &mut Dice, port: i64) -> Value {
    let mut made = json!({ "port": port });
    if dice.once_in(2) {
        made["protocol"] = json!(dice.one_of(&["TCP", "UDP"]));
    }
    if dice.once_in(2) {
        made["name"] = json!(dice.one_of(&["a", "b"]));
    }
    if dice.once_in(3) {
        made["target"] = dice.one_of(&[json!(1), json!("web")]);
    }
    if dice.once_in(3) {
        made["tags"] = json!(dice.some_of(&["x", "y", "z"]));
    }
    made
}

fn random_map(dice: &mut Dice) -> Value {
    let names = dice.some_of(&["a", "b", "c"]);
    names.into_iter().map(|name| (name.to_owned(), json!(dice.one_of(&["1", "2"])))).collect()
}

fn random_value(dice: &mut Dice, field: &str) -> Value {
    match field {
        "replicas" => json!(dice.below(3)),
        "ratio" => dice.one_of(&[json!(1), json!(1.0), json!(0.5)]),
        "mode" => json!(dice.one_of(&["auto", "hand"])),
        "maybe" => dice.one_of(&[json!("x"), json!("y"), json!(null)]),
        "set" => json!(dice.some_of(&["a", "b", "c", "d<e"])),
        "numbers" => json!(dice.some_of(&[1, 2, 2_000_000])),
        "list" => json!(dice.some_of(&["a", "b"])),
        "ports" => {
            let ports = dice.some_of(&[80, 81, 443, 1_000_001]);
            ports.into_iter().map(|port| random_port(dice, port)).collect()
        }
        "granular" | "whole" => random_map(dice),
        "nested" => dice.one_of(&[
            json!({}),
            json!({"one": 1}),
            json!({"deep": {"two": "2"}}),
            json!({"one": 2, "deep": {"two": "3", "three": true}}),
            json!({"deep": {}}),
        ]),
        "any" => dice.one_of(&[
            json!({"x": {"y": 1}}),
            json!({"x": {"z": [1, {"a": 2}]}}),
            json!({"x": {}}),
            json!({"w": "text"}),
            json!({"x": "text"}),
        ]),
        "open" => dice.one_of(&[
            json!({"known": {"one": 1}}),
            json!({"known": {"one": 2, "more": {"x": 1}}}),
            json!({"other": {"x": [1]}, "known": {"more": 1}}),
            json!({"other": {"x": {"y": 1}}}),
        ]),
        "embedded" => {
            let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "inner"}});
            if dice.once_in(2) {
                object["metadata"]["labels"] = random_map(dice);
            }
            if dice.once_in(2) {
                object["data"] = random_map(dice);
            }
            object
        }
        other => panic!("{other} is not a field"),
    }
}

const FIELDS: [&str; 14] = [
    "open", "replicas", "ratio", "mode", "maybe", "set", "numbers", "list", "ports", "granular", "whole",
    "nested", "any", "embedded",
];

fn random_spec(dice: &mut Dice) -> Value {
    dice.some_of(&FIELDS).into_iter().map(|field| (field.to_owned(), random_value(dice, field))).collect()
}

fn random_status(dice: &mut Dice) -> Value {
    let types = dice.some_of(&["Ready", "Known", "Old"]);
    let condition =
        |dice: &mut Dice, ty: &str| json!({"type": ty, "status": dice.one_of(&["True", "False"])});
    let conditions: Vec<_> = types.iter().map(|ty| condition(dice, ty)).collect();
    let mut status = json!({ "conditions": conditions });
    if dice.once_in(2) {
        status["phase"] = json!(dice.one_of(&["Up", "Down"]));
    }
    status
}

fn random_metadata(dice: &mut Dice, metadata: &mut Value) {
    if dice.once_in(3) {
        metadata["labels"] = random_map(dice);
    }
    if dice.once_in(5) {
        metadata["annotations"] = random_map(dice);
    }
    if dice.once_in(6) {
        metadata["finalizers"] = json!(dice.some_of(&["example.com/a", "example.com/b"]));
    }
    if dice.once_in(8) {
        let owner = |uid: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": uid});
        metadata["ownerReferences"] = json!(dice.some_of(&[owner("1"), owner("2")]));
    }
}

/// One request, and how its outcome is predicted.
enum Step {
    Apply { config: Value, force: bool },
    Put(Value),
    Merge(Value),
    Json(Value),
}

fn random_step(dice: &mut Dice, live: &Value, api_version: &str, is_status: bool) -> Step {
    let part = if is_status { "status" } else { "spec" };
    let content = |dice: &mut Dice| if is_status { random_status(dice) } else { random_spec(dice) };
    match dice.below(8) {
        0..4 => {
            let mut config = json!({
                "apiVersion": api_version,
                "kind": "Thing",
                "metadata": {"name": live["metadata"]["name"]},
            });
            config[part] = content(dice);
            if !is_status {
                random_metadata(dice, &mut config["metadata"]);
            }
            if dice.once_in(8) {
                config.as_object_mut().unwrap().remove(part);
            }
            Step::Apply { config, force: dice.once_in(2) }
        }
        4 | 5 => {
            let mut object = in_version(live, api_version);
            if dice.once_in(2) {
                object[part] = content(dice);
            } else {
                for (field, value) in content(dice).as_object().unwrap() {
                    object[part][field] = value.clone();
                }
            }
            if !is_status {
                random_metadata(dice, &mut object["metadata"]);
            }
            let metadata = object["metadata"].as_object_mut().unwrap();
            match dice.below(8) {
                0 => metadata.insert("managedFields".to_owned(), json!([{}])),
                1 => metadata.insert("managedFields".to_owned(), json!([])),
                2 => metadata.remove("managedFields"),
                _ => None,
            };
            Step::Put(object)
        }
        6 => {
            let mut patch = json!({});
            patch[part] = content(dice);
            let fields: Vec<String> =
                live[part].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
            for field in dice.some_of(&fields) {
                patch[part][field] = Value::Null;
            }
            Step::Merge(patch)
        }
        _ => {
            let changes = content(dice);
            let changes = changes.as_object().unwrap().iter();
            let operation = |(field, value): (&String, &Value)| json!({"op": "add", "path": format!("/{part}/{field}"), "value": value});
            Step::Json(changes.map(operation).collect())
        }
    }
}

/// The outcome of a step by this crate: the object with its managed fields, or the code and message of a refusal.
fn predicted(
    step: &Step,
    live: &Value,
    resource: &Resource<'_>,
    writer: &Writer<'_>,
) -> Result<Value, (u16, String, Vec<Value>)> {
    let live = in_version(live, resource.api_version);
    let refused = |error: object_patch::PatchError| (error.code(), error.to_string(), Vec::new());
    let mut object = match step {
        Step::Apply { config, force } => {
            let applied = apply(Some(&live), config, resource, writer, *force).map_err(|error| {
                let causes = match &error {
                    ApplyError::Conflicts(conflicts) => conflicts.as_slice(),
                    _ => &[],
                };
                let cause = |conflict: &object_patch::Conflict| {
                    json!({
                        "reason": "FieldManagerConflict",
                        "message": conflict.to_string(),
                        "field": conflict.field.to_string(),
                    })
                };
                (error.code(), error.to_string(), causes.iter().map(cause).collect())
            })?;
            defaulted(applied)
        }
        Step::Put(object) => defaulted(object.clone()),
        Step::Merge(patch) => defaulted(merge_patch(&live, patch).map_err(refused)?),
        Step::Json(patch) => defaulted(json_patch(&live, patch).map_err(refused)?),
    };
    if !matches!(step, Step::Apply { .. }) {
        track_update(Some(&live), &mut object, resource, writer);
    }
    // What a request through this endpoint cannot change.
    let managed = object["metadata"]["managedFields"].take();
    if writer.subresource.is_empty() {
        match live.get("status") {
            Some(status) => object["status"] = status.clone(),
            None => drop(object.as_object_mut().unwrap().remove("status")),
        }
    } else {
        let status = object.get("status").cloned();
        object = live.clone();
        match status {
            Some(status) => object["status"] = status,
            None => drop(object.as_object_mut().unwrap().remove("status")),
        }
    }
    let metadata = object["metadata"].as_object_mut().unwrap();
    if managed.is_null() {
        metadata.remove("managedFields");
    } else {
        metadata.insert("managedFields".to_owned(), managed);
    }
    keep_times(&live, &mut object);
    Ok(object)
}

#[derive(Default, Debug)]
struct Counts {
    changed: usize,
    conflicts: usize,
    invalid: usize,
}

async fn send(api: &Api, step: &Step, path: &str, manager: &str) -> Answer {
    let manager = format!("fieldManager={manager}");
    match step {
        Step::Apply { config, force } => {
            let path = format!("{path}?{manager}&force={force}");
            api.call(Method::PATCH, &path, APPLY_PATCH, config).await
        }
        Step::Put(object) => api.call(Method::PUT, &format!("{path}?{manager}"), JSON, object).await,
        Step::Merge(patch) => api.call(Method::PATCH, &format!("{path}?{manager}"), MERGE_PATCH, patch).await,
        Step::Json(patch) => api.call(Method::PATCH, &format!("{path}?{manager}"), JSON_PATCH, patch).await,
    }
}

async fn run(api: &Api, things: &Things, seed: u64, counts: &mut Counts) {
    let dice = &mut Dice::new(seed);
    let name = format!("thing-{seed}");
    let no_status = FieldSet::of_fields(&[&["status"]]);
    let only_status = FieldSet::of_fields(&[&["metadata"], &["spec"]]);
    let collection = format!("/apis/{GROUP}/v1/namespaces/default/things");

    let api_version = format!("{GROUP}/v1");
    let mut first = json!({"apiVersion": api_version, "kind": "Thing", "metadata": {"name": name}});
    first["spec"] = random_spec(dice);
    random_metadata(dice, &mut first["metadata"]);
    let resource = Resource { api_version: &api_version, kind: "Thing", forms: things, ignored: &no_status };
    let writer = Writer { manager: "a", subresource: "", time: NOW };
    let (answer, ours) = if dice.once_in(2) {
        let path = format!("{collection}/{name}?fieldManager=a");
        let answer = api.call(Method::PATCH, &path, APPLY_PATCH, &first).await;
        (answer, defaulted(apply(None, &first, &resource, &writer, false).unwrap()))
    } else {
        let answer = api.call(Method::POST, &format!("{collection}?fieldManager=a"), JSON, &first).await;
        let mut ours = defaulted(first.clone());
        track_update(None, &mut ours, &resource, &writer);
        (answer, ours)
    };
    assert!(answer.is_success(), "seed {seed}: {first}\n{answer:?}");
    assert_eq!(entries(&ours), entries(&answer.body), "seed {seed}: created {first}");
    let mut theirs = content(&answer.body);
    theirs["metadata"].as_object_mut().unwrap().remove("namespace");
    assert_eq!(content(&ours), theirs, "seed {seed}: created {first}");

    let mut live = answer.body;
    for number in 0..STEPS {
        let version = dice.one_of(&["v1", "v1", "v1", "v2"]);
        let api_version = format!("{GROUP}/{version}");
        let is_status = dice.once_in(5);
        let manager = dice.one_of(&["a", "b", "c"]);
        let step = random_step(dice, &live, &api_version, is_status);

        let ignored = if is_status { &only_status } else { &no_status };
        let resource = Resource { api_version: &api_version, kind: "Thing", forms: things, ignored };
        let subresource = if is_status { "status" } else { "" };
        let writer = Writer { manager, subresource, time: NOW };
        let ours = predicted(&step, &live, &resource, &writer);

        let suffix = if is_status { "/status" } else { "" };
        let path = format!("/apis/{GROUP}/{version}/namespaces/default/things/{name}{suffix}");
        let answer = send(api, &step, &path, manager).await;
        let sent = match &step {
            Step::Apply { config, force } => format!("apply, force {force}: {config}"),
            Step::Put(object) => format!("put: {object}"),
            Step::Merge(patch) => format!("merge: {patch}"),
            Step::Json(patch) => format!("json: {patch}"),
        };
        let context = format!("seed {seed}, step {number}, {manager} at {path}\n{sent}\nto {live}");
        if answer.code == 422 && ours.is_ok() {
            // What the validation of the resource refuses is not this crate's affair.
            counts.invalid += 1;
            continue;
        }
        match ours {
            Ok(ours) => {
                assert!(answer.is_success(), "{context}\n{}", answer.body);
                check_same(&entries(&ours), &entries(&answer.body), &context);
                check_same(&[content(&ours)], &[content(&answer.body)], &context);
                check_kept_times(&ours, &answer.body, &context);
                check_order(&answer.body);
                counts.changed += 1;
                live = answer.body;
            }
            Err((code, message, mut ours)) => {
                assert_eq!(
                    (code, message.as_str()),
                    (answer.code, answer.body["message"].as_str().unwrap()),
                    "{context}"
                );
                ours.sort_by_key(Value::to_string);
                assert_eq!(ours, causes(&answer.body), "{context}");
                counts.conflicts += 1;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_resources_are_owned_as_on_a_real_server() {
    let testbed = Testbed::start().await.unwrap();
    let server = testbed.api_server("custom").await.unwrap();
    let api = Api::new(server.client());
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let answer = api.call(Method::POST, path, JSON, &definition()).await;
    assert!(answer.is_success(), "{answer:?}");
    while !api.get(&format!("/apis/{GROUP}/v1/namespaces/default/things")).await.is_success() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    let things = Things(Schema::compile(&schema()).unwrap());
    let mut counts = Counts::default();
    for seed in 0..SEQUENCES {
        run(&api, &things, seed, &mut counts).await;
    }
    println!("{counts:?}");
    assert!(counts.changed > 1000 && counts.conflicts > 100 && counts.invalid < 300, "{counts:?}");
}
