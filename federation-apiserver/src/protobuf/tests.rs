use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::builtin::KINDS;

const CONFIG_MAP: &str = "io.k8s.api.core.v1.ConfigMap";
const DEFINITION: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition";

#[path = "../../tests/protobuf/bytes.rs"]
mod bytes;
use bytes::{envelope, field, number};

fn refusal(body: &[u8], definition: &str) -> String {
    read(body, definition).unwrap_err().to_string()
}

#[test]
fn an_object_is_read_as_the_json_that_go_writes() {
    let name = field(1, b"a");
    let no_namespace = field(3, b"");
    let metadata = field(1, &[name, no_namespace].concat());
    let data = field(2, &[field(1, b"k"), field(2, b"v")].concat());
    let empty = field(2, &field(1, b"e"));
    let binary = field(3, &[field(1, b"b"), field(2, &[0, 255])].concat());
    let immutable = number(4, 0);
    let unknown = field(15, b"of a newer client");
    let raw = [metadata, data, empty, binary, immutable, unknown].concat();
    let expected = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
        "data": {"k": "v", "e": ""}, "binaryData": {"b": "AP8="}, "immutable": false,
    });
    assert_eq!(read(&envelope("v1", "ConfigMap", &raw), CONFIG_MAP).unwrap(), expected);
}

#[test]
fn what_is_no_envelope_is_refused_as_kube_apiserver_does() {
    assert_eq!(
        refusal(b"", CONFIG_MAP),
        "the object provided is unrecognized (must be of type ConfigMap): empty data (<empty>)"
    );
    assert_eq!(
        refusal(b"\x01\x02", CONFIG_MAP),
        "the object provided is unrecognized (must be of type ConfigMap): provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] (0102)"
    );
    assert_eq!(
        refusal(&[b"k8s\0".as_slice(), &[0xff; 40]].concat(), CONFIG_MAP),
        format!(
            "the object provided is unrecognized (must be of type ConfigMap): proto: integer overflow (6b387300{} ...)",
            "ff".repeat(26)
        )
    );
}

#[test]
fn a_message_of_another_kind_or_with_wrong_content_is_refused() {
    assert_eq!(
        refusal(&envelope("v1", "Secret", b""), CONFIG_MAP),
        "Secret in version \"v1\" cannot be handled as a ConfigMap: unknown conversion"
    );
    assert_eq!(
        refusal(&envelope("v1", "ConfigMap", &number(1, 1)), CONFIG_MAP),
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: proto: wrong wireType = 0 for field metadata"
    );
    let cut_off = [10, 200];
    assert!(refusal(&envelope("v1", "ConfigMap", &cut_off), CONFIG_MAP).ends_with("unexpected EOF"));
}

#[test]
fn depth_is_limited() {
    // A schema in a schema, by `not`.
    let nested = |depth: usize| {
        let schema =
            (0..depth).fold(Vec::new(), |inner, _| [vec![0xe2, 1], field(0, &inner)[1..].to_vec()].concat());
        let version = field(7, &field(4, &field(1, &schema)));
        envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", &field(2, &version))
    };
    let read_back = read(&nested(100), DEFINITION).unwrap();
    assert!(serde_json::from_str::<Value>(&read_back.to_string()).is_ok());
    assert!(refusal(&nested(200), DEFINITION).ends_with("exceeded max depth"));
    assert!(refusal(&nested(2_000), DEFINITION).ends_with("exceeded max depth"));
}

#[test]
fn a_document_within_counts_as_deep_as_it_is() {
    let revision = |levels: usize| {
        let document = "[".repeat(levels) + &"]".repeat(levels);
        let data = field(2, &field(1, document.as_bytes()));
        read(&envelope("apps/v1", "ControllerRevision", &data), "io.k8s.api.apps.v1.ControllerRevision")
    };
    let deepest = revision(125).unwrap();
    assert!(serde_json::from_str::<Value>(&deepest.to_string()).is_ok());
    assert!(revision(126).is_err());
    assert!(revision(1_000).is_err());
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(index in 0..KINDS.len(), body in prop::collection::vec(any::<u8>(), 0..400)) {
        let kind = &KINDS[index];
        let _ = read(&body, &kind.definition());
        let _ = read(&envelope(&kind.group_version.api_version(), kind.kind, &body), &kind.definition());
    }

    /// Bytes that look like messages get further than any bytes do.
    #[test]
    fn any_fields_have_an_answer(index in 0..KINDS.len(), body in messages()) {
        let kind = &KINDS[index];
        if let Ok(value) = read(&envelope("", "", &body), &kind.definition()) {
            // What is accepted can be stored and read again.
            prop_assert_eq!(serde_json::from_str::<Value>(&value.to_string()).unwrap(), value);
        }
    }
}

/// Messages in messages, with small field numbers.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        (1..16_u8, any::<u8>()).prop_map(|(at, value)| number(at, value)),
        (1..16_u8, "[a-z{}\\[\\]\"]{0,6}").prop_map(|(number, text)| field(number, text.as_bytes())),
        (1..16_u8, any::<[u8; 8]>())
            .prop_map(|(number, bytes)| [vec![number << 3 | 1], bytes.to_vec()].concat()),
    ];
    let nested = leaf.prop_recursive(6, 64, 6, |inner| {
        (1..16_u8, prop::collection::vec(inner, 0..6))
            .prop_map(|(number, parts)| field(number, &parts.concat()))
    });
    prop::collection::vec(nested, 0..8).prop_map(|parts| parts.concat())
}
