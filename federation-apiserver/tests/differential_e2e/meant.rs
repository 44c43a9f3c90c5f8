//! What differs on purpose, and what is known to differ.

use std::fmt;

use serde_json::Value;

use crate::compare::Difference;

/// A difference that is meant.
pub(crate) struct Meant {
    /// What the request's label must have in it: scene, line, method or path. Empty: any.
    request: &'static str,
    /// What the place must have in it.
    place: &'static str,
    /// What ours must have in it; empty: anything.
    ours: &'static str,
    /// What theirs must have in it; empty: anything.
    theirs: &'static str,
    /// Why.
    why: &'static str,
}

impl Meant {
    /// Whether it is about cases made at random, in which it may occur or not.
    pub(crate) fn is_random(&self) -> bool {
        self.request == RANDOM
    }
}

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, place, ours, theirs, why } = self;
        write!(f, "{request} {place} {ours}, {theirs}: {why}")
    }
}

const fn meant(
    request: &'static str,
    place: &'static str,
    ours: &'static str,
    theirs: &'static str,
    why: &'static str,
) -> Meant {
    Meant { request, place, ours, theirs, why }
}

const GO: &str = "the words of Go's decoders and schemes, which no client matches on";
const FORMATS: &str = "protobuf bodies are told apart, but not all of them are read or written";
const DESCRIPTIONS: &str = "columns are described in this project's own words";

/// All of them.
pub(crate) const MEANT: &[Meant] = &[
    meant("", "/description", "", "", DESCRIPTIONS),
    meant("", "message", "", "json parse error", GO),
    meant("", "message", "", "pkg/runtime/scheme.go", GO),
    meant("", "message", "", "unknown conversion", GO),
    meant("", "message", "", "error decoding YAML", GO),
    meant("", "message", "", "json: cannot unmarshal", GO),
    meant("", "message", "", "error decoding patch", GO),
    meant("", "message", "", "must be of type Widget", GO),
    meant("", "message", "", "user.DefaultInfo", GO),
    meant("", "message", "expected value at line", "invalid character", GO),
    meant("", "message", "found new finalizers", "[]string", GO),
    meant("", "message", "media types", "media types", FORMATS),
    meant("", "message", "media types", "406: Not Acceptable", FORMATS),
    meant("", "/lastTransitionTime", "", "null", "a time that nobody gave is absent, not null"),
    meant("", "lastTransitionTime", "null", "{}", "a time that nobody gave is absent, not null"),
    meant("", "/lastUpdateTime", "", "null", "a time that nobody gave is absent, not null"),
    meant("", "lastUpdateTime", "null", "{}", "a time that nobody gave is absent, not null"),
    meant("", "/details/causes", "", "field is immutable", TWICE),
    meant("", "/details/causes", "", "a valid label must be", TWICE),
    meant("", "/details/causes", "", "no new finalizers", TWICE),
    meant("GET /api", "/serverAddress", "", "", "the two listen at two addresses"),
    meant("paths:", "/manager", "apiserver", "kube-apiserver", "who made the first namespaces"),
    meant("GET /", "/paths", "", "", "fewer paths are served, and no list of them is kept"),
    meant("/apis", "/groups", "", "apiregistration", "aggregation and other groups are not served"),
    meant("GET /api/v1/componentstatuses", "", "", "", "the resource is deprecated and not served"),
    meant("GET /api/v1/namespaces/", "/items", "", "", "kube-apiserver has namespaces for its own leases"),
    meant(
        "selfsubjectaccessreviews",
        "/metadata",
        "null",
        "managedFields",
        "a review is not stored: no fields are owned",
    ),
    meant("limit=2&resourceVersion=0", "", "", "", "a page is a page at any version"),
    meant("watch=1&resourceVersion=99999999", "", "504", "200", FUTURE),
    meant("watch=1&resourceVersion=99999999", "body", "", "", FUTURE),
    meant("watch=1&resourceVersion=99999999", "header", "", "", FUTURE),
    meant("sendInitialEvents=true&resourceVersionMatch=Exact", "", "", "", "one reason is enough"),
    meant("#html", "body", "NotAcceptable", "Status", "an answer that is not a watch is not indented"),
    meant("#twice", "", "duplicate field", "already set in map", TWICE_IN_YAML),
    meant("yaml:", "message", "error decoding YAML", "yaml: line", GO),
    meant("#protobuf", "", "", "", FORMATS),
    meant("customresourcedefinitions", "/managedFields", "", "", STATUS_MANAGER),
    meant(
        "GET /apis/autoscaling/v1",
        "/storageVersionHash",
        "",
        "",
        "the hash is for storage migration, which is not served",
    ),
    meant(
        "GET /apis/example.com/v1",
        "/storageVersionHash",
        "",
        "",
        "the hash is for storage migration, which is not served",
    ),
    meant("customresourcedefinitions", "message", "is invalid", "is invalid", SCHEMA_WORDS),
    meant("customresourcedefinitions", "/details/causes", "", "", SCHEMA_WORDS),
    meant(
        "",
        "message",
        "name or generateName is required",
        "some validation rules were not checked",
        UNCHECKED,
    ),
    meant("", "/details/causes", "name or generateName is required", "", UNCHECKED),
    meant(
        "POST /apis/example.com/v1/widgets",
        "",
        "405",
        "404",
        "a collection of all namespaces is told from what is not there",
    ),
    meant(
        "POST /apis/example.com/v1/widgets",
        "header content-type",
        "",
        "",
        "a collection of all namespaces is told from what is not there",
    ),
    meant("custom:", "/managedFields", "", "null", OLD_FORM),
    meant("#kindless", "", "", "", OLD_FORM),
    meant("#version", "header warning", "", "", "what is refused is not warned of"),
    meant("", "/details", "{}", "null", "details that say nothing"),
    meant(
        "bodies:",
        "/generation",
        "null",
        "7",
        "a generation is the server's, also of kinds that have none",
    ),
    meant(
        RANDOM,
        "message",
        "failed to create typed patch object",
        "failed to create typed patch object",
        "a walk ends at an undeclared field, and the order of a walk over Go's maps is any",
    ),
    meant(RANDOM, "code", "200", "422", EMPTIED),
    meant(RANDOM, "", "Required", "null", EMPTIED),
    meant(RANDOM, "/reason", "FieldValueRequired", "FieldValueTypeInvalid", EMPTIED),
    meant("deployments/d", "/time", "", "null", "an owner through scale has a time as others have"),
];

