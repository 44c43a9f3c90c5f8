//! What every backend does: one suite, run on each.

mod backends;
mod compaction;
mod leases;
mod model;
mod reads;
mod steps;
mod watches;
mod writes;
