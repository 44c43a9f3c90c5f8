//! Overrides: JSON patches of a template, with KubeFed v0.10's particulars.
//!
//! As in KubeFed: `replace` is the default; `replace` of a missing key adds it where the parent exists; an index may be
//! negative and counts from the end; `-` is the end of a list, for `add`; what stands before a path's first `/` is left
//! out; a `value` that is absent is `null`. Unlike KubeFed, numbers keep all their digits: they do not pass through
//! 64-bit floats.

use std::collections::BTreeSet;

use federation_model::{Override, OverrideOp};
use serde_json::Value;

/// Why an override does not apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// The path names what cannot be overridden.
    #[error("override of {0:?} is not allowed: name, namespace and kind are the federated object's")]
    Identity(String),
    /// A path stands twice.
    #[error("override path {0:?} stands twice for one cluster; keep one")]
    Duplicate(String),
    /// Something on the way to the path's end does not exist.
    #[error("override path {path:?}: {missing:?} does not exist; add it to the template, or override it first")]
    Missing {
        /// The path.
        path: String,
        /// The part that is missing.
        missing: String,
    },
    /// An index is none, or out of bounds.
    #[error("override path {path:?}: {index:?} is no index of a list of {length}")]
    Index {
        /// The path.
        path: String,
        /// The index.
        index: String,
        /// The list's length.
        length: usize,
    },
    /// The path goes through a value that is neither object nor list.
    #[error("override path {path:?}: {at:?} is neither an object nor a list")]
    NotAContainer {
        /// The path.
        path: String,
        /// The part that is not.
        at: String,
    },
    /// The whole object cannot be removed.
    #[error("override {0:?} removes the whole object")]
    RemovesAll(String),
}

/// Paths that are refused as they stand (KubeFed's list). What an object is, is compared after all overrides besides.
const IDENTITY: [&str; 4] = ["/metadata/namespace", "/metadata/name", "/metadata/generateName", "/kind"];

/// Applies one cluster's overrides in order.
///
/// # Errors
/// The first that does not apply; the object is then partly patched, and of no use.
pub fn apply(object: &mut Value, patches: &[Override]) -> Result<(), OverrideError> {
    let mut seen = BTreeSet::new();
    for patch in patches {
        if IDENTITY.contains(&patch.path.as_str()) {
            return Err(OverrideError::Identity(patch.path.clone()));
        }
        if !seen.insert(&patch.path) {
            return Err(OverrideError::Duplicate(patch.path.clone()));
        }
        apply_one(object, patch)?;
    }
    Ok(())
}

fn apply_one(object: &mut Value, patch: &Override) -> Result<(), OverrideError> {
    let path = &patch.path;
    let op = patch.op.unwrap_or(OverrideOp::Default);
    let value = || patch.value.clone().unwrap_or(Value::Null);
    let Some((_, tokens)) = path.split_once('/') else {
        // No slash: the whole document.
        if op == OverrideOp::Remove {
            return Err(OverrideError::RemovesAll(path.clone()));
        }
        *object = value();
        return Ok(());
    };
    let tokens: Vec<String> = tokens.split('/').map(|t| t.replace("~1", "/").replace("~0", "~")).collect();
    let Some((last, parents)) = tokens.split_last() else { return Ok(()) };
    let mut at = object;
    for token in parents {
        at = child(at, token, path)?;
    }
    match at {
        Value::Object(map) => match op {
            OverrideOp::Remove => {
                map.remove(last).ok_or_else(|| OverrideError::Missing { path: path.clone(), missing: last.clone() })?;
            }
            OverrideOp::Add | OverrideOp::Replace | OverrideOp::Default => {
                map.insert(last.clone(), value());
            }
        },
        Value::Array(list) => {
            let length = list.len();
            let bad = || OverrideError::Index { path: path.clone(), index: last.clone(), length };
            match op {
                OverrideOp::Add if last == "-" => list.push(value()),
                OverrideOp::Add => {
                    // RFC 6902: an add may name the place after the last item.
                    let index = index(last, length + 1).ok_or_else(bad)?;
                    list.insert(index, value());
                }
                OverrideOp::Remove => {
                    list.remove(index(last, length).ok_or_else(bad)?);
                }
                OverrideOp::Replace | OverrideOp::Default => {
                    let index = index(last, length).ok_or_else(bad)?;
                    list[index] = value();
                }
            }
        }
        _ => {
            let at = parents.last().cloned().unwrap_or_default();
            return Err(OverrideError::NotAContainer { path: path.clone(), at });
        }
    }
    Ok(())
}

