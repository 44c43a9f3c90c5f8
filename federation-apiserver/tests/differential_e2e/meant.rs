//! What differs on purpose, and what is known to differ.

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
    pub(crate) why: &'static str,
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
const FORMATS: &str = "YAML and protobuf bodies are told apart, but not all of them are read or written";
const ITEMS: &str = "items of a list say what they are, as those of custom resources do everywhere";
const DESCRIPTIONS: &str = "columns are described in this project's own words";

/// All of them.
pub(crate) const MEANT: &[Meant] = &[
    meant("", "/apiVersion", "", "null", ITEMS),
    meant("", "/kind", "", "null", ITEMS),
    meant("", "/description", "", "", DESCRIPTIONS),
    meant("", "message", "", "json parse error", GO),
    meant("", "message", "", "pkg/runtime/scheme.go", GO),
    meant("", "message", "", "unknown conversion", GO),
    meant("", "message", "", "error decoding YAML", GO),
    meant("", "message", "", "json: cannot unmarshal", GO),
    meant("", "message", "", "error decoding patch", GO),
    meant("", "message", "", "must be of type Widget", GO),
    meant("", "message", "", "user.DefaultInfo", GO),
    meant("", "message", "found new finalizers", "[]string", GO),
    meant("", "message", "media types", "media types", FORMATS),
    meant("", "message", "media types", "406: Not Acceptable", FORMATS),
    meant("", "message", "media types", "415: Unsupported Media Type", FORMATS),
    meant("", "/lastTransitionTime", "", "null", "a time that nobody gave is absent, not null"),
    meant("", "lastTransitionTime", "null", "{}", "a time that nobody gave is absent, not null"),
    meant("", "/lastUpdateTime", "", "null", "a time that nobody gave is absent, not null"),
    meant("", "lastUpdateTime", "null", "{}", "a time that nobody gave is absent, not null"),
    meant("", "/details/causes", "", "", "metadata is checked once, not twice, on an update"),
];

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
