//! What holds of the surface without anything to compare it with.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where something is missing")]

use federation_apiserver::builtin::{self, Profile, typed};
use federation_apiserver::discovery::Described;
use federation_apiserver::openapi::OpenApi;
use serde_json::Value;

#[path = "surface/objects.rs"]
mod objects;

fn described() -> Vec<Described> {
    let definition = objects::definition();
    let mut all: Vec<_> = builtin::kinds(Profile::Member).map(Described::from).collect();
    all.extend(["v1", "v1beta1"].map(|version| Described::of_definition(&definition, version).unwrap()));
    all
}

#[test]
fn reading_and_defaults_are_done_once() {
    for object in objects::all() {
        let api_version = object["apiVersion"].as_str().unwrap();
        let (group, _) = api_version.split_once('/').unwrap_or(("", api_version));
        let same =
            |kind: &&builtin::Kind| kind.group() == group && kind.kind == object["kind"].as_str().unwrap();
        let kind = builtin::KINDS.iter().find(same).unwrap();
        let mut once = typed::read(kind, object).unwrap().object;
        builtin::set_defaults(kind, &mut once);
        let mut twice = typed::read(kind, once.clone()).unwrap();
        assert_eq!(twice.unknown, Vec::<String>::new());
        builtin::set_defaults(kind, &mut twice.object);
        assert_eq!(twice.object, once);
    }
}

#[test]
fn every_reference_of_a_document_leads_to_a_definition() {
    let openapi = OpenApi::new(&described());
    for path in openapi.index()["paths"].as_object().unwrap().keys() {
        let document: Value = serde_json::from_slice(&openapi.document(path).unwrap().text).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut found = Vec::new();
        references(&document, &mut found);
        for reference in found {
            let name = reference.strip_prefix("#/components/schemas/").unwrap();
            assert!(schemas.contains_key(name), "{path}: {name}");
        }
    }
    let document: Value = serde_json::from_slice(&openapi.v2().text).unwrap();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 1000);
    for reference in found {
        let name = reference.strip_prefix("#/definitions/").unwrap();
        assert!(document["definitions"].get(name).is_some(), "{name}");
    }
}

#[test]
fn a_hash_names_a_content() {
    let all = described();
    let (one, same) = (OpenApi::new(&all), OpenApi::new(&all));
    assert_eq!(one.index(), same.index());
    let mut changed = all;
    changed.last_mut().unwrap().schema = None;
    let other = OpenApi::new(&changed);
    let hash = |openapi: &OpenApi, path: &str| openapi.document(path).unwrap().hash;
    assert_ne!(hash(&one, "apis/example.com/v1beta1"), hash(&other, "apis/example.com/v1beta1"));
    assert_eq!(hash(&one, "apis/example.com/v1"), hash(&other, "apis/example.com/v1"));
    assert!(one.document("apis/none/v1").is_none());
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(all) => all.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}
