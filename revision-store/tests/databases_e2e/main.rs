//! The suite of every backend, and faults, on database servers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

#[path = "../faults/again.rs"]
mod again;
mod backends;
#[path = "../conformance/compaction.rs"]
mod compaction;
mod faults;
mod full;
#[path = "../conformance/leases.rs"]
mod leases;
#[path = "../conformance/model.rs"]
mod model;
mod on_model;
mod opening;
mod paused;
mod proxy;
#[path = "../conformance/reads.rs"]
mod reads;
mod replicas;
mod sql;
#[path = "../conformance/steps.rs"]
mod steps;
#[path = "../conformance/watches.rs"]
mod watches;
#[path = "../conformance/writes.rs"]
mod writes;
