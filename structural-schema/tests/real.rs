//! The same schemas and objects given to a real kube-apiserver and to this crate: what is stored and what is said must
//! be the same.
#![recursion_limit = "512"]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test: it fails by panicking")]

mod real {
    pub(crate) mod definitions;
    pub(crate) mod objects;
    pub(crate) mod server;
}

use std::fmt::Write as _;

use real::server::{Said, Server};
use serde_json::{Value, json};
use structural_schema::{FieldError, Schema, check_definition};

fn ours(errors: Vec<FieldError>) -> Vec<Said> {
    let mut said: Vec<Said> = errors
        .into_iter()
        .map(|error| Said {
            field: error.field,
            reason: error.cause.reason().to_owned(),
            message: error.message,
        })
        .collect();
    said.sort();
    said
}

fn object(name: &str, fields: &Value) -> Value {
    let mut object =
        json!({"apiVersion": "test.example.com/v1", "kind": "Thing", "metadata": {"name": name}});
    for (key, value) in fields.as_object().unwrap() {
        object[key] = value.clone();
    }
    object
}

/// Why a function of CEL fails is told in the interpreter's own words.
fn without_reason_of_failure(said: &Said) -> Said {
    let mut said = said.clone();
    if ["out of range", "quantit"].iter().any(|reason| said.message.contains(reason))
        && let Some(at) = said.message.find(" evaluating rule: ")
    {
        said.message.replace_range(..at, "failed");
    }
    said
}

/// An object without what a server adds, and with its numbers as they are written when it is stored: 5.0 is 5.
fn content(mut object: Value) -> Value {
    object["metadata"] = json!({"name": object["metadata"]["name"]});
    write_numbers(&mut object);
    object
}

fn write_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_i64().is_none() => {
            let text = number.as_f64().unwrap().to_string();
            *value = serde_json::from_str(&text).unwrap();
        }
        Value::Array(elements) => elements.iter_mut().for_each(write_numbers),
        Value::Object(fields) => fields.values_mut().for_each(write_numbers),
        _ => {}
    }
}

/// Differences, told all at once.
#[derive(Default)]
struct Differences(String);

impl Differences {
    fn compare<T: std::fmt::Debug + PartialEq>(&mut self, of: &str, ours: &T, theirs: &T) {
        if ours != theirs {
            let _ = writeln!(self.0, "{of}\n  ours:   {ours:#?}\n  theirs: {theirs:#?}");
        }
    }
}

impl Drop for Differences {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || self.0.is_empty(), "{}", self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_stored_and_refused_as_by_a_real_api_server() {
    let server = Server::start("objects").await;
    let definition = real::objects::schema();
    server.define(&definition).await;
    let schema = Schema::compile(&definition).unwrap();
    assert_eq!(check_definition(&definition, "schema", false), []);
    let mut differences = Differences::default();
    for (index, fields) in real::objects::created().iter().enumerate() {
        let object = object(&format!("created-{index}"), fields);
        let mut mine = object.clone();
        let unknown = schema.prune(&mut mine);
        schema.default(&mut mine);
        let of = fields.to_string();
        match server.create(&object).await {
            Ok(stored) => {
                differences.compare(&of, &ours(schema.validate(&mine, None)), &Vec::new());
                differences.compare(&of, &content(mine), &content(stored));
            }
            Err(theirs) => {
                let mine = ours(schema.validate(&mine, None));
                let comparable =
                    |said: &[Said]| said.iter().map(without_reason_of_failure).collect::<Vec<_>>();
                differences.compare(&of, &comparable(&mine), &comparable(&theirs));
            }
        }
        let unknown: Vec<String> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
        differences.compare(&of, &unknown, &server.strict_errors(&object).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_are_ratcheted_as_by_a_real_api_server() {
    let server = Server::start("updates").await;
    let lenient = json!({"type": "object", "properties": {"spec": {
        "type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
    server.define(&lenient).await;
    for (index, (old, _)) in real::objects::updated().iter().enumerate() {
        server.create(&object(&format!("updated-{index}"), old)).await.unwrap();
    }
    let strict = real::objects::strict_schema();
    server.redefine(&strict, &object("probe", &json!({"spec": {"text": "far too long"}}))).await;
    let schema = Schema::compile(&strict).unwrap();
    let mut differences = Differences::default();
    for (index, (old, new)) in real::objects::updated().iter().enumerate() {
        let name = format!("updated-{index}");
        let (mut mine, mut before) = (object(&name, new), object(&name, old));
        for object in [&mut mine, &mut before] {
            schema.prune(object);
            schema.default(object);
        }
        let theirs = server.replace(&object(&name, new)).await.err().unwrap_or_default();
        differences.compare(
            &format!("{old} -> {new}"),
            &ours(schema.validate(&mine, Some(&before))),
            &theirs,
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_of_the_status_are_refused_as_by_a_real_api_server() {
    let server = Server::start("status").await;
    let definition = real::objects::status_schema();
    server.define_with_status(&definition).await;
    let schema = Schema::compile(&definition).unwrap();
    let mut differences = Differences::default();
    for (index, status) in real::objects::statuses().iter().enumerate() {
        let name = format!("status-{index}");
        let stored = server.create(&object(&name, &json!({"spec": {"n": 1}}))).await.unwrap();
        let mut mine = stored.clone();
        mine["status"] = status.clone();
        let theirs = server.replace_status(&mine).await.err().unwrap_or_default();
        schema.prune(&mut mine);
        schema.default(&mut mine);
        differences.compare(&status.to_string(), &ours(schema.validate_status(&mine, &stored)), &theirs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_are_refused_as_by_a_real_api_server() {
    let server = Server::start("definitions").await;
    let mut differences = Differences::default();
    // Of a definition with one version, the API server speaks as of one schema for all versions.
    let path = "spec.validation.openAPIV3Schema";
    for (schema, has_status) in real::definitions::all() {
        let mine = ours(check_definition(&schema, path, has_status));
        let theirs = server.try_definition(&schema, has_status).await;
        // A compiler's messages are its own: of expressions, it is compared what is refused.
        let comparable = |said: &Said| {
            let mut said = said.clone();
            if said.message.contains("compilation failed") {
                "compilation failed".clone_into(&mut said.message);
            }
            if said.message.contains("fields are allowed at the root") {
                "not at the root".clone_into(&mut said.message);
            }
            said
        };
        let (mine, theirs): (Vec<_>, Vec<_>) =
            (mine.iter().map(comparable).collect(), theirs.iter().map(comparable).collect());
        differences.compare(&schema.to_string(), &mine, &theirs);
    }
}
