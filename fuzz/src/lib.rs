//! What bad input must not do.
//!
//! A target is a function over bytes that looks at properties: nothing panics, what is printed is read again as the
//! same, what is done twice is done once. `tests/corpus.rs` runs all of them on what is in `corpus/` and on mutations of
//! that; `fuzz_targets/any.rs` runs one under libFuzzer, see the project's CONTRIBUTING.md.

#![allow(clippy::missing_panics_doc, reason = "a target panics when a property does not hold")]

pub mod mutation;
mod targets;
// Of fedd, without the rest of it, which takes longer to build for a fuzzer than everything else together.
#[allow(dead_code, unreachable_pub, reason = "another crate's module, of which a part is looked at")]
#[path = "../../fedd/src/yaml.rs"]
mod yaml;

/// One target.
pub struct Target {
    /// Its name, and that of its folder in `corpus/`.
    pub name: &'static str,
    /// Looks at an input; panics if a property does not hold.
    pub run: fn(&[u8]),
    /// What inputs are made of, beside bytes.
    pub words: &'static [&'static str],
}

const JSON: &[&str] =
    &["{}", "[]", "null", "\"\"", "0", "-1", "1e400", "9223372036854775808", ",", ":", "\\u0000"];
const OBJECT: &[&str] = &[
    "\"metadata\"",
    "\"managedFields\"",
    "\"spec\"",
    "\"list\"",
    "\"key\"",
    "\"map\"",
    "null",
    "{}",
    "[]",
    "\n",
];
const SCHEMA: &[&str] = &[
    "\"type\"",
    "\"object\"",
    "\"array\"",
    "\"properties\"",
    "\"items\"",
    "\"default\"",
    "\"nullable\"",
    "\"enum\"",
    "\"pattern\"",
    "\"x-kubernetes-list-type\"",
    "\"x-kubernetes-validations\"",
    "null",
    "{}",
    "[]",
    "\n",
];

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "request", run: targets::request::request, words: targets::request::WORDS },
    Target {
        name: "label_selector",
        run: targets::select::labels,
        words: &["in", "notin", "(", ")", ",", "!", "=", "a"],
    },
    Target {
        name: "field_selector",
        run: targets::select::fields,
        words: &["metadata.name", "=", "!=", "\\,", ",", "=="],
    },
    Target {
        name: "json_patch",
        run: targets::patch::json,
        words: &["\"op\"", "\"add\"", "\"copy\"", "\"/spec\"", "\"-\"", "\n"],
    },
    Target { name: "merge_patch", run: targets::patch::merge, words: OBJECT },
    Target {
        name: "strategic_patch",
        run: targets::patch::strategic,
        words: &[
            "\"$patch\"",
            "\"delete\"",
            "\"$setElementOrder/list\"",
            "\"$retainKeys\"",
            "\"list\"",
            "null",
            "\n",
        ],
    },
    Target { name: "apply", run: targets::patch::apply, words: OBJECT },
    Target {
        name: "managed_fields",
        run: targets::fields::managed_fields,
        words: &["\"f:a\"", "\"k:{}\"", "\"v:1\"", "\"i:0\"", "\".\"", "{}"],
    },
    Target { name: "schema", run: targets::schema::schema, words: SCHEMA },
    Target {
        name: "rules",
        run: targets::schema::rule,
        words: &["self", "oldSelf", ".all(x, ", "size()", "matches('", "?", "has(", "1", "[", "]"],
    },
    Target {
        name: "protobuf",
        run: targets::decode::protobuf,
        words: &["k8s\0", "\x0a\x02v1", "\x12", "\x7f", "\x0a"],
    },
    Target {
        name: "yaml",
        run: targets::decode::yaml,
        words: &["---\n", "&a ", "*a", "<<: ", "!!", "- ", ": ", "|\n"],
    },
    Target { name: "json_body", run: targets::decode::json_body, words: JSON },
    Target {
        name: "conversion_review",
        run: targets::decode::conversion_review,
        words: &["\"desiredAPIVersion\"", "\"objects\"", "\"placement\"", "\"cells\"", "null"],
    },
    Target {
        name: "annotation_globs",
        run: targets::decode::annotation_globs,
        words: &["*", "**", "?", "{", "}", "[", "!", "/", ",", "\n"],
    },
    Target {
        name: "tunnel_frames",
        run: targets::tunnel::frames,
        words: &["\x08\x01", "\x08\x04\"", "\x08\x40", "\x08\x42", "\x02", "\x04", "\x09"],
    },
    Target {
        name: "tunnel_messages",
        run: targets::tunnel::messages,
        words: &["\0\0\0\0\x02", "\x01", "\x08\x04\"", "\0\0\x04\x01\x04", "\x41\x03%2F", "\x7f", "\x3f"],
    },
    Target {
        name: "forms",
        run: targets::federated::forms,
        words: &[
            "\"spec\"",
            "\"placement\"",
            "\"clusters\"",
            "\"topologies\"",
            "\"topologyType\"",
            "\"cell\"",
            "\"name\"",
            "\"a.b\"",
            "\"metadata\"",
            "\"annotations\"",
            "\"fedd.io/topology-type\"",
            "\"placementMask\"",
            "\"status\"",
            "null",
            "{}",
            "[]",
        ],
    },
    Target {
        name: "kinds",
        run: targets::federated::kinds,
        words: &[
            "\"spec\"",
            "\"metadata\"",
            "\"featureGates\"",
            "\"period\"",
            "\"10s\"",
            "\"apiEndpoint\"",
            "\"clusterName\"",
            "\"target\"",
            "\"{name}-{cell}\"",
            "null",
            "{}",
            "[]",
        ],
    },
    Target {
        name: "texts",
        run: targets::federated::texts,
        words: &["{name}", "{cell}", "1h", ".", "ms", "**", "\n"],
    },
    Target {
        name: "files",
        run: targets::configured::files,
        words: &[
            "resources:",
            "- ",
            "providers:",
            "aescbc:",
            "kms:",
            "identity: {}",
            "rules:",
            "level: ",
            "\n",
            "*.",
        ],
    },
    Target {
        name: "datastore",
        run: targets::configured::datastore,
        words: &["mysql://", "sqlite://", "PASSWORD", "@", ":", "/", "?", "&", "%40", "="],
    },
    Target {
        name: "sealed",
        run: targets::configured::sealed,
        words: &["\0", "\x01", "\x02", "\x10", "\x20"],
    },
    Target { name: "token", run: targets::decode::token, words: &["eyJ", ".", "=", "-", "_"] },
];
