//! Overrides: JSON patches ([RFC 6902](https://www.rfc-editor.org/rfc/rfc6902)) of a rendered template, with
//! KubeFed v0.10's particulars.
//!
//! | particular | KubeFed | here |
//! | --- | --- | --- |
//! | no `op`, or an empty one | replace | same |
//! | replace of a key that is not there, in an object that is | adds it | same |
//! | negative index | counts from the end | same |
//! | `-` as index | the place after the last item, for add | same |
//! | text before the first `/` of a path | left out: `x/kind` is `/kind` | same |
//! | no `value`, for add and replace | `null` | same |
//! | the empty path | replaces the whole object; add is refused | both replace it, as RFC 6902 has it |
//! | numbers | pass through 64-bit floats | keep all their digits |
//! | what a path cannot change | [`name`, `namespace`, `generateName`, `kind`](OverrideError::Identity), by its text | the same texts, and [`render`](crate::render::render) looks at the result besides |

use std::borrow::Cow;
use std::collections::BTreeSet;

use federation_model::{Override, OverrideOp};
use serde_json::Value;

/// Why an override does not apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// The path names what no override may change.
    #[error(
        "override of {0:?} is not allowed: name, namespace and kind are the federated object's; leave it out"
    )]
    Identity(String),
    /// A path stands twice in one cluster's overrides.
    #[error("override path {0:?} stands twice for one cluster; keep one")]
    Duplicate(String),
    /// The path has no `/`, and is not the empty one.
    #[error(
        "override path {0:?} is no JSON pointer; write one that begins with \"/\", such as \"/spec/replicas\""
    )]
    NoPointer(String),
    /// Something on the way to the path's end, or what a remove names, does not exist.
    #[error(
        "override path {path:?}: there is nothing at {missing:?}; write it into the template, or override it first"
    )]
    Missing {
        /// The path.
        path: String,
        /// The first part of it that leads nowhere.
        missing: String,
    },
    /// A part of the path is to be an index, and is none, or is out of bounds.
    #[error(
        "override path {path:?}: {index:?} is no index of a list of {length}; write one from 0, or \"-\" to add behind the last"
    )]
    Index {
        /// The path.
        path: String,
        /// The index, as it is written.
        index: String,
        /// How many items the list has.
        length: usize,
    },
    /// The path leads through a value that holds no others.
    #[error(
        "override path {path:?}: the value at {at:?} is neither an object nor a list; override that one as a whole"
    )]
    NotAContainer {
        /// The path.
        path: String,
        /// Where the value is.
        at: String,
    },
    /// The whole object cannot be removed.
    #[error("override path {0:?} removes the whole object; take the cluster out of the placement instead")]
    RemovesAll(String),
}

/// Paths that are refused as they stand. Other ways to the same fields exist, and are found in the result.
const IDENTITY: [&str; 4] = ["/metadata/namespace", "/metadata/name", "/metadata/generateName", "/kind"];

/// Applies one cluster's overrides in order.
///
/// # Errors
/// An override that does not apply. The object may then be patched in part, and is of no use.
pub fn apply(object: &mut Value, patches: &[Override]) -> Result<(), OverrideError> {
    let mut seen = BTreeSet::new();
    for Override { path, .. } in patches {
        if IDENTITY.contains(&path.as_str()) {
            return Err(OverrideError::Identity(path.clone()));
        }
        if !seen.insert(path) {
            return Err(OverrideError::Duplicate(path.clone()));
        }
    }
    patches.iter().try_for_each(|patch| apply_one(object, patch))
}

