//! What every backend does: one suite, here on those that need no server, in `databases_e2e` on databases.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

mod backends;
mod compaction;
mod leases;
mod model;
mod on_model;
mod reads;
mod steps;
mod watches;
mod writes;
