//! What every backend does: one suite, run on each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

mod backends;
mod compaction;
mod leases;
mod model;
mod reads;
mod steps;
mod watches;
mod writes;
