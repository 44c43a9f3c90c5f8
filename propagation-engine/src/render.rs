//! The object that a member is to hold: template, retention, overrides, label, and the check that it is still that object.

use std::collections::BTreeMap;

use annotation_policy::AnnotationPolicy;
use federation_model::{FederatedObject, label, reason};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Map, Value, json};

use crate::overrides::{self, OverrideError};
use crate::retain::{Retained, RetainedKind, restore};

/// What a federated object stands for on one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Group and version; the group is what counts, a template may name another version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; none for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

/// What the member holds now, as far as an update needs it.
#[derive(Clone, Copy, Debug)]
pub struct LiveState<'a> {
    /// The version that the update is made for.
    pub resource_version: &'a str,
    /// All are kept.
    pub finalizers: &'a [String],
    /// Those that are the member's own are kept.
    pub annotations: &'a BTreeMap<String, String>,
    /// All are kept.
    pub owner_references: &'a [OwnerReference],
    /// Values that the member allotted.
    pub retained: &'a Retained,
}

/// Why there is no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// There is no template.
    #[error("spec.template is missing; write the plain object there, without kind, name and namespace")]
    NoTemplate,
    /// The template is no object, or its metadata is none.
    #[error("{0} is not an object")]
    NotAnObject(&'static str),
    /// The cluster has two entries.
    #[error("spec.overrides names cluster {0} twice; put its overrides into one entry")]
    DuplicateCluster(String),
    /// An override does not apply.
    #[error(transparent)]
    Override(#[from] OverrideError),
    /// The result is another object than the federated one stands for.
    #[error("{field} would become {got:?} instead of {wanted:?}: template and overrides cannot change what the object is; nothing was written")]
    IdentityChanged {
        /// The field.
        field: &'static str,
        /// What it must be.
        wanted: String,
        /// What it would be.
        got: String,
    },
}

impl RenderError {
    /// The word of a cluster's status.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoTemplate | Self::NotAnObject(_) => reason::COMPUTE_RESOURCE_FAILED,
            Self::DuplicateCluster(_) | Self::Override(_) => reason::APPLY_OVERRIDES_FAILED,
            Self::IdentityChanged { .. } => reason::IDENTITY_CHANGED,
        }
    }
}

/// Metadata that a template may set; the rest is the server's, the federated object's or the member's.
const TEMPLATE_METADATA: [&str; 1] = ["labels"];

/// The object that one cluster is to hold. `live` is given for an update.
///
/// The order is KubeFed's: template, name, retention, overrides, managed label; then, ours, the check that group, kind,
/// namespace and name of the result are the target's.
pub fn render(
    object: &FederatedObject,
    cluster: &str,
    target: &Target,
    policy: &AnnotationPolicy,
    live: Option<&LiveState<'_>>,
) -> Result<Value, RenderError> {
    let template = object.spec.template.as_ref().ok_or(RenderError::NoTemplate)?;
    let Value::Object(template) = template else { return Err(RenderError::NotAnObject("spec.template")) };
    let mut result = Map::with_capacity(template.len() + 3);
    for (key, value) in template {
        if key != "metadata" && key != "status" {
            result.insert(key.clone(), value.clone());
        }
    }
    result.insert("kind".to_owned(), target.kind.clone().into());
    if !template.get("apiVersion").is_some_and(Value::is_string) {
        result.insert("apiVersion".to_owned(), target.api_version.clone().into());
    }
    result.insert("metadata".to_owned(), metadata(template.get("metadata"), target, policy, live)?.into());
    let mut result = Value::Object(result);
    if let Some(live) = live {
        let (group, _) = split(&target.api_version);
        let kind = RetainedKind::of(group, &target.kind);
        restore(&kind, &mut result, live.retained, object.spec.retain_replicas.unwrap_or(false));
    }
    let mut entries = object.spec.overrides.iter().flatten().filter(|o| o.cluster_name == cluster);
    if let Some(entry) = entries.next() {
        if entries.next().is_some() {
            return Err(RenderError::DuplicateCluster(cluster.to_owned()));
        }
        overrides::apply(&mut result, entry.cluster_overrides.as_deref().unwrap_or_default())?;
    }
    check_identity(&result, target)?;
    set_managed(&mut result)?;
    Ok(result)
}

