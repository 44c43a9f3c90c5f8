//! The parts of the server that act by themselves: what kube-controller-manager does for the kinds that are served.
//!
//! Each follows the store's watches and decides from plain values; none polls. Each runs until it is cancelled. One
//! whose store fails pauses for a second and reads everything anew; `reconcile` is the loop of those that see to
//! things by their names.
//!
//! | part | keeps |
//! | --- | --- |
//! | [`bootstrap`] | what a new server has: namespaces, default roles |
//! | [`policy`] | the authorizer's policy, and the rules of aggregated ClusterRoles |
//! | [`namespaces`] | terminating namespaces: their content goes, then they go |
//! | [`namespace_lifecycle`] | no content where there is no namespace, or none for long (admission) |
//! | [`definition_content`] | terminating definitions: their objects go, then they go |
//! | [`garbage`] | objects whose owners are gone |
//! | [`compaction`] | the store: old revisions go |
//! | [`accounts`] | each namespace's default account and authority certificate |
//! | [`account_tokens`] | Secrets for tokens of accounts |
//! | [`simulate`] | workloads of a simulated member, as if their pods ran |

pub(crate) mod changes;
mod condition;
mod finalizers;
mod hand;
mod reconcile;
mod stored;

pub mod account_tokens;
pub mod accounts;
pub mod bootstrap;
pub mod compaction;
pub mod definition_content;
pub mod garbage;
pub mod namespace_lifecycle;
pub mod namespaces;
pub mod policy;
pub mod simulate;
