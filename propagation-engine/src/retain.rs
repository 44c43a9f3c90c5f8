//! What an update keeps of the member's object: values that the member allots, and that no template can know.
//!
//! Two steps, so that whole objects need not be remembered: [`extract`] takes what an update could need when an object
//! is seen, [`restore`] puts it into an update, before the overrides. Metadata is kept by
//! [`render`](crate::render::render), for every kind.
//!
//! | kind | kept | when the update | KubeFed |
//! | --- | --- | --- | --- |
//! | any | `spec.replicas` | is of an object that retains replicas | same |
//! | Service | `clusterIP`, `clusterIPs`, `healthCheckNodePort` | always: they cannot change | same |
//! | | `ports[].nodePort` of a port with the same name, protocol (none is TCP) and number | says none | always; overlooks that no protocol is TCP |
//! | | `ipFamilies`, `ipFamilyPolicy`, `loadBalancerClass` | says none | – |
//! | ServiceAccount | `secrets` | says none | same |
//! | Job | `spec.selector`, and the labels of its pods that the member gave for it | says none, and has no `manualSelector` | – |
//! | PersistentVolumeClaim | `volumeName`, `storageClassName`, `volumeMode` | says none | – |
//! | PersistentVolume | `claimRef` | says none, or names the same claim without its uid | – |
//! | ClusterRole | `rules` | says none, and aggregates them from other roles | – |
//! | webhook configurations, APIService, CustomResourceDefinition | `caBundle`, which the member's certificate controllers fill in | says none | – |
//!
//! What KubeFed does not keep makes its updates fail, or be undone by the member and written again without end.
//! A Namespace's `spec.finalizers` need not be kept: API servers overlook them in updates.

mod ca_bundle;
mod fields;
mod job;
mod service;

use serde_json::Value;

use self::fields::{Field, When};

/// What kind of object it is, as far as retention differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RetainedKind {
    /// `Service`: addresses and ports.
    Service,
    /// `ServiceAccount`: token secrets.
    ServiceAccount,
    /// `Job`: the selector that the member made.
    Job,
    /// `PersistentVolumeClaim`: the volume that it is bound to.
    PersistentVolumeClaim,
    /// `PersistentVolume`: the claim that it is bound to.
    PersistentVolume,
    /// `ClusterRole`: rules that the member aggregated.
    ClusterRole,
    /// `ValidatingWebhookConfiguration`, `MutatingWebhookConfiguration`: the CA bundle of each webhook.
    WebhookConfiguration,
    /// `APIService`: its CA bundle.
    ApiService,
    /// `CustomResourceDefinition`: the CA bundle of its conversion.
    CustomResourceDefinition,
    /// Any other: replicas, when asked.
    #[default]
    Other,
}

impl RetainedKind {
    /// The kind of a type.
    pub fn of(group: &str, kind: &str) -> Self {
        match (group, kind) {
            ("", "Service") => Self::Service,
            ("", "ServiceAccount") => Self::ServiceAccount,
            ("", "PersistentVolumeClaim") => Self::PersistentVolumeClaim,
            ("", "PersistentVolume") => Self::PersistentVolume,
            ("batch", "Job") => Self::Job,
            ("rbac.authorization.k8s.io", "ClusterRole") => Self::ClusterRole,
            (
                "admissionregistration.k8s.io",
                "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration",
            ) => Self::WebhookConfiguration,
            ("apiregistration.k8s.io", "APIService") => Self::ApiService,
            ("apiextensions.k8s.io", "CustomResourceDefinition") => Self::CustomResourceDefinition,
            _ => Self::Other,
        }
    }

    /// Fields that are kept as they are; the rest has rules of its own.
    fn fields(self) -> &'static [Field] {
        match self {
            Self::Service => service::FIELDS,
            Self::ServiceAccount => &[Field { path: &["secrets"], when: When::Empty }],
            Self::PersistentVolumeClaim => &[
                Field { path: &["spec", "volumeName"], when: When::Empty },
                // An empty class is one: none.
                Field { path: &["spec", "storageClassName"], when: When::Absent },
                Field { path: &["spec", "volumeMode"], when: When::Empty },
            ],
            Self::PersistentVolume => CLAIM,
            Self::Job => job::SELECTOR,
            Self::ClusterRole => &[Field { path: &["rules"], when: When::Empty }],
            Self::ApiService => &[Field { path: &["spec", "caBundle"], when: When::Empty }],
            Self::WebhookConfiguration | Self::CustomResourceDefinition | Self::Other => &[],
        }
    }

    /// Whether an object of this kind has values of the member's at all.
    fn applies_to(self, object: &Value) -> bool {
        match self {
            Self::Job => !job::chooses_its_selector(object),
            Self::ClusterRole => fields::at(object, &["aggregationRule"]).is_some_and(|rule| !rule.is_null()),
            Self::ApiService => {
                fields::at(object, &["spec", "insecureSkipTLSVerify"]).and_then(Value::as_bool) != Some(true)
            }
            _ => true,
        }
    }
}

