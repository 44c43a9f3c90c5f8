//! The whole engine in simulation: a host and members that are maps, on paused time, with faults.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test: it fails by panicking")]

mod cells;
mod contests;
mod faults;
mod handover;
mod memory;
mod propagation;
mod shards;
mod versions;
mod world;
