//! The object that a member is to hold: template, retention, overrides, label, and the check that it is still that
//! object.
//!
//! The order is KubeFed's, but for the last step:
//!
//! 1. the template, without its `status` and without all metadata but labels, and the annotations that the policy
//!    pushes;
//! 2. kind, name and namespace of the [`Target`]; its `apiVersion` where the template has none;
//! 3. for an update, what is kept of the live object: [`retain`](crate::retain), finalizers, owners, and annotations that
//!    are the member's own;
//! 4. the cluster's [`overrides`];
//! 5. the label `kubefed.io/managed: "true"`;
//! 6. group, kind, namespace and name of the result are compared with the target's. In KubeFed, an override of
//!    `/metadata`, `x/kind` or the whole object writes to any namespace of a member; here it is
//!    [refused](RenderError::IdentityChanged), whatever way it took.

use std::collections::BTreeMap;

use annotation_policy::AnnotationPolicy;
use federation_model::{FederatedObject, label, reason};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Map, Value, json};

use crate::overrides::{self, OverrideError};
use crate::retain::{Retained, RetainedKind, restore, withdraw};

/// What a federated object stands for on one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Group and version, as in `apps/v1`. The group is what counts; a template may name another version of it.
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
    /// A part of the template is to be an object, and is none.
    #[error("{0} is not an object; write one, or leave it out")]
    NotAnObject(&'static str),
    /// An annotation that is pushed is no text.
    #[error("spec.template.metadata.annotations: the value of {0:?} is not a string; put it in quotes")]
    NotText(String),
    /// The cluster has two entries.
    #[error("spec.overrides names cluster {0:?} twice; put its overrides into one entry")]
    DuplicateCluster(String),
    /// An override does not apply.
    #[error(transparent)]
    Override(#[from] OverrideError),
    /// The overrides leave no place for the managed label.
    #[error("overrides make metadata.labels something that is not an object; write one, or leave them out")]
    LabelsOverridden,
    /// The result is another object than the federated one stands for.
    #[error(
        "{field} would become {got:?} instead of {wanted:?}: template and overrides cannot change what the object is; \
         nothing was written"
    )]
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
            Self::NoTemplate | Self::NotAnObject(_) | Self::NotText(_) => reason::COMPUTE_RESOURCE_FAILED,
            Self::DuplicateCluster(_) | Self::Override(_) | Self::LabelsOverridden => {
                reason::APPLY_OVERRIDES_FAILED
            }
            Self::IdentityChanged { .. } => reason::IDENTITY_CHANGED,
        }
    }
}

/// The object that one cluster is to hold. `live` is given for an update.
///
/// # Errors
/// The template is none, an override does not apply, or the result would be another object than `target`.
pub fn render(
    object: &FederatedObject,
    cluster: &str,
    target: &Target,
    policy: &AnnotationPolicy,
    live: Option<&LiveState<'_>>,
) -> Result<Value, RenderError> {
    let none = Map::new();
    let template = match &object.spec.template {
        Some(Value::Object(template)) => template,
        Some(_) => return Err(RenderError::NotAnObject("spec.template")),
        // A namespace needs no more than its name, and KubeFed's users write no more.
        None if target.kind == "Namespace" && group_of(&target.api_version).is_empty() => &none,
        None => return Err(RenderError::NoTemplate),
    };
    let mut result = from_template(template, target, policy, live)?;
    let kind = RetainedKind::of(group_of(&target.api_version), &target.kind);
    if let Some(live) = live {
        restore(&kind, &mut result, live.retained, object.spec.retain_replicas.unwrap_or(false));
    }
    let mut entries = object.spec.overrides.iter().flatten().filter(|entry| entry.cluster_name == cluster);
    if let Some(entry) = entries.next() {
        if entries.next().is_some() {
            return Err(RenderError::DuplicateCluster(cluster.to_owned()));
        }
        overrides::apply(&mut result, entry.cluster_overrides.as_deref().unwrap_or_default())?;
        check_identity(&result, target)?;
        keep_bookkeeping(&mut result, policy, live);
    } else {
        check_identity(&result, target)?;
    }
    if let Some(live) = live {
        withdraw(&kind, &mut result, live.retained);
    }
    set_managed(&mut result)?;
    Ok(result)
}

