//! Conditions of workloads, with times that tell when they changed.

use serde_json::{Value, json};

use super::workload::{Outcome, Stage};

/// What is said of a Deployment's progress.
pub(super) fn deployment_conditions(object: &Value, stage: &Stage<'_>, available: bool, now: &str) -> Value {
    let name = crate::object::name(object);
    let (available, reason, message) = if available {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    let first = json!({"type": "Available", "status": available, "reason": reason, "message": message});
    let (status, reason, message) = match stage {
        Stage::Started => ("True", "ReplicaSetUpdated", format!("ReplicaSet \"{name}\" is progressing.")),
        Stage::Ended(Outcome::Ready) => {
            ("True", "NewReplicaSetAvailable", format!("ReplicaSet \"{name}\" has successfully progressed."))
        }
        Stage::Ended(Outcome::Failed(why)) => {
            let message = format!("ReplicaSet \"{name}\" has timed out progressing: {why}");
            ("False", "ProgressDeadlineExceeded", message)
        }
    };
    let second = json!({"type": "Progressing", "status": status, "reason": reason, "message": message});
    let times = ["lastUpdateTime", "lastTransitionTime"];
    json!([timed(object, first, &times, now), timed(object, second, &times, now)])
}

/// A condition with its times: those that it has if nothing about it changes.
pub(super) fn timed(object: &Value, mut condition: Value, times: &[&str], now: &str) -> Value {
    let same =
        |old: &&Value| ["type", "status", "reason", "message"].iter().all(|one| old[one] == condition[one]);
    let old = object["status"]["conditions"].as_array().and_then(|all| all.iter().find(same)).cloned();
    for time in times {
        condition[time] = old.as_ref().map_or_else(|| now.into(), |old| old[time].clone());
    }
    condition
}
