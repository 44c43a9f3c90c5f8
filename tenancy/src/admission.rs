//! What admission refuses, so that scopes stay what they are. Pure: what is stored and who is who are arguments.
//!
//! On an update only what the update brings in is refused. What is stored may break a rule (a webhook was down, a
//! namespace got its scope later), and must still be editable and, by taking a finalizer off, deletable.

mod cell;
mod change;
mod object;

pub use cell::CellFacts;
pub use object::{NamedCluster, ObjectFacts};

/// Why a write is refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Refusal {
    /// The rule that it breaks.
    pub rule: Rule,
    /// The field, as a user finds it: `metadata.labels[fedd.io/tenant]`.
    pub field: String,
    /// What is wrong, and what to write.
    pub message: String,
}

/// The rules of admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A scope label that has a value keeps it.
    ScopeIsFinal,
    /// Both scope labels are there and have values, or neither is there.
    ScopeIsWhole,
    /// The scope labels of an object are those of its namespace, where the namespace has them.
    ScopeIsTheNamespaces,
    /// A cluster that is named and exists is in reach.
    ClusterIsInReach,
}
