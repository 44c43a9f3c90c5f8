//! Rules for what is written to a status: counts, and how they go together.

use serde_json::Value;

use super::check::{Check, text};
use crate::builtin::kind::Kind;

/// What the counts of a kind's status have to be.
struct Counts {
    /// Those that are not negative.
    not_negative: &'static [&'static str],
    /// Those of which there are no more than `replicas`.
    of_replicas: &'static [&'static str],
    /// What is said of more that is available than ready.
    beyond_ready: &'static str,
}

impl Counts {
    const fn only(not_negative: &'static [&'static str]) -> Self {
        Self { not_negative, of_replicas: &[], beyond_ready: "" }
    }

    fn of(kind: &str) -> Self {
        match kind {
            "Deployment" => Self {
                not_negative: &[
                    "observedGeneration",
                    "replicas",
                    "updatedReplicas",
                    "readyReplicas",
                    "availableReplicas",
                    "unavailableReplicas",
                    "terminatingReplicas",
                    "collisionCount",
                ],
                of_replicas: &["updatedReplicas", "readyReplicas", "availableReplicas"],
                beyond_ready: "cannot be greater than readyReplicas",
            },
            "ReplicaSet" => Self {
                not_negative: &[
                    "replicas",
                    "fullyLabeledReplicas",
                    "readyReplicas",
                    "availableReplicas",
                    "observedGeneration",
                    "terminatingReplicas",
                ],
                of_replicas: &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
                beyond_ready: "cannot be greater than readyReplicas",
            },
            "StatefulSet" => Self {
                not_negative: &[
                    "replicas",
                    "readyReplicas",
                    "currentReplicas",
                    "updatedReplicas",
                    "availableReplicas",
                    "observedGeneration",
                    "collisionCount",
                ],
                of_replicas: &["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"],
                beyond_ready: "cannot be greater than status.readyReplicas",
            },
            "DaemonSet" => Self::only(&[
                "currentNumberScheduled",
                "numberMisscheduled",
                "desiredNumberScheduled",
                "numberReady",
                "observedGeneration",
                "updatedNumberScheduled",
                "numberAvailable",
                "numberUnavailable",
                "collisionCount",
            ]),
            "Job" => Self::only(&["active", "succeeded", "failed", "ready", "terminating"]),
            "HorizontalPodAutoscaler" => Self::only(&["currentReplicas", "desiredReplicas"]),
            "PodDisruptionBudget" => {
                Self::only(&["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"])
            }
            _ => Self::only(&[]),
        }
    }
}

pub(super) fn status(check: &mut Check, kind: &Kind, object: &Value, old: &Value) {
    let status = &object["status"];
    if kind.kind == "Namespace" {
        phase(check, object);
    }
    let Counts { not_negative, of_replicas, beyond_ready } = Counts::of(kind.kind);
    for name in not_negative {
        check.not_negative(status, "status", name);
    }
    let count = |name: &str| status[name].as_i64().unwrap_or(0);
    for name in of_replicas.iter().filter(|name| count(name) > count("replicas")) {
        let path = format!("status.{name}");
        check.invalid(path, &count(name).into(), "cannot be greater than status.replicas");
    }
    if !beyond_ready.is_empty() && count("availableReplicas") > count("readyReplicas") {
        check.invalid("status.availableReplicas", &count("availableReplicas").into(), beyond_ready);
    }
    let collisions = |object: &Value| object["status"]["collisionCount"].as_i64();
    if not_negative.contains(&"collisionCount")
        && let Some(before) = collisions(old)
        && collisions(object).is_none_or(|after| after < before)
    {
        let after = collisions(object).unwrap_or(0);
        check.invalid("status.collisionCount", &after.into(), "cannot be decremented");
    }
}

/// A namespace's phase goes with its deletion.
fn phase(check: &mut Check, namespace: &Value) {
    let (wanted, detail) = if crate::object::is_deleting(namespace) {
        ("Terminating", "may only be 'Terminating' if `deletionTimestamp` is not empty")
    } else {
        ("Active", "may only be 'Active' if `deletionTimestamp` is empty")
    };
    let phase = text(&namespace["status"], "phase");
    if phase != wanted {
        check.invalid("status.Phase", &phase.into(), detail);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::builtin::find;

    fn wrong(kind: &str, status: Value, old: Value) -> Vec<String> {
        let group = if kind == "namespaces" { "" } else { "apps" };
        let mut check = Check::new();
        let kind = find(group, "v1", kind).unwrap();
        super::status(&mut check, kind, &json!({"status": status}), &json!({"status": old}));
        check.errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn counts_go_together() {
        assert_eq!(wrong("deployments", json!({"replicas": 2, "readyReplicas": 2}), json!({})), [""; 0]);
        assert_eq!(
            wrong(
                "deployments",
                json!({"replicas": 1, "readyReplicas": 2, "availableReplicas": 1}),
                json!({})
            ),
            ["status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas"]
        );
        assert_eq!(
            wrong(
                "statefulsets",
                json!({"replicas": 3, "availableReplicas": 1}),
                json!({"collisionCount": 2})
            ),
            [
                "status.availableReplicas: Invalid value: 1: cannot be greater than status.readyReplicas",
                "status.collisionCount: Invalid value: 0: cannot be decremented",
            ]
        );
        assert_eq!(wrong("daemonsets", json!({"numberReady": -1}), json!({})).len(), 1);
        assert_eq!(wrong("namespaces", json!({"phase": "Terminating"}), json!({})).len(), 1);
    }
}
