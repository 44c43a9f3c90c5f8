//! Server and agent of this crate over real sockets.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test they are assertions"
)]

mod backend;
mod bad_ways;
mod bed;
mod descriptors;
mod dialling;
mod faults;
mod fronts;
mod identity;
mod namespaces;
mod proxied;
mod reconnecting;
mod slow_way;
mod stalling;
mod tokens;
