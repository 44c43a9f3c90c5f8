//! Versions: names of contents, to tell what was written from what is wanted.
//!
//! | function | names | compared with |
//! | --- | --- | --- |
//! | [`template_version`], [`overrides_version`] | what a federated object says, as KubeFed names it | `PropagatedVersion`s that KubeFed, or its tests, wrote |
//! | [`revision`] | what one cluster is to run | the revision in the federated object's status |
//! | [`object_version`] | a state of a member's object | the version that the member answered to the last write |
//! | [`content_hash`] | what a writer can mean of a member's object | that of an earlier state, in the same process |

mod content;
mod go_json;

use federation_model::{ClusterOverride, Override, OverrideOp};
use kube::core::ObjectMeta;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value};

pub use self::content::content_hash;
use self::go_json::{Integers, write};

/// KubeFed's version of a template, bit for bit: the hex MD5 of its Go JSON and a line feed; empty without a template.
pub fn template_version(template: Option<&Value>) -> String {
    template.map_or_else(String::new, |template| go_hash(template, Integers::Exact))
}

/// KubeFed's version of all overrides, bit for bit: the hex MD5 of the Go JSON of `{"overrides": …}` and a line feed.
///
/// KubeFed decodes overrides, unlike templates, into plain Go values, in which every number is a 64-bit float.
pub fn overrides_version(overrides: Option<&[ClusterOverride]>) -> String {
    let items = overrides.map_or(Value::Null, |list| list.iter().map(cluster_override_json).collect());
    go_hash(&Value::Object(Map::from_iter([("overrides".to_owned(), items)])), Integers::AsFloats)
}

/// Our revision of an object in one cluster: ten hex digits over the template, that cluster's overrides and whether
/// replicas are retained.
///
/// Other clusters' overrides, the order of keys, and how a number is written (`1`, `1.0`) do not count.
pub fn revision(template: Option<&Value>, overrides: Option<&[Override]>, retain_replicas: bool) -> String {
    TemplateRevision::of(template, retain_replicas).with(overrides)
}

/// What the [`revision`]s of one object in all clusters have in common, so that a large template is read once for all.
#[derive(Clone, Debug)]
pub struct TemplateRevision(Md5);

impl TemplateRevision {
    /// Reads a template.
    pub fn of(template: Option<&Value>, retain_replicas: bool) -> Self {
        let mut text = String::new();
        write(template.unwrap_or(&Value::Null), Integers::Exact, &mut text);
        if retain_replicas {
            text.push_str("retainReplicas");
        }
        Self(Md5::new_with_prefix(text))
    }

    /// The [`revision`] in a cluster with these overrides.
    pub fn with(&self, overrides: Option<&[Override]>) -> String {
        let mut hash = self.0.clone();
        if let Some(overrides) = overrides.filter(|o| !o.is_empty()) {
            let mut text = String::new();
            write(&overrides.iter().map(override_json).collect(), Integers::Exact, &mut text);
            hash.update(text);
        }
        let mut revision = hex(&hash.finalize());
        revision.truncate(REVISION_DIGITS);
        revision
    }
}

/// Forty bits: two revisions of one object are told apart, and a status stays small.
const REVISION_DIGITS: usize = 10;

/// KubeFed's version of a member's object: `gen:<generation>`, or `rv:<resourceVersion>` for kinds without a generation.
pub fn object_version(meta: &ObjectMeta) -> String {
    match meta.generation {
        Some(generation) if generation != 0 => format!("gen:{generation}"),
        _ => format!("rv:{}", meta.resource_version.as_deref().unwrap_or_default()),
    }
}

/// A cluster's overrides as KubeFed's Go types encode them. The order of their fields happens to be the sorted one.
fn cluster_override_json(item: &ClusterOverride) -> Value {
    let mut json = Map::new();
    json.insert("clusterName".to_owned(), item.cluster_name.clone().into());
    if let Some(patches) = item.cluster_overrides.as_ref().filter(|p| !p.is_empty()) {
        json.insert("clusterOverrides".to_owned(), patches.iter().map(override_json).collect());
    }
    Value::Object(json)
}

fn override_json(patch: &Override) -> Value {
    let mut json = Map::new();
    let op = match patch.op {
        None | Some(OverrideOp::Default) => None,
        Some(OverrideOp::Add) => Some("add"),
        Some(OverrideOp::Remove) => Some("remove"),
        Some(OverrideOp::Replace) => Some("replace"),
    };
    if let Some(op) = op {
        json.insert("op".to_owned(), op.into());
    }
    json.insert("path".to_owned(), patch.path.clone().into());
    if let Some(value) = patch.value.as_ref().filter(|v| !v.is_null()) {
        json.insert("value".to_owned(), value.clone());
    }
    Value::Object(json)
}

fn go_hash(value: &Value, integers: Integers) -> String {
    let mut text = String::new();
    write(value, integers, &mut text);
    text.push('\n');
    hex(&Md5::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patch(path: &str, value: Value) -> Override {
        Override { path: path.to_owned(), op: None, value: Some(value) }
    }

    #[test]
    fn kubefeds_versions_of_next_to_nothing() {
        assert_eq!(template_version(None), "");
        assert_eq!(template_version(Some(&json!({}))), "8a80554c91d9fca8acb82f023de02f11");
        assert_eq!(overrides_version(None), "2979b7538b527abe06492021841caf47");
        assert_eq!(overrides_version(Some(&[])), "fd97e6d9a670c7dcdc2477764f78b459");
    }

    #[test]
    fn a_revision_names_what_one_cluster_is_to_run() {
        let template = json!({"b": 1, "a": 2});
        let same: Value = serde_json::from_str(r#"{"a": 2.0, "b": 1}"#).unwrap();
        let base = revision(Some(&template), None, false);
        assert_eq!(base.len(), REVISION_DIGITS);
        assert_eq!(base, revision(Some(&same), Some(&[]), false));
        let others = [
            revision(Some(&template), Some(&[patch("/x", json!(1))]), false),
            revision(Some(&template), Some(&[patch("/x", json!(2))]), false),
            revision(Some(&template), None, true),
            revision(Some(&json!({"b": 1, "a": 3})), None, false),
            revision(None, None, false),
            base,
        ];
        for (i, one) in others.iter().enumerate() {
            assert!(!others[..i].contains(one), "{i}: {others:?}");
        }
    }

    #[test]
    fn digits_that_floats_lose_count_in_revisions() {
        let of = |n: i64| revision(None, Some(&[patch("/n", n.into())]), false);
        assert_ne!(of(9_007_199_254_740_992), of(9_007_199_254_740_993));
    }

    #[test]
    fn an_object_is_named_by_its_generation_if_it_has_one() {
        let meta = |generation| ObjectMeta {
            generation,
            resource_version: Some("7".to_owned()),
            ..ObjectMeta::default()
        };
        assert_eq!(object_version(&meta(Some(3))), "gen:3");
        assert_eq!(object_version(&meta(Some(0))), "rv:7");
        assert_eq!(object_version(&meta(None)), "rv:7");
    }
}