/// The template with the target's name on it. Parts that are not pushed are not copied.
fn from_template(
    template: &Map<String, Value>,
    target: &Target,
    policy: &AnnotationPolicy,
    live: Option<&LiveState<'_>>,
) -> Result<Value, RenderError> {
    let mut result = Map::new();
    for (key, value) in template {
        if !matches!(key.as_str(), "metadata" | "status" | "kind") {
            result.insert(key.clone(), value.clone());
        }
    }
    if template.get("apiVersion").is_none_or(Value::is_null) {
        result.insert("apiVersion".to_owned(), target.api_version.clone().into());
    }
    result.insert("kind".to_owned(), target.kind.clone().into());
    let none = Map::new();
    let metadata = object_at(template.get("metadata"), "spec.template.metadata")?.unwrap_or(&none);
    result.insert("metadata".to_owned(), metadata_of(metadata, target, policy, live)?.into());
    Ok(result.into())
}

fn metadata_of(
    template: &Map<String, Value>,
    target: &Target,
    policy: &AnnotationPolicy,
    live: Option<&LiveState<'_>>,
) -> Result<Map<String, Value>, RenderError> {
    let mut metadata = Map::new();
    if let Some(labels) = object_at(template.get("labels"), "spec.template.metadata.labels")? {
        metadata.insert("labels".to_owned(), labels.clone().into());
    }
    let annotations = annotations(template, policy, live)?;
    if !annotations.is_empty() {
        metadata.insert("annotations".to_owned(), annotations.into_iter().collect());
    }
    metadata.insert("name".to_owned(), target.name.clone().into());
    if let Some(namespace) = &target.namespace {
        metadata.insert("namespace".to_owned(), namespace.clone().into());
    }
    if let Some(live) = live {
        metadata.insert("resourceVersion".to_owned(), live.resource_version.into());
        if !live.finalizers.is_empty() {
            metadata.insert("finalizers".to_owned(), live.finalizers.into());
        }
        if !live.owner_references.is_empty() {
            metadata.insert("ownerReferences".to_owned(), json!(live.owner_references));
        }
    }
    Ok(metadata)
}

/// The template's annotations that are spec, and the live object's that are not.
fn annotations(
    template: &Map<String, Value>,
    policy: &AnnotationPolicy,
    live: Option<&LiveState<'_>>,
) -> Result<BTreeMap<String, String>, RenderError> {
    let mut wanted = BTreeMap::new();
    let said = object_at(template.get("annotations"), "spec.template.metadata.annotations")?;
    for (key, value) in said.into_iter().flatten().filter(|(key, _)| policy.is_spec(key)) {
        let value = value.as_str().ok_or_else(|| RenderError::NotText(key.clone()))?;
        wanted.insert(key.clone(), value.to_owned());
    }
    Ok(match live {
        Some(live) => policy.merge(&wanted, live.annotations),
        None => wanted,
    })
}

/// The object that a part of the template is; none where it is absent or null.
fn object_at<'a>(
    value: Option<&'a Value>,
    field: &'static str,
) -> Result<Option<&'a Map<String, Value>>, RenderError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(_) => Err(RenderError::NotAnObject(field)),
    }
}

/// Puts right what overrides have no say in: the version that an update is made for, and the annotations that are the
/// member's own. Overrides may have replaced the metadata, or all annotations, as a whole.
fn keep_bookkeeping(result: &mut Value, policy: &AnnotationPolicy, live: Option<&LiveState<'_>>) {
    let Some(metadata) = result.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for key in ["resourceVersion", "uid", "generation", "creationTimestamp", "managedFields"] {
        metadata.remove(key);
    }
    let Some(live) = live else { return };
    metadata.insert("resourceVersion".to_owned(), live.resource_version.into());
    let kept = policy.status_of(live.annotations);
    if kept.is_empty() {
        return;
    }
    let annotations = metadata.entry("annotations").or_insert(Value::Null);
    if annotations.is_null() {
        *annotations = Map::new().into();
    }
    // What is not an object here, the member refuses with its own words.
    if let Value::Object(annotations) = annotations {
        for (key, value) in kept {
            annotations.entry(key).or_insert_with(|| value.into());
        }
    }
}

