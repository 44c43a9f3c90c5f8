//! Workloads of a simulated member: their status says what it would if pods had run.
//!
//! Nothing is run, and there are no Pods, nor ReplicaSets of Deployments: the status of a Deployment, StatefulSet,
//! DaemonSet, ReplicaSet or Job first says that its newest generation has been seen and, after a delay, that all of it
//! is ready (a Job: that it is complete) or that it has failed. PersistentVolumeClaims are bound, to no volume. Since
//! nobody uses claims and volumes, the finalizers that protect them while they are used go when they are deleted.
//!
//! [`services::ServiceAddresses`] gives Services their addresses.

mod conditions;
mod job;
pub mod services;
mod timers;
mod workload;

use std::sync::Arc;
use std::time::Duration;

use revision_store::EventKind;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::changes::{Change, Changes};
use super::finalizers;
use super::hand::Hand;
use super::stored::Stored;
use crate::object;
use crate::rest::{At, Rest};
use crate::status::ApiError;
use timers::Timers;
use workload::{Outcome, Step, Workload};

/// The annotation with which a workload does not become ready; its text is told as the reason.
pub const FAILURE: &str = "fedd.io/simulate-failure";

/// The finalizers that protect claims and volumes while they are used.
const PROTECTIONS: [&str; 2] = ["kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"];

const PREFIXES: [&str; 7] = [
    "/registry/deployments/",
    "/registry/statefulsets/",
    "/registry/daemonsets/",
    "/registry/replicasets/",
    "/registry/jobs/",
    "/registry/persistentvolumeclaims/",
    "/registry/persistentvolumes/",
];

/// How workloads behave.
#[derive(Clone)]
pub struct Behaviour {
    /// How long a workload takes to become ready, or to fail.
    pub delay: Duration,
    /// Why a workload, given as it is stored, fails; `None`: it does not.
    pub failure: Arc<dyn Fn(&Value) -> Option<String> + Send + Sync>,
}

impl Default for Behaviour {
    /// Ready after two seconds; what has the annotation [`FAILURE`] fails.
    fn default() -> Self {
        Self { delay: Duration::from_secs(2), failure: Arc::new(annotated_failure) }
    }
}

/// The text of the annotation [`FAILURE`].
pub fn annotated_failure(object: &Value) -> Option<String> {
    object["metadata"]["annotations"][FAILURE].as_str().map(str::to_owned)
}

/// Gives workloads their status.
pub struct Simulation {
    hand: Hand,
    changes: Changes,
    stored: Arc<Stored>,
    behaviour: Behaviour,
    /// When which object, by its key, has its outcome.
    timers: Timers,
}

impl Simulation {
    /// Nothing is known yet.
    pub fn new(rest: Arc<Rest>, behaviour: Behaviour) -> Self {
        let changes = Changes::new(Arc::clone(rest.store()), PREFIXES);
        let stored = Arc::new(Stored::of(rest.catalog()));
        Self { hand: Hand::new(rest, "simulation"), changes, stored, behaviour, timers: Timers::default() }
    }

    /// Follows the store until it is cancelled.
    pub async fn run(mut self, stop: CancellationToken) {
        let follow = async {
            loop {
                let done = tokio::select! {
                    change = self.changes.next() => match self.learn(change) {
                        Some(key) => self.step(key, None).await,
                        None => Ok(()),
                    },
                    (key, generation) = self.timers.next() => self.step(key, Some(generation)).await,
                };
                if let Err(error) = done {
                    tracing::warn!(%error, "a simulated status cannot be written yet");
                    self.changes.begin_again();
                }
            }
        };
        stop.run_until_cancelled(follow).await;
    }

    /// The key of the object to look at, if any.
    fn learn(&mut self, change: Change) -> Option<String> {
        match change {
            Change::Begin => self.timers = Timers::default(),
            Change::Loaded => {}
            Change::Found(entry) => return Some(entry.key),
            Change::Event(event) if event.kind == EventKind::Put => return Some(event.entry.key),
            Change::Event(event) => self.timers.forget(&event.entry.key),
        }
        None
    }

    /// Brings an object's status on: what is due at once, or, when the time of its generation has come, the outcome.
    async fn step(&mut self, key: String, due: Option<i64>) -> Result<(), ApiError> {
        if !self.stored.is_current(self.hand.rest().catalog()) {
            self.stored = Arc::new(Stored::of(self.hand.rest().catalog()));
        }
        let stored = Arc::clone(&self.stored);
        let Some(place) = stored.place(&key) else { return Ok(()) };
        let at = place.at();
        let kind = at.resource.kind.as_str();
        if kind.starts_with("PersistentVolume") {
            self.hand.edit(at, unprotect).await?;
        }
        let Some(workload) = Workload::of(kind) else { return Ok(()) };
        let now = object::time(self.hand.now());
        let failure = &self.behaviour.failure;
        let mut waits = None;
        let write = |object: &mut Value| {
            waits = None;
            if object::is_deleting(object) {
                return false;
            }
            let outcome = failure(object).map_or(Outcome::Ready, Outcome::Failed);
            let time = due == Some(generation(object));
            match workload.step(object, &outcome, time, &now) {
                Step::Done => false,
                Step::Wait => {
                    waits = Some(generation(object));
                    false
                }
                Step::Write { status, then_wait } => {
                    object["status"] = status;
                    waits = then_wait.then(|| generation(object));
                    true
                }
            }
        };
        self.hand.edit(At { subresource: Some("status"), ..at }, write).await?;
        match waits {
            Some(generation) => self.timers.set(key, generation, self.behaviour.delay),
            None => self.timers.forget(&key),
        }
        Ok(())
    }
}

fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or_default()
}

/// Lets go of a claim or volume that is to go; `false`: there is nothing to let go of.
fn unprotect(object: &mut Value) -> bool {
    object::is_deleting(object) && PROTECTIONS.iter().any(|protection| finalizers::remove(object, protection))
}