/// What one operation does at its place.
#[derive(Clone, Copy)]
enum Operation<'a> {
    Add(Option<&'a Value>),
    Replace(Option<&'a Value>),
    Remove,
}

fn apply_one(object: &mut Value, item: &Override) -> Result<(), OverrideError> {
    let path = Path(&item.path);
    let operation = match item.op.unwrap_or(OverrideOp::Default) {
        OverrideOp::Add => Operation::Add(item.value.as_ref()),
        OverrideOp::Replace | OverrideOp::Default => Operation::Replace(item.value.as_ref()),
        OverrideOp::Remove => Operation::Remove,
    };
    let Some((_, pointer)) = path.0.split_once('/') else {
        return match operation {
            _ if !path.0.is_empty() => Err(OverrideError::NoPointer(path.text())),
            Operation::Remove => Err(OverrideError::RemovesAll(path.text())),
            Operation::Add(value) | Operation::Replace(value) => {
                *object = written(value);
                Ok(())
            }
        };
    };
    let mut at = object;
    let mut rest = pointer;
    while let Some((token, behind)) = rest.split_once('/') {
        at = child(at, token, behind.len(), path)?;
        rest = behind;
    }
    at_end(at, rest, operation, path)
}

/// Does an operation at the last token of its path.
fn at_end(
    at: &mut Value,
    token: &str,
    operation: Operation<'_>,
    path: Path<'_>,
) -> Result<(), OverrideError> {
    match at {
        Value::Object(map) => {
            let key = unescaped(token);
            match operation {
                Operation::Add(value) | Operation::Replace(value) => {
                    map.insert(key.into_owned(), written(value));
                }
                Operation::Remove => {
                    map.remove(key.as_ref()).ok_or_else(|| path.missing(0))?;
                }
            }
        }
        Value::Array(list) => {
            let length = list.len();
            let place = |bound| index(token, bound).ok_or_else(|| path.bad_index(token, length));
            match operation {
                Operation::Add(value) if token == "-" => list.push(written(value)),
                // The place behind the last item is one, for an add.
                Operation::Add(value) => list.insert(place(length + 1)?, written(value)),
                Operation::Replace(value) => list[place(length)?] = written(value),
                Operation::Remove => {
                    list.remove(place(length)?);
                }
            }
        }
        _ => return Err(path.no_container(token.len() + 1)),
    }
    Ok(())
}

/// The value at a token that is not the path's last; `behind` is how much of the path comes after it.
fn child<'a>(
    at: &'a mut Value,
    token: &str,
    behind: usize,
    path: Path<'_>,
) -> Result<&'a mut Value, OverrideError> {
    match at {
        Value::Object(map) => map.get_mut(unescaped(token).as_ref()).ok_or_else(|| path.missing(behind + 1)),
        Value::Array(list) => {
            let length = list.len();
            index(token, length).and_then(|i| list.get_mut(i)).ok_or_else(|| path.bad_index(token, length))
        }
        _ => Err(path.no_container(behind + 1 + token.len() + 1)),
    }
}

fn written(value: Option<&Value>) -> Value {
    value.cloned().unwrap_or_default()
}

/// A token with its escapes resolved.
fn unescaped(token: &str) -> Cow<'_, str> {
    if token.contains('~') { token.replace("~1", "/").replace("~0", "~").into() } else { token.into() }
}

/// An index below `bound`; a negative one counts from the end.
fn index(token: &str, bound: usize) -> Option<usize> {
    let number: i64 = token.parse().ok()?;
    let index = if number < 0 { number.checked_add(i64::try_from(bound).ok()?)? } else { number };
    usize::try_from(index).ok().filter(|i| *i < bound)
}

/// A path, for what goes wrong on it.
#[derive(Clone, Copy)]
struct Path<'a>(&'a str);

