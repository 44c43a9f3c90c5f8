//! Which change of an object counts as a new `metadata.generation`.

use serde_json::Value;

use super::kind::Kind;

/// What a kind's generation counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// The kind has none.
    None,
    /// It is 1 for ever.
    Fixed,
    /// Changes of `spec`.
    Spec,
    /// Changes of `spec` or of the annotations.
    SpecAndAnnotations,
    /// Changes of `webhooks`.
    Webhooks,
    /// Changes of anything but the metadata, and of the labels.
    ContentAndLabels,
}

impl Generation {
    pub(super) fn of(kind: &Kind) -> Self {
        match kind.kind {
            "PriorityClass" => Self::Fixed,
            "Deployment" => Self::SpecAndAnnotations,
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => Self::Webhooks,
            "EndpointSlice" => Self::ContentAndLabels,
            "IngressClass"
            | "NetworkPolicy"
            | "Ingress"
            | "PodDisruptionBudget"
            | "DaemonSet"
            | "StatefulSet"
            | "ReplicaSet"
            | "Job"
            | "CronJob"
            | "Pod"
            | "CustomResourceDefinition" => Self::Spec,
            _ => Self::None,
        }
    }
}

/// Whether the step from `old` to `new` is one of the kind's generation.
pub fn bumps_generation(kind: &Kind, new: &Value, old: &Value) -> bool {
    let differ = |pointer: &str| new.pointer(pointer) != old.pointer(pointer);
    match Generation::of(kind) {
        Generation::None | Generation::Fixed => false,
        Generation::Spec => differ("/spec"),
        Generation::SpecAndAnnotations => differ("/spec") || differ("/metadata/annotations"),
        Generation::Webhooks => differ("/webhooks"),
        Generation::ContentAndLabels => {
            let content = |object: &Value| {
                let fields = object.as_object().into_iter().flatten();
                fields
                    .filter(|(name, _)| *name != "metadata")
                    .map(|(n, v)| (n.clone(), v.clone()))
                    .collect::<Vec<_>>()
            };
            differ("/metadata/labels") || content(new) != content(old)
        }
    }
}
