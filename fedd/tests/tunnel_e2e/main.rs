//! Members that nothing but their agents can reach: joined, written to and watched through tunnels.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

mod bed;
mod identity;
#[path = "../support/process.rs"]
mod process;
mod propagation;
mod servers;
#[path = "../support/serving.rs"]
mod serving;
mod tenants;
mod traces;
