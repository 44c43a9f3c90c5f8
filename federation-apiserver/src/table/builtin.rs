//! The columns of built-in kinds (`k8s.io/kubernetes/pkg/printers/internalversion`).

mod config;
mod network;
mod pods;
mod storage;
mod workloads;

use jiff::Timestamp;
use serde_json::Value;

use super::{Column, text};
use crate::builtin::Kind;

/// The columns of a kind, and an object's cells.
#[derive(Debug)]
pub(super) struct Printer {
    pub(super) columns: &'static [Column<'static>],
    pub(super) cells: fn(&Value, Timestamp) -> Vec<Value>,
    /// What is to be said of a row as a whole.
    pub(super) conditions: fn(&Value) -> Option<Value>,
}

impl Printer {
    const fn new(columns: &'static [Column<'static>], cells: fn(&Value, Timestamp) -> Vec<Value>) -> Self {
        Self { columns, cells, conditions: |_| None }
    }
}

const NAME: Column<'static> = Column::NAME;
const AGE: Column<'static> = string("Age");

const fn string(name: &'static str) -> Column<'static> {
    Column::new(name, "string", 0)
}

/// A column of `-o wide`.
const fn wide(name: &'static str) -> Column<'static> {
    Column::new(name, "string", 1)
}

const fn integer(name: &'static str) -> Column<'static> {
    Column::new(name, "integer", 0)
}

const fn boolean(name: &'static str) -> Column<'static> {
    Column::new(name, "boolean", 0)
}

/// The printer of a kind that has columns of its own.
pub(super) fn printer(kind: &Kind) -> Option<&'static Printer> {
    Some(match (kind.group(), kind.kind) {
        ("", "Pod") => &pods::POD,
        ("", "Node") => &pods::NODE,
        ("apps", "Deployment") => &workloads::DEPLOYMENT,
        ("apps", "ReplicaSet") => &workloads::REPLICA_SET,
        ("apps", "StatefulSet") => &workloads::STATEFUL_SET,
        ("apps", "DaemonSet") => &workloads::DAEMON_SET,
        ("apps", "ControllerRevision") => &workloads::CONTROLLER_REVISION,
        ("batch", "Job") => &workloads::JOB,
        ("batch", "CronJob") => &workloads::CRON_JOB,
        ("autoscaling", "HorizontalPodAutoscaler") => &workloads::AUTOSCALER,
        ("policy", "PodDisruptionBudget") => &workloads::DISRUPTION_BUDGET,
        ("", "Service") => &network::SERVICE,
        ("", "Endpoints") => &network::ENDPOINTS,
        ("discovery.k8s.io", "EndpointSlice") => &network::ENDPOINT_SLICE,
        ("networking.k8s.io", "Ingress") => &network::INGRESS,
        ("networking.k8s.io", "IngressClass") => &network::INGRESS_CLASS,
        ("networking.k8s.io", "NetworkPolicy") => &network::NETWORK_POLICY,
        ("", "PersistentVolume") => &storage::VOLUME,
        ("", "PersistentVolumeClaim") => &storage::CLAIM,
        ("storage.k8s.io", "StorageClass") => &storage::CLASS,
        ("", "ResourceQuota") => &storage::QUOTA,
        ("", "Namespace") => &config::NAMESPACE,
        ("", "ConfigMap") => &config::CONFIG_MAP,
        ("", "Secret") => &config::SECRET,
        ("", "ServiceAccount") => &config::SERVICE_ACCOUNT,
        ("" | "events.k8s.io", "Event") => &config::EVENT,
        ("coordination.k8s.io", "Lease") => &config::LEASE,
        (_, "RoleBinding" | "ClusterRoleBinding") => &config::ROLE_BINDING,
        (_, "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration") => &config::WEBHOOKS,
        ("scheduling.k8s.io", "PriorityClass") => &config::PRIORITY_CLASS,
        _ => return None,
    })
}

/// The printer of `Scale`.
pub(super) static SCALE: Printer =
    Printer::new(&[string("Name"), integer("Desired"), integer("Available"), AGE], |object, now| {
        let replicas = |pointer| Value::from(text::number(object, pointer));
        vec![name(object), replicas("/spec/replicas"), replicas("/status/replicas"), text::age(object, now)]
    });

fn name(object: &Value) -> Value {
    Value::from(text::of(object, "/metadata/name"))
}

/// The names and the images of a pod specification's containers.
fn containers(object: &Value, pod_spec: &str) -> [Value; 2] {
    let containers = text::list(object, &format!("{pod_spec}/containers"));
    ["/name", "/image"].map(|field| {
        let all: Vec<_> = containers.iter().map(|container| text::of(container, field)).collect();
        Value::from(all.join(","))
    })
}

fn selector_or_none(selector: Option<&Value>) -> Value {
    // A selector that is not there selects nothing, which has a spelling of its own.
    let text = selector.map(text::selector).unwrap_or_default();
    Value::from(if text.is_empty() { "<none>".to_owned() } else { text })
}