/// The group of an `apiVersion`; empty for the core group.
fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// Compares what the result is with what the federated object stands for.
fn check_identity(result: &Value, target: &Target) -> Result<(), RenderError> {
    let metadata = result.get("metadata");
    let of_metadata = |key: &str| metadata.and_then(|metadata| metadata.get(key));
    let api_version = result.get("apiVersion");
    // Kubernetes takes what is empty for what is absent, and so do the comparisons.
    for (field, got, wanted) in [
        ("kind", result.get("kind"), target.kind.as_str()),
        ("metadata.namespace", of_metadata("namespace"), target.namespace.as_deref().unwrap_or_default()),
        ("metadata.name", of_metadata("name"), &target.name),
        ("metadata.generateName", of_metadata("generateName"), ""),
    ] {
        if !said(got, |got| got == wanted) {
            return Err(changed(field, got, wanted));
        }
    }
    let group = group_of(&target.api_version);
    let is_version_of_group = |got: &str| {
        let version = got.split_once('/').map_or(got, |(_, version)| version);
        group_of(got) == group && !version.is_empty() && !version.contains('/')
    };
    if said(api_version, is_version_of_group) {
        return Ok(());
    }
    Err(changed("apiVersion", api_version, &target.api_version))
}

/// Whether the text of a field is as wanted. An absent field has an empty text; what is not a text is never as wanted.
fn said(value: Option<&Value>, is_wanted: impl Fn(&str) -> bool) -> bool {
    match value {
        None | Some(Value::Null) => is_wanted(""),
        Some(Value::String(text)) => is_wanted(text),
        Some(_) => false,
    }
}

fn changed(field: &'static str, got: Option<&Value>, wanted: &str) -> RenderError {
    let got = match got {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    RenderError::IdentityChanged { field, wanted: wanted.to_owned(), got }
}

/// The label goes on last: nothing can override it away.
fn set_managed(result: &mut Value) -> Result<(), RenderError> {
    let metadata = result.get_mut("metadata").and_then(Value::as_object_mut);
    let labels = metadata.ok_or(RenderError::LabelsOverridden)?.entry("labels").or_insert(Value::Null);
    if labels.is_null() {
        *labels = Map::new().into();
    }
    let labels = labels.as_object_mut().ok_or(RenderError::LabelsOverridden)?;
    labels.insert(label::MANAGED.to_owned(), "true".into());
    Ok(())
}

/// What a template says that is not pushed, for an event on the federated object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The event's reason, one of KubeFed's words: `AnnotationsNotSupported`, `FinalizersNotSupported`.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

/// What an object's template says that is not pushed: annotations that the policy leaves to the members, and finalizers.
pub fn warnings(object: &FederatedObject, policy: &AnnotationPolicy) -> Vec<Warning> {
    let metadata = object.spec.template.as_ref().and_then(|template| template.get("metadata"));
    let of_metadata = |key: &str| metadata.and_then(|metadata| metadata.get(key));
    let mut found = Vec::new();
    let annotations = of_metadata("annotations").and_then(Value::as_object);
    let withheld: Vec<_> = annotations
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .filter(|key| !policy.is_spec(key))
        .collect();
    if !withheld.is_empty() {
        found.push(Warning {
            reason: "AnnotationsNotSupported",
            message: format!(
                "annotations in spec.template.metadata are not pushed: {}; set them by overrides, or name them in \
                 spec.propagatingAnnotations of the FederatedTypeConfig",
                withheld.join(", ")
            ),
        });
    }
    if of_metadata("finalizers").and_then(Value::as_array).is_some_and(|finalizers| !finalizers.is_empty()) {
        found.push(Warning {
            reason: "FinalizersNotSupported",
            message: "finalizers in spec.template.metadata are not pushed, as who takes them off works on the member; \
                      set them by overrides"
                .to_owned(),
        });
    }
    found
}
