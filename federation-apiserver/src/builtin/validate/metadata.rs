//! Rules for every object's metadata (`k8s.io/apimachinery/pkg/api/validation/objectmeta.go`).

use serde_json::Value;

use super::check::{Check, IMMUTABLE, entries, list, text};
use crate::FieldError;
use crate::builtin::kind::Kind;
use crate::syntax;

/// Annotations hold at most this many bytes, keys and values together.
const ANNOTATIONS_LENGTH: usize = 256 * 1024;

/// What an object can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// A subdomain of DNS: most kinds, all custom resources.
    Subdomain,
    /// A label of DNS: namespaces, StatefulSets, Services.
    Label,
    /// Whatever can be one segment of a path: RBAC.
    PathSegment,
}

impl NameRule {
    /// The rule of a built-in kind.
    pub fn of(kind: &Kind) -> Self {
        match kind.kind {
            "Namespace" | "StatefulSet" | "Service" => Self::Label,
            "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding" => Self::PathSegment,
            _ => Self::Subdomain,
        }
    }

    fn wrong(self, name: &str) -> Vec<String> {
        match self {
            Self::Subdomain => syntax::dns_subdomain(name),
            Self::Label => syntax::dns_label(name),
            Self::PathSegment => syntax::path_segment(name),
        }
    }

    /// A prefix may end where a name may not: what follows it makes it whole.
    fn wrong_prefix(self, prefix: &str) -> Vec<String> {
        match (self, prefix.strip_suffix('-')) {
            (Self::Subdomain | Self::Label, Some(rest)) if prefix.len() > 1 => {
                self.wrong(&format!("{rest}a"))
            }
            _ => self.wrong(prefix),
        }
    }
}

/// What is wrong with an object's metadata. `old` is what the object replaces.
pub fn validate_metadata(
    object: &Value,
    old: Option<&Value>,
    namespaced: bool,
    rule: NameRule,
) -> Vec<FieldError> {
    let mut check = Check::new();
    let metadata = &object["metadata"];
    match old {
        None => created(&mut check, metadata, namespaced, rule),
        Some(old) => updated(&mut check, metadata, &old["metadata"]),
    }
    check.labels("metadata.labels", &metadata["labels"]);
    annotations(&mut check, "metadata.annotations", &metadata["annotations"]);
    owners(&mut check, &metadata["ownerReferences"]);
    check.errors
}

fn created(check: &mut Check, metadata: &Value, namespaced: bool, rule: NameRule) {
    let (name, prefix) = (text(metadata, "name"), text(metadata, "generateName"));
    if !prefix.is_empty() {
        check.syntax("metadata.generateName", prefix, rule.wrong_prefix(prefix));
    }
    if name.is_empty() {
        check.required("metadata.name", "name or generateName is required");
    } else {
        check.syntax("metadata.name", name, rule.wrong(name));
    }
    let namespace = text(metadata, "namespace");
    if namespaced && namespace.is_empty() {
        check.required("metadata.namespace", "");
    } else if namespaced {
        check.syntax("metadata.namespace", namespace, syntax::dns_label(namespace));
    } else if !namespace.is_empty() {
        check.forbidden("metadata.namespace", "not allowed on this type");
    }
    finalizers(check, &metadata["finalizers"]);
}

fn updated(check: &mut Check, metadata: &Value, old: &Value) {
    if !old["deletionTimestamp"].is_null() {
        let before = list(&old["finalizers"]);
        let added = |one: &&Value| !before.contains(one);
        let new: Vec<_> = list(&metadata["finalizers"]).iter().filter(added).cloned().collect();
        if !new.is_empty() {
            let list: Vec<_> = new.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            check.forbidden(
                "metadata.finalizers",
                &format!(
                    "no new finalizers can be added if the object is being deleted, found new finalizers {list:?}"
                ),
            );
        }
    }
    if text(metadata, "resourceVersion").is_empty() {
        check.invalid("metadata.resourceVersion", &Value::from(""), "must be specified for an update");
    }
    let generation = |metadata: &Value| metadata["generation"].as_i64().unwrap_or(0);
    if generation(metadata) < generation(old) {
        let value = Value::from(generation(metadata));
        check.invalid("metadata.generation", &value, "must not be decremented");
    }
    for name in
        ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"]
    {
        if metadata[name] != old[name] {
            let empty = ["name", "namespace", "uid"].contains(&name) && metadata[name].is_null();
            let value = if empty { Value::from("") } else { metadata[name].clone() };
            check.invalid(format!("metadata.{name}"), &value, IMMUTABLE);
        }
    }
}

fn finalizers(check: &mut Check, all: &Value) {
    for finalizer in list(all) {
        let finalizer = finalizer.as_str().unwrap_or_default();
        check.syntax("metadata.finalizers", finalizer, syntax::label_key(finalizer));
    }
    let has = |wanted: &str| list(all).iter().any(|one| one == wanted);
    if has("orphan") && has("foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        check.invalid("metadata.finalizers", all, detail);
    }
}

/// Of built-in kinds, a finalizer without a domain is one of Kubernetes' own.
pub(super) fn built_in_finalizers(check: &mut Check, object: &Value) {
    for (index, finalizer) in list(&object["metadata"]["finalizers"]).iter().enumerate() {
        standard_finalizer(check, &format!("metadata.finalizers[{index}]"), finalizer);
    }
}

/// What keeps the content of a namespace is told by the same names.
pub(super) fn namespace_finalizers(check: &mut Check, namespace: &Value) {
    for finalizer in list(&namespace["spec"]["finalizers"]) {
        standard_finalizer(check, "spec.finalizers", finalizer);
    }
}

fn standard_finalizer(check: &mut Check, path: &str, finalizer: &Value) {
    let text = finalizer.as_str().unwrap_or_default();
    if !text.contains('/') && !["kubernetes", "orphan", "foregroundDeletion"].contains(&text) {
        let detail = "name is neither a standard finalizer name nor is it fully qualified";
        check.invalid(path.to_owned(), finalizer, detail);
    }
}

/// Keys are as labels' are, but for their case; values are free.
pub(super) fn annotations(check: &mut Check, path: &str, annotations: &Value) {
    let mut length = 0;
    for (key, value) in entries(annotations) {
        check.syntax(path, key, syntax::label_key(&key.to_lowercase()));
        length += key.len() + value.as_str().map_or(0, str::len);
    }
    if length > ANNOTATIONS_LENGTH {
        check.add(FieldError::too_long(path, ANNOTATIONS_LENGTH));
    }
}

fn owners(check: &mut Check, owners: &Value) {
    const PATH: &str = "metadata.ownerReferences";
    let mut controller: Option<String> = None;
    for owner in list(owners) {
        let version = text(owner, "apiVersion");
        if version.is_empty() || version.ends_with('/') {
            let detail = "version must not be empty";
            check.invalid(format!("{PATH}.apiVersion"), &Value::from(version), detail);
        }
        for name in ["kind", "name", "uid"] {
            if text(owner, name).is_empty() {
                check.invalid(format!("{PATH}.{name}"), &Value::from(""), "must not be empty");
            }
        }
        if version == "v1" && text(owner, "kind") == "Event" {
            check.invalid(PATH, owner, "/v1, Kind=Event is disallowed from being an owner");
        }
        if owner["controller"] == Value::Bool(true) {
            let this = format!("{}/{}", text(owner, "kind"), text(owner, "name"));
            match &controller {
                None => controller = Some(this),
                Some(first) => {
                    let detail = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} \
                         and {this}"
                    );
                    check.invalid(PATH, owners, &detail);
                }
            }
        }
    }
}
