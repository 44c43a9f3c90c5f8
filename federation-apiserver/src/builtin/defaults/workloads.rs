//! Defaults of workloads, of what scales them and of what guards them.

use serde_json::{Value, json};

use super::super::autoscaler::{DEFAULT_UTILIZATION, METRICS};
use super::{Fields, is_empty, object, set, text};

pub(super) fn of_type(kind: &str) -> Option<fn(&mut Fields)> {
    Some(match kind {
        "Deployment" => deployment,
        "DaemonSet" => daemon_set,
        "StatefulSet" => stateful_set,
        "ReplicaSet" => replica_set,
        "Job" => job,
        "CronJob" => cron_job,
        "PodFailurePolicyOnPodConditionsPattern" => condition_pattern,
        "HorizontalPodAutoscaler" => autoscaler,
        _ => return None,
    })
}

fn deployment(object_: &mut Fields) {
    let Some(spec) = object(object_, "spec") else { return };
    set(spec, "replicas", 1);
    if let Some(strategy) = object(spec, "strategy") {
        set(strategy, "type", "RollingUpdate");
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = object(strategy, "rollingUpdate")
        {
            set(rolling, "maxUnavailable", "25%");
            set(rolling, "maxSurge", "25%");
        }
    }
    set(spec, "revisionHistoryLimit", 10);
    set(spec, "progressDeadlineSeconds", 600);
}

fn daemon_set(object_: &mut Fields) {
    let Some(spec) = object(object_, "spec") else { return };
    if let Some(strategy) = object(spec, "updateStrategy") {
        set(strategy, "type", "RollingUpdate");
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = object(strategy, "rollingUpdate")
        {
            set(rolling, "maxUnavailable", 1);
            set(rolling, "maxSurge", 0);
        }
    }
    set(spec, "revisionHistoryLimit", 10);
}

fn stateful_set(object_: &mut Fields) {
    let Some(spec) = object(object_, "spec") else { return };
    set(spec, "podManagementPolicy", "OrderedReady");
    if let Some(strategy) = object(spec, "updateStrategy") {
        if text(strategy, "type").is_empty() {
            set(strategy, "type", "RollingUpdate");
            set(strategy, "rollingUpdate", json!({}));
        }
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = strategy.get_mut("rollingUpdate").and_then(Value::as_object_mut)
        {
            set(rolling, "partition", 0);
        }
    }
    if let Some(policy) = object(spec, "persistentVolumeClaimRetentionPolicy") {
        set(policy, "whenDeleted", "Retain");
        set(policy, "whenScaled", "Retain");
    }
    set(spec, "replicas", 1);
    set(spec, "revisionHistoryLimit", 10);
    for claim in spec.get_mut("volumeClaimTemplates").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(claim) = claim.as_object_mut() {
            set(claim, "apiVersion", "v1");
            set(claim, "kind", "PersistentVolumeClaim");
        }
    }
}

fn replica_set(object_: &mut Fields) {
    if let Some(spec) = object(object_, "spec") {
        set(spec, "replicas", 1);
    }
}

fn job(object_: &mut Fields) {
    let Some(spec) = object(object_, "spec") else { return };
    if !spec.contains_key("parallelism") {
        set(spec, "completions", 1);
    }
    set(spec, "parallelism", 1);
    let limit = if spec.contains_key("backoffLimitPerIndex") { i32::MAX } else { 6 };
    set(spec, "backoffLimit", limit);
    set(spec, "completionMode", "NonIndexed");
    set(spec, "suspend", false);
    let replacement = if spec.contains_key("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    set(spec, "podReplacementPolicy", replacement);
    set(spec, "manualSelector", false);
    let labels = spec.get("template").and_then(|template| template.pointer("/metadata/labels")).cloned();
    if let Some(labels) = labels
        && let Some(metadata) = object(object_, "metadata")
        && is_empty(metadata, "labels")
    {
        metadata.insert("labels".to_owned(), labels);
    }
}

fn cron_job(object_: &mut Fields) {
    let Some(spec) = object(object_, "spec") else { return };
    set(spec, "concurrencyPolicy", "Allow");
    set(spec, "suspend", false);
    set(spec, "successfulJobsHistoryLimit", 3);
    set(spec, "failedJobsHistoryLimit", 1);
}

fn condition_pattern(pattern: &mut Fields) {
    set(pattern, "status", "True");
}

/// Other metrics than the CPU are in an annotation.
pub(super) fn autoscaler_v1(object_: &mut Fields) {
    let annotations = object_.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let other_metrics = annotations.is_some_and(|all| all.get(METRICS).is_some());
    let Some(spec) = object(object_, "spec") else { return };
    set(spec, "minReplicas", 1);
    if !other_metrics {
        set(spec, "targetCPUUtilizationPercentage", DEFAULT_UTILIZATION);
    }
}

fn autoscaler(object_: &mut Fields) {
    let Some(spec) = object(object_, "spec") else { return };
    set(spec, "minReplicas", 1);
    if is_empty(spec, "metrics") {
        let target = json!({"type": "Utilization", "averageUtilization": 80});
        let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
        spec.insert("metrics".to_owned(), json!([metric]));
    }
    if let Some(behavior) = spec.get_mut("behavior").and_then(Value::as_object_mut) {
        let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
        if let Some(up) = object(behavior, "scaleUp") {
            set(up, "selectPolicy", "Max");
            set(up, "stabilizationWindowSeconds", 0);
            let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
            set(up, "policies", json!([pods, percent]));
        }
        if let Some(down) = object(behavior, "scaleDown") {
            set(down, "selectPolicy", "Max");
            set(down, "policies", json!([percent]));
        }
    }
}