impl Path<'_> {
    fn text(self) -> String {
        self.0.to_owned()
    }

    /// The path without its last `cut` bytes.
    fn without(self, cut: usize) -> String {
        self.0.get(..self.0.len().saturating_sub(cut)).unwrap_or_default().to_owned()
    }

    fn missing(self, cut: usize) -> OverrideError {
        OverrideError::Missing { path: self.text(), missing: self.without(cut) }
    }

    fn no_container(self, cut: usize) -> OverrideError {
        OverrideError::NotAContainer { path: self.text(), at: self.without(cut) }
    }

    fn bad_index(self, index: &str, length: usize) -> OverrideError {
        OverrideError::Index { path: self.text(), index: index.to_owned(), length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(mut object: Value, patches: Value) -> Result<Value, String> {
        let patches: Vec<Override> = serde_json::from_value(patches).unwrap();
        apply(&mut object, &patches).map(|()| object).map_err(|e| e.to_string())
    }

    #[test]
    fn operations_act_in_order() {
        let object = || json!({"spec": {"replicas": 1, "list": [1, 2, 3]}});
        for (patches, spec) in [
            (json!([{"path": "/spec/replicas", "value": 3}]), json!({"replicas": 3, "list": [1, 2, 3]})),
            (
                json!([{"path": "/spec/new", "op": "", "value": {}}, {"path": "/spec/new/x", "op": "add", "value": 1}]),
                json!({"replicas": 1, "list": [1, 2, 3], "new": {"x": 1}}),
            ),
            (json!([{"path": "/spec/list/-1", "value": 9}]), json!({"replicas": 1, "list": [1, 2, 9]})),
            (
                json!([{"path": "/spec/list/-", "op": "add", "value": 4}, {"path": "/spec/list/0", "op": "remove"}]),
                json!({"replicas": 1, "list": [2, 3, 4]}),
            ),
            (json!([{"path": "x/spec/replicas", "value": 5}]), json!({"replicas": 5, "list": [1, 2, 3]})),
            (json!([{"path": "/spec", "op": "add"}]), Value::Null),
        ] {
            assert_eq!(patched(object(), patches.clone()), Ok(json!({ "spec": spec })), "{patches}");
        }
        assert_eq!(patched(object(), json!([{"path": "", "value": {}}])), Ok(json!({})));
        assert_eq!(
            patched(object(), json!([{"path": "", "op": "add", "value": {"a": 1}}])),
            Ok(json!({"a": 1}))
        );
    }

    #[test]
    fn numbers_keep_their_digits() {
        let patches = json!([{"path": "/n", "value": 9_007_199_254_740_993_i64}]);
        assert_eq!(patched(json!({}), patches), Ok(json!({"n": 9_007_199_254_740_993_i64})));
    }

    #[test]
    fn what_does_not_apply_says_where_and_why() {
        let object = || json!({"spec": {"replicas": 1, "list": [1]}});
        for (patches, words) in [
            (json!([{"path": "/metadata/labels", "value": {}}]), r#"nothing at "/metadata""#),
            (json!([{"path": "/spec/a/b/c", "value": {}}]), r#"nothing at "/spec/a""#),
            (json!([{"path": "x/spec/none", "op": "remove"}]), r#"nothing at "x/spec/none""#),
            (json!([{"path": "/spec/list/1", "value": 1}]), r#""1" is no index of a list of 1"#),
            (json!([{"path": "/spec/list/2/x", "value": 1}]), r#""2" is no index of a list of 1"#),
            (json!([{"path": "/spec/list/-", "value": 1}]), "no index of a list of 1"),
            (json!([{"path": "/spec/list/-2", "op": "remove"}]), "no index of a list of 1"),
            (
                json!([{"path": "/spec/replicas/x", "value": 1}]),
                r#"the value at "/spec/replicas" is neither"#,
            ),
            (
                json!([{"path": "/spec/replicas/x/y", "value": 1}]),
                r#"the value at "/spec/replicas" is neither"#,
            ),
            (json!([{"path": "/spec/a", "value": 1}, {"path": "/spec/a", "value": 2}]), "stands twice"),
            (json!([{"path": "/metadata/name", "value": "x"}]), "not allowed"),
            (json!([{"path": "spec", "value": 1}]), "is no JSON pointer"),
            (json!([{"path": "", "op": "remove"}]), "removes the whole object"),
        ] {
            let error = patched(object(), patches.clone()).unwrap_err();
            assert!(error.contains(words), "{patches}: {error}");
        }
    }
}
