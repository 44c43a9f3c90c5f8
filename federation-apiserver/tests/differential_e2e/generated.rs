//! Writes in a random order, by several managers: what they are answered with, what is there in the end, and what a
//! watch says of them.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::request::{self, Request};
use crate::server::Server;
use crate::{Report, play};

/// How many writes there are in all.
const WRITES: usize = 300;

/// What is done to an object.
#[derive(Clone, Debug)]
enum Act {
    Create,
    Merge,
    Apply { force: bool },
    Delete,
}

/// One write.
#[derive(Clone, Debug)]
struct Write {
    custom: bool,
    name: &'static str,
    manager: &'static str,
    act: Act,
    fields: Value,
}

fn writes_of_one() -> impl Strategy<Value = Write> {
    let act = prop_oneof![
        2 => Just(Act::Create),
        3 => Just(Act::Merge),
        5 => any::<bool>().prop_map(|force| Act::Apply { force }),
        1 => Just(Act::Delete),
    ];
    let texts = ["v", "w", "x"];
    let fields = proptest::collection::btree_map(
        prop::sample::select(vec!["a", "b", "c"]),
        prop::sample::select(texts.to_vec()),
        1..3,
    );
    (
        any::<bool>(),
        prop::sample::select(vec!["one", "two"]),
        prop::sample::select(vec!["ann", "bob", "eve"]),
        act,
        fields.prop_map(|fields| json!(fields)),
    )
        .prop_map(|(custom, name, manager, act, fields)| Write { custom, name, manager, act, fields })
}

impl Write {
    /// The write as it is written in a file of requests.
    fn text(&self) -> String {
        let Self { custom, name, manager, act, fields } = self;
        let (base, api_version, kind) = if *custom {
            ("/apis/made.example.com/v1/namespaces/made/things", "made.example.com/v1", "Thing")
        } else {
            ("/api/v1/namespaces/made/configmaps", "v1", "ConfigMap")
        };
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}});
        if *custom {
            let list: Vec<Value> =
                fields.as_object().unwrap().iter().map(|(k, v)| json!({"id": k, "v": v})).collect();
            object["spec"] = json!({"map": fields, "list": list});
        } else {
            object["data"] = fields.clone();
        }
        match act {
            Act::Create => format!("POST {base}?fieldManager={manager}\n{object}\n"),
            Act::Merge => format!("MERGE {base}/{name}?fieldManager={manager}\n{object}\n"),
            Act::Apply { force } => {
                format!("APPLY {base}/{name}?fieldManager={manager}&force={force}\n{object}\n")
            }
            Act::Delete => format!("DELETE {base}/{name}\n"),
        }
    }
}

/// The namespace and the definition that the writes need.
fn ground() -> String {
    let definition = json!({
        "metadata": {"name": "things.made.example.com"},
        "spec": {
            "group": "made.example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": {
                    "map": {"type": "object", "additionalProperties": {"type": "string"}},
                    "list": {
                        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"],
                        "items": {"type": "object", "required": ["id"], "properties": {
                            "id": {"type": "string"}, "v": {"type": "string"}, "d": {"type": "integer", "default": 1},
                        }},
                    },
                }}},
            }}}],
        },
    });
    let mut text = "POST /api/v1/namespaces\n{\"metadata\":{\"name\":\"made\"}}\n\n".to_owned();
    let _ = writeln!(text, "POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions\n{definition}\n");
    text.push_str("GET /apis/made.example.com/v1/namespaces/made/things\n@until 200\n\n");
    text
}

/// Writes, and what is there in the end.
pub(crate) async fn writes(ours: &Server, theirs: &Server, report: &mut Report) {
    let mut random = TestRunner::deterministic();
    let mut text = ground();
    text.push_str("POST /api/v1/namespaces/made/configmaps\n@keep first /metadata/resourceVersion\n{\"metadata\":{\"name\":\"first\"}}\n\n");
    text.push_str(
        "GET /api/v1/namespaces/made/configmaps?resourceVersion=$first&resourceVersionMatch=NotOlderThan\n\n",
    );
    text.push_str("GET /apis/made.example.com/v1/namespaces/made/things?resourceVersion=$first&resourceVersionMatch=NotOlderThan\n\n");
    for _ in 0..WRITES {
        let write = writes_of_one().new_tree(&mut random).unwrap().current();
        text.push_str(&write.text());
        text.push('\n');
    }
    for collection in
        ["/api/v1/namespaces/made/configmaps", "/apis/made.example.com/v1/namespaces/made/things"]
    {
        let _ = writeln!(text, "GET {collection}\n");
        let _ = writeln!(text, "GET {collection}?watch=1&resourceVersion=$first&timeoutSeconds=2\n");
    }
    let requests: Vec<Request> = request::parse(&text);
    play("generated", &requests, ours, theirs, report).await;
}
