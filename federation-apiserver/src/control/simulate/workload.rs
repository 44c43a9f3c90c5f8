//! What the status of a workload says at first, and at last. Fields, reasons and messages are those of Kubernetes'
//! own controllers.

use serde_json::{Value, json};

use super::conditions::deployment_conditions;
use super::job::job_status;

/// A kind with a simulated status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    Job,
    Claim,
}

/// How a workload ends up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Ready,
    /// With what is said about it.
    Failed(String),
}

/// What to do about an object.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Its status is as it will stay.
    Done,
    /// Its status is as it is to be until its time has come.
    Wait,
    /// Its status is to be this.
    Write { status: Value, then_wait: bool },
}

/// How far a workload is.
pub(super) enum Stage<'a> {
    Started,
    Ended(&'a Outcome),
}

impl Workload {
    pub(super) fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "Deployment" => Self::Deployment,
            "StatefulSet" => Self::StatefulSet,
            "DaemonSet" => Self::DaemonSet,
            "ReplicaSet" => Self::ReplicaSet,
            "Job" => Self::Job,
            "PersistentVolumeClaim" => Self::Claim,
            _ => return None,
        })
    }

    /// What to do about an object; `time` says that its time has come.
    pub(super) fn step(self, object: &Value, outcome: &Outcome, time: bool, now: &str) -> Step {
        let is = |status: &Value| object.get("status").is_some_and(|old| old == status);
        let end = self.status(object, &Stage::Ended(outcome), now);
        if is(&end) {
            return Step::Done;
        }
        // Nothing is waited for where nothing is to run.
        let at_once = self == Self::Claim || *outcome == Outcome::Ready && self.wanted(object) == 0;
        if time || at_once {
            return Step::Write { status: end, then_wait: false };
        }
        let start = self.status(object, &Stage::Started, now);
        if is(&start) { Step::Wait } else { Step::Write { status: start, then_wait: true } }
    }

    /// How many pods are wanted. A simulated member has one node.
    fn wanted(self, object: &Value) -> i64 {
        let spec = &object["spec"];
        match self {
            Self::DaemonSet => 1,
            Self::Job if spec["suspend"] == true => 0,
            Self::Job => spec["completions"].as_i64().or(spec["parallelism"].as_i64()).unwrap_or(1),
            Self::Claim => 0,
            Self::Deployment | Self::StatefulSet | Self::ReplicaSet => spec["replicas"].as_i64().unwrap_or(1),
        }
    }

    fn status(self, object: &Value, stage: &Stage<'_>, now: &str) -> Value {
        let wanted = self.wanted(object);
        let ready = match stage {
            // What ran before runs until what comes is ready.
            Stage::Started | Stage::Ended(Outcome::Failed(_)) => self.running(object).min(wanted),
            Stage::Ended(Outcome::Ready) => wanted,
        };
        let updated = if matches!(stage, Stage::Ended(Outcome::Ready)) { wanted } else { 0 };
        let observed = object["metadata"]["generation"].clone();
        let counted = [("replicas", wanted), ("readyReplicas", ready), ("availableReplicas", ready)];
        match self {
            Self::Deployment => {
                let more = [("updatedReplicas", updated), ("unavailableReplicas", wanted - ready)];
                let mut status = counts(counted.into_iter().chain(more));
                status["observedGeneration"] = observed;
                status["conditions"] = deployment_conditions(object, stage, wanted == ready, now);
                status
            }
            Self::StatefulSet => {
                let mut status = counts(counted.into_iter().chain([("updatedReplicas", updated)]));
                let revision = revision(object, &observed);
                status["observedGeneration"] = observed;
                status["collisionCount"] = 0.into();
                status["availableReplicas"] = ready.into();
                status["replicas"] = wanted.into();
                status["updateRevision"] = revision.clone();
                if updated == wanted {
                    status["currentReplicas"] = wanted.into();
                    status["currentRevision"] = revision;
                } else {
                    let before = &object["status"]["currentRevision"];
                    status["currentRevision"] = if before.is_null() { revision } else { before.clone() };
                }
                status
            }
            Self::DaemonSet => {
                let mut status = counts([
                    ("numberAvailable", ready),
                    ("numberUnavailable", wanted - ready),
                    ("updatedNumberScheduled", updated),
                ]);
                status["observedGeneration"] = observed;
                for (field, count) in [
                    ("currentNumberScheduled", wanted),
                    ("desiredNumberScheduled", wanted),
                    ("numberMisscheduled", 0),
                    ("numberReady", ready),
                ] {
                    status[field] = count.into();
                }
                status
            }
            Self::ReplicaSet => {
                let mut status = counts(counted.into_iter().chain([("fullyLabeledReplicas", wanted)]));
                status["observedGeneration"] = observed;
                status["replicas"] = wanted.into();
                status
            }
            Self::Job => job_status(object, stage, wanted, now),
            Self::Claim => json!({
                "phase": "Bound",
                "accessModes": object["spec"]["accessModes"],
                "capacity": {"storage": object["spec"]["resources"]["requests"]["storage"]},
            }),
        }
    }

    /// How many pods the status says are ready.
    fn running(self, object: &Value) -> i64 {
        let field = if self == Self::DaemonSet { "numberReady" } else { "readyReplicas" };
        object["status"][field].as_i64().unwrap_or_default()
    }
}

/// Counts as Kubernetes writes them: none is left out.
fn counts(all: impl IntoIterator<Item = (&'static str, i64)>) -> Value {
    let present = all.into_iter().filter(|(_, count)| *count != 0);
    Value::Object(present.map(|(name, count)| (name.to_owned(), count.into())).collect())
}

/// A name for the revision of a StatefulSet's template; each generation has its own.
fn revision(object: &Value, generation: &Value) -> Value {
    format!("{}-{}", crate::object::name(object), generation.as_i64().unwrap_or(1)).into()
}
