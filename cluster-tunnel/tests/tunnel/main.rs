//! Server and agent of this crate over real sockets.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test they are assertions"
)]

mod backend;
mod bed;
mod dialling;
mod faults;
mod fronts;
mod identity;
mod reconnecting;
mod stalling;
