//! Versions and overrides compared with what KubeFed v0.10's own libraries make of the same input.
//!
//! The vectors were computed with Go 1.26, k8s.io/apimachinery v0.36.3 (objects decoded as by its `unstructured`, after
//! one pass through its decoder and encoder, as an API server does) and github.com/evanphx/json-patch v4.12.0.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test: it fails by panicking")]

use federation_model::{ClusterOverride, Override, OverrideOp};
use propagation_engine::{overrides, version};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct HashVector {
    json: String,
    hash: String,
}

#[derive(Deserialize)]
struct PatchVector {
    patches: Vec<Override>,
    result: Option<Value>,
    #[serde(default)]
    error: bool,
}

/// A federated object's spec, of which only the overrides count.
#[derive(Deserialize)]
struct Spec {
    overrides: Option<Vec<ClusterOverride>>,
}

#[test]
fn template_versions_are_kubefeds() {
    let vectors: Vec<HashVector> =
        serde_json::from_str(include_str!("kubefed_vectors/templates.json")).unwrap();
    assert!(vectors.len() >= 100);
    for HashVector { json, hash } in vectors {
        let template: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(version::template_version(Some(&template)), hash, "{json}");
    }
}

#[test]
fn overrides_versions_are_kubefeds() {
    let vectors: Vec<HashVector> =
        serde_json::from_str(include_str!("kubefed_vectors/overrides.json")).unwrap();
    assert!(vectors.len() >= 50);
    for HashVector { json, hash } in vectors {
        let spec: Spec = serde_json::from_str(&json).unwrap();
        assert_eq!(version::overrides_version(spec.overrides.as_deref()), hash, "{json}");
    }
}

/// Numbers of many digits, each as the one value of a template. A number that is read one unit in the last place off has
/// another version: serde_json's feature `float_roundtrip` must be on.
#[test]
fn template_versions_are_kubefeds_for_every_float() {
    let vectors: Vec<HashVector> = serde_json::from_str(include_str!("kubefed_vectors/floats.json")).unwrap();
    assert!(vectors.len() >= 80);
    for HashVector { json, hash } in vectors {
        let template: Value = serde_json::from_str(&format!(r#"{{"n":{json}}}"#)).unwrap();
        assert_eq!(version::template_version(Some(&template)), hash, "{json}");
    }
}

/// What every vector of `patches.json` patches.
const PATCHED: &str = r#"{"kind":"K","metadata":{"labels":{"a/b":"1","m~n":"2"}},"spec":{"list":[1,2,3],"nest":[[1],[2,{"k":"v"}]],"obj":{"k":{"l":1}},"null":null,"text":"t","0":0,"":{"":1}}}"#;

#[test]
fn overrides_do_what_kubefeds_do() {
    let object: Value = serde_json::from_str(PATCHED).unwrap();
    let vectors: Vec<PatchVector> =
        serde_json::from_str(include_str!("kubefed_vectors/patches.json")).unwrap();
    assert!(vectors.len() >= 200);
    for PatchVector { patches, result, error } in vectors {
        // The one difference that is meant: RFC 6902 has it replace the whole object.
        if matches!(&patches[..], [one] if one.path.is_empty() && one.op == Some(OverrideOp::Add)) {
            continue;
        }
        let mut patched = object.clone();
        match overrides::apply(&mut patched, &patches) {
            Ok(()) => assert_eq!((Some(patched), false), (result, error), "{patches:?}"),
            Err(said) => assert!(error, "{patches:?}: {said}, but KubeFed makes it {result:?}"),
        }
    }
}
