//! The audit log: who asked for what, when, and what came of it.
//!
//! Policies and events are those of `audit.k8s.io/v1`, as described in Kubernetes' documentation, "Auditing", so that
//! policy files and what reads the log are the same as for kube-apiserver. What is recorded of a request is decided by
//! [`Policy::decide`] from its [`Subject`] alone; events go to a [`Log`], which never holds a request up.

mod event;
mod log;
mod policy;
mod record;
mod rotation;
mod rule;

pub use event::{Event, ObjectReference, ResponseStatus};
pub use log::{Log, LogCounts};
pub use policy::{Decision, Level, Policy, PolicyError, Stage};
pub(crate) use record::{Began, Record};
pub use rotation::{RotatingFile, Rotation};
pub use rule::{GroupResources, Rule, Subject};

use std::sync::Arc;

/// What is recorded, and where to.
#[derive(Clone)]
pub struct Audit {
    /// What is recorded of which requests.
    pub policy: Arc<Policy>,
    /// Where events go.
    pub log: Log,
}
