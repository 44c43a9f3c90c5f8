//! What makes a built-in object invalid, in kube-apiserver's words (`k8s.io/kubernetes/pkg/apis/*/validation`).
//!
//! These are the rules that somebody who applies objects meets: names, keys, selectors, what is immutable, references
//! inside the object. Rules about fields that only a kubelet or a cloud's controller reads are not among them.

mod check;
mod config;
mod metadata;
mod network;
mod pods;
mod rbac;
mod scaling;
mod status;
mod webhooks;
mod workloads;

use serde_json::Value;

pub use metadata::{NameRule, validate_metadata};

use super::kind::Kind;
use crate::FieldError;
use check::Check;

/// What is wrong with an object that was read as its type and has its defaults. `old` is what it replaces. Of an
/// update of the status, only the status and the metadata are looked at.
pub fn validate(kind: &Kind, subresource: &str, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = validate_metadata(object, old, kind.namespaced, NameRule::of(kind));
    let mut check = Check::new();
    if let ("status", Some(old)) = (subresource, old) {
        status::status(&mut check, kind, object, old);
        errors.extend(check.errors);
        return errors;
    }
    if old.is_none() && !matches!(kind.group(), "coordination.k8s.io" | "admissionregistration.k8s.io") {
        metadata::built_in_finalizers(&mut check, object);
    }
    match kind.kind {
        "ConfigMap" => config::config_map(&mut check, object, old),
        "Secret" => config::secret(&mut check, object, old),
        "Namespace" => metadata::namespace_finalizers(&mut check, object),
        "Lease" => config::lease(&mut check, object),
        "PriorityClass" => config::priority_class(&mut check, object, old),
        "Role" | "ClusterRole" => rbac::role(&mut check, object, kind.namespaced),
        "RoleBinding" | "ClusterRoleBinding" => rbac::binding(&mut check, object, old, kind.namespaced),
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            webhooks::configuration(&mut check, object, old);
        }
        "Deployment" => workloads::deployment(&mut check, object, old),
        "ReplicaSet" => workloads::replica_set(&mut check, object, old),
        "StatefulSet" => workloads::stateful_set(&mut check, object, old),
        "DaemonSet" => workloads::daemon_set(&mut check, object, old),
        "Job" => workloads::job(&mut check, object, old),
        "CronJob" => workloads::cron_job(&mut check, object, old),
        "Pod" => pods::pod(&mut check, object, old),
        "Service" => network::service(&mut check, object, old),
        "Ingress" => network::ingress(&mut check, object),
        "NetworkPolicy" => network::policy(&mut check, object),
        "HorizontalPodAutoscaler" => scaling::autoscaler(&mut check, object, old),
        "PodDisruptionBudget" => scaling::disruption_budget(&mut check, object),
        _ => {}
    }
    errors.extend(check.errors);
    errors
}
