//! The engine on API servers in its own process: the scenarios, in a fraction of the time that real servers take.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test: it fails by panicking")]

mod servers;

#[path = "../scenarios/access.rs"]
mod access;
#[path = "../scenarios/cells_off.rs"]
mod cells_off;
#[path = "../scenarios/federation.rs"]
mod federation;
#[path = "../scenarios/missing_type.rs"]
mod missing_type;
#[path = "../scenarios/propagation.rs"]
mod propagation;
#[path = "../scenarios/records.rs"]
mod records;
#[path = "../scenarios/trouble.rs"]
mod trouble;
#[path = "../scenarios/webhook.rs"]
mod webhook;