fn metadata(
    template: Option<&Value>,
    target: &Target,
    policy: &AnnotationPolicy,
    live: Option<&LiveState<'_>>,
) -> Result<Map<String, Value>, RenderError> {
    let empty = Map::new();
    let template = match template {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(map)) => map,
        Some(_) => return Err(RenderError::NotAnObject("spec.template.metadata")),
    };
    let mut metadata = Map::new();
    for key in TEMPLATE_METADATA {
        if let Some(value) = template.get(key).filter(|v| !v.is_null()) {
            metadata.insert(key.to_owned(), value.clone());
        }
    }
    metadata.insert("name".to_owned(), target.name.clone().into());
    if let Some(namespace) = &target.namespace {
        metadata.insert("namespace".to_owned(), namespace.clone().into());
    }
    let wanted: BTreeMap<String, String> = template
        .get("annotations")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect();
    let none = BTreeMap::new();
    let annotations = policy.merge(&wanted, live.map_or(&none, |l| l.annotations));
    if !annotations.is_empty() {
        metadata.insert("annotations".to_owned(), json!(annotations));
    }
    if let Some(live) = live {
        metadata.insert("resourceVersion".to_owned(), live.resource_version.into());
        if !live.finalizers.is_empty() {
            metadata.insert("finalizers".to_owned(), json!(live.finalizers));
        }
        if !live.owner_references.is_empty() {
            metadata.insert("ownerReferences".to_owned(), json!(live.owner_references));
        }
    }
    Ok(metadata)
}

/// Group and version of an `apiVersion`.
fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

fn check_identity(result: &Value, target: &Target) -> Result<(), RenderError> {
    let text = |path: &str| match result.pointer(path) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let group = split(&target.api_version).0;
    let checks = [
        ("apiVersion's group", group.to_owned(), split(&text("/apiVersion")).0.to_owned()),
        ("kind", target.kind.clone(), text("/kind")),
        ("metadata.namespace", target.namespace.clone().unwrap_or_default(), text("/metadata/namespace")),
        ("metadata.name", target.name.clone(), text("/metadata/name")),
        ("metadata.generateName", String::new(), text("/metadata/generateName")),
    ];
    for (field, wanted, got) in checks {
        if wanted != got {
            return Err(RenderError::IdentityChanged { field, wanted, got });
        }
    }
    if split(&text("/apiVersion")).1.is_empty() {
        return Err(RenderError::IdentityChanged {
            field: "apiVersion",
            wanted: target.api_version.clone(),
            got: text("/apiVersion"),
        });
    }
    Ok(())
}

/// The label goes on last: nothing can override it away.
fn set_managed(result: &mut Value) -> Result<(), RenderError> {
    let metadata = result
        .get_mut("metadata")
        .and_then(Value::as_object_mut)
        .ok_or(RenderError::NotAnObject("metadata"))?;
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if labels.is_null() {
        *labels = json!({});
    }
    labels
        .as_object_mut()
        .ok_or(RenderError::NotAnObject("metadata.labels"))?
        .insert(label::MANAGED.to_owned(), "true".into());
    Ok(())
}

/// What a template says that is not pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// KubeFed's reason of the event.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

/// What an object's template says that is not pushed: annotations that the policy leaves to the members, and finalizers.
pub fn withheld(object: &FederatedObject, policy: &AnnotationPolicy) -> Vec<Withheld> {
    let metadata = object.spec.template.as_ref().and_then(|t| t.get("metadata"));
    let keys: BTreeMap<String, String> = metadata
        .and_then(|m| m.get("annotations"))
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(k, _)| (k.clone(), String::new()))
        .collect();
    let annotations: Vec<_> = policy.withheld(&keys).collect();
    let mut found = Vec::new();
    if !annotations.is_empty() {
        found.push(Withheld {
            reason: "AnnotationsNotSupported",
            message: format!(
                "annotations of the template are not pushed: {}; name them in the type config's propagatingAnnotations, or set them by overrides",
                annotations.join(", ")
            ),
        });
    }
    if metadata.and_then(|m| m.get("finalizers")).and_then(Value::as_array).is_some_and(|f| !f.is_empty()) {
        found.push(Withheld {
            reason: "FinalizersNotSupported",
            message: "finalizers of the template are not pushed: they are the member's".to_owned(),
        });
    }
    found
}