/// How the labels of cases at random begin, by which the others are not judged.
pub(crate) const RANDOM: &str = "random ";
const EMPTIED: &str = "an object that an apply leaves nothing in goes; in kube-apiserver it becomes null, and is refused as such";
const TWICE: &str = "metadata is checked once, not twice, on an update";
const TWICE_IN_YAML: &str = "what is given twice is told by its path, as for JSON, and not by its line";
const FUTURE: &str =
    "a version that has not been reached is refused at once, as for a list, instead of waited for";
const STATUS_MANAGER: &str =
    "the status is written with the definition's first version, by another part of the server";
const SCHEMA_WORDS: &str = "schemas are refused in this project's own words";
const UNCHECKED: &str = "rules are checked even where the name is missing";
const OLD_FORM: &str =
    "a write in a version that is not stored keeps the owners of fields; kube-apiserver loses them";

/// The first entry of the list that a difference is of.
pub(crate) fn reason(label: &str, difference: &Difference) -> Option<usize> {
    let text = |value: &Option<Value>| value.as_ref().map_or("null".to_owned(), Value::to_string);
    let (ours, theirs) = (text(&difference.ours), text(&difference.theirs));
    MEANT.iter().position(|meant| {
        label.contains(meant.request)
            && difference.place.contains(meant.place)
            && ours.contains(meant.ours)
            && theirs.contains(meant.theirs)
    })
}
