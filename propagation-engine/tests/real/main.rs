//! The engine on real API servers: the scenarios, and what only these do.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test: it fails by panicking")]

mod servers;

#[path = "../scenarios/access.rs"]
mod access;
#[path = "../scenarios/federation.rs"]
mod federation;
#[path = "../scenarios/missing_type.rs"]
mod missing_type;
mod other_version;
#[path = "../scenarios/propagation.rs"]
mod propagation;
#[path = "../scenarios/records.rs"]
mod records;
#[path = "../scenarios/trouble.rs"]
mod trouble;
mod webhook;
