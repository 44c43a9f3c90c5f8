//! What comes over the wire.

use std::sync::OnceLock;

use annotation_policy::AnnotationPolicy;
use federation_apiserver::auth::TokenKeys;
use federation_apiserver::body::Parsed;
use federation_apiserver::protobuf;
use jiff::Timestamp;
use serde_json::Value;
use topology_convert::{Registry, review};

/// What is read of it is JSON that can be written.
pub(crate) fn protobuf(input: &[u8]) {
    for definition in [
        "io.k8s.api.core.v1.ConfigMap",
        "io.k8s.api.apps.v1.Deployment",
        "io.k8s.api.core.v1.Pod",
        "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    ] {
        if let Ok(value) = protobuf::read(input, definition) {
            let text = value.to_string();
            assert_eq!(serde_json::from_str::<Value>(&text).expect("it is JSON"), value);
        }
    }
}

/// A document of a stream that can be printed is read as the same.
pub(crate) fn yaml(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for document in crate::yaml::parse_stream::<Value>(text).unwrap_or_default() {
        let printed = crate::yaml::print(&document).expect("JSON can be printed");
        let again: Value = crate::yaml::parse(&printed).expect("what is printed can be read");
        assert_eq!(again, document, "{printed}");
    }
}

/// Read as `serde_json` reads it, if at all.
pub(crate) fn json_body(input: &[u8]) {
    let ours = Parsed::json(input).map(|parsed| parsed.value);
    let plain = serde_json::from_slice::<Value>(input);
    match (ours, plain) {
        (Ok(ours), Ok(plain)) => assert_eq!(ours, plain),
        (Err(_), Err(_)) => {}
        (ours, plain) => panic!("one reads it, one does not: {:?}, {plain:?}", ours.is_ok()),
    }
}

/// A review of any kind has an answer with the question's uid.
pub(crate) fn conversion_review(input: &[u8]) {
    let Ok(question) = serde_json::from_slice::<Value>(input) else { return };
    let uid = question.pointer("/request/uid").cloned().filter(Value::is_string).unwrap_or_else(|| "".into());
    let answer = review(question, &Registry::default());
    assert_eq!(answer["response"]["uid"], uid);
    assert!(answer["response"]["result"]["status"].is_string());
}

/// Patterns on the lines but the last, which is a key.
pub(crate) fn annotation_globs(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines: Vec<&str> = text.split('\n').collect();
    let key = lines.pop().unwrap_or_default();
    if let Ok(policy) = AnnotationPolicy::compile(&lines) {
        let _ = policy.is_spec(key);
    }
}

/// Nobody is let in by a text that was not signed.
pub(crate) fn token(input: &[u8]) {
    static KEYS: OnceLock<TokenKeys> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let key = TokenKeys::generate_key().expect("a key can be made");
        TokenKeys::new("https://issuer", vec!["api".to_owned()], &key).expect("the key can be used")
    });
    let text = String::from_utf8_lossy(input);
    assert!(!matches!(keys.verify(&text, &[], Timestamp::UNIX_EPOCH), Ok(Some(_))));
}