const CLAIM: &[Field] = &[Field { path: &["spec", "claimRef"], when: When::Empty }];

/// Values of the member's. Where there are none, and for replicas, nothing is allocated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retained {
    replicas: Option<i64>,
    values: Box<[Kept]>,
}

/// One value of the member's.
#[derive(Clone, Debug, PartialEq)]
enum Kept {
    /// Of a field, as it is.
    Field(&'static Field, Value),
    /// The node port of a Service's port.
    NodePort(service::NodePort),
    /// A label of a Job's pods.
    PodLabel(&'static str, Box<str>),
    /// The CA bundle of a webhook of this name, or of the one that there is, with an empty name.
    CaBundle(Box<str>, Box<str>),
}

/// Takes what an update of this object could need.
pub fn extract(kind: &RetainedKind, live: &Value) -> Retained {
    let replicas = fields::at(live, REPLICAS).and_then(Value::as_i64);
    if !kind.applies_to(live) {
        return Retained { replicas, values: Box::default() };
    }
    let fields = kind.fields().iter().filter_map(|field| Some(Kept::Field(field, field.kept(live)?.clone())));
    let values = match kind {
        RetainedKind::Service => fields.chain(service::node_ports(live).map(Kept::NodePort)).collect(),
        RetainedKind::Job => fields
            .chain(job::pod_labels(live).map(|(key, value)| Kept::PodLabel(key, value.into())))
            .collect(),
        RetainedKind::WebhookConfiguration => ca_bundle::of_webhooks(live)
            .map(|(webhook, bundle)| Kept::CaBundle(webhook.into(), bundle.into()))
            .collect(),
        RetainedKind::CustomResourceDefinition => ca_bundle::of_conversion(live)
            .map(|bundle| Kept::CaBundle(Box::default(), bundle.into()))
            .into_iter()
            .collect(),
        _ => fields.collect(),
    };
    Retained { replicas, values }
}

const REPLICAS: &[&str] = &["spec", "replicas"];

/// Puts what was kept into an update.
pub fn restore(kind: &RetainedKind, desired: &mut Value, retained: &Retained, retain_replicas: bool) {
    if let Some(replicas) = retained.replicas.filter(|_| retain_replicas) {
        fields::set(desired, REPLICAS, replicas.into());
    }
    if !kind.applies_to(desired) {
        return;
    }
    if *kind == RetainedKind::PersistentVolume {
        complete_claim(desired, retained);
    }
    for kept in &retained.values {
        match kept {
            Kept::Field(field, value) => field.restore(desired, value),
            Kept::NodePort(port) => service::restore_node_port(desired, port),
            Kept::PodLabel(key, value) => job::restore_pod_label(desired, key, value),
            Kept::CaBundle(webhook, bundle) if webhook.is_empty() => {
                ca_bundle::restore_of_conversion(desired, bundle);
            }
            Kept::CaBundle(webhook, bundle) => ca_bundle::restore_of_webhook(desired, webhook, bundle),
        }
    }
}

/// Takes back what was restored and does not go with what the overrides made of the update: addresses and node ports of
/// a Service that is of another type now. A value that is not the kept one stays, for the member to judge.
pub fn withdraw(kind: &RetainedKind, desired: &mut Value, retained: &Retained) {
    if *kind == RetainedKind::Service {
        for kept in &retained.values {
            match kept {
                Kept::Field(field, value) => service::withdraw_field(desired, field, value),
                Kept::NodePort(port) => service::withdraw_node_port(desired, port),
                Kept::PodLabel(..) | Kept::CaBundle(..) => {}
            }
        }
    }
}

/// A volume that is bound ahead names its claim; the member adds the claim's uid, and takes the volume for unbound
/// where an update loses it.
fn complete_claim(desired: &mut Value, retained: &Retained) {
    let Some(Kept::Field(field, live)) = retained.values.first() else { return };
    let Some(claim) = fields::at_mut(desired, field.path) else { return };
    let same = |key: &str| claim.get(key).is_some_and(|value| Some(value) == live.get(key));
    let same_if_said = claim.get("uid").is_none_or(fields::is_empty) || same("uid");
    if same("namespace") && same("name") && same_if_said {
        claim.clone_from(live);
    }
}