fn child<'a>(at: &'a mut Value, token: &str, path: &str) -> Result<&'a mut Value, OverrideError> {
    match at {
        Value::Object(map) => map
            .get_mut(token)
            .ok_or_else(|| OverrideError::Missing { path: path.to_owned(), missing: token.to_owned() }),
        Value::Array(list) => {
            let length = list.len();
            index(token, length)
                .and_then(|i| list.get_mut(i))
                .ok_or_else(|| OverrideError::Index { path: path.to_owned(), index: token.to_owned(), length })
        }
        _ => Err(OverrideError::NotAContainer { path: path.to_owned(), at: token.to_owned() }),
    }
}

/// An index below `bound`; a negative one counts from the end.
fn index(token: &str, bound: usize) -> Option<usize> {
    let number: i64 = token.parse().ok()?;
    let index = if number < 0 { i64::try_from(bound).ok()? + number } else { number };
    usize::try_from(index).ok().filter(|i| *i < bound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(object: Value, patches: Value) -> Result<Value, String> {
        let mut object = object;
        let patches: Vec<Override> = serde_json::from_value(patches).unwrap();
        apply(&mut object, &patches).map(|()| object).map_err(|e| e.to_string())
    }

    #[test]
    fn kubefeds_particulars() {
        let object = || json!({"spec": {"replicas": 1, "list": [1, 2, 3]}});
        for (patches, expected) in [
            (json!([{"path": "/spec/replicas", "value": 3}]), json!({"spec": {"replicas": 3, "list": [1, 2, 3]}})),
            (json!([{"path": "/spec/new", "op": "", "value": 3}]), json!({"spec": {"replicas": 1, "list": [1, 2, 3], "new": 3}})),
            (json!([{"path": "/spec/list/-1", "value": 9}]), json!({"spec": {"replicas": 1, "list": [1, 2, 9]}})),
            (json!([{"path": "/spec/list/-1", "op": "remove"}]), json!({"spec": {"replicas": 1, "list": [1, 2]}})),
            (json!([{"path": "/spec/list/-", "op": "add", "value": 4}]), json!({"spec": {"replicas": 1, "list": [1, 2, 3, 4]}})),
            (json!([{"path": "/spec/list/0", "op": "add", "value": 0}]), json!({"spec": {"replicas": 1, "list": [0, 1, 2, 3]}})),
            (json!([{"path": "x/spec/replicas", "value": 5}]), json!({"spec": {"replicas": 5, "list": [1, 2, 3]}})),
            (json!([{"path": "/spec/replicas"}]), json!({"spec": {"replicas": null, "list": [1, 2, 3]}})),
            (json!([{"path": "", "value": {}}]), json!({})),
            (json!([{"path": "/spec/replicas", "value": 9_007_199_254_740_993_i64}]), json!({"spec": {"replicas": 9_007_199_254_740_993_i64, "list": [1, 2, 3]}})),
        ] {
            assert_eq!(patched(object(), patches.clone()).as_ref(), Ok(&expected), "{patches}");
        }
    }

    #[test]
    fn what_does_not_apply_says_why() {
        let object = || json!({"spec": {"replicas": 1, "list": [1]}});
        for (patches, words) in [
            (json!([{"path": "/metadata/labels", "value": {}}]), "\"metadata\" does not exist"),
            (json!([{"path": "/spec/none", "op": "remove"}]), "\"none\" does not exist"),
            (json!([{"path": "/spec/list/1", "value": 1}]), "no index of a list of 1"),
            (json!([{"path": "/spec/list/-", "value": 1}]), "no index of a list of 1"),
            (json!([{"path": "/spec/list/-2", "op": "remove"}]), "no index of a list of 1"),
            (json!([{"path": "/spec/replicas/x", "value": 1}]), "neither an object nor a list"),
            (json!([{"path": "/spec/a", "value": 1}, {"path": "/spec/a", "value": 2}]), "stands twice"),
            (json!([{"path": "/metadata/name", "value": "x"}]), "not allowed"),
            (json!([{"path": "", "op": "remove"}]), "removes the whole object"),
        ] {
            let error = patched(object(), patches.clone()).unwrap_err();
            assert!(error.contains(words), "{patches}: {error}");
        }
    }
}
