//! Server and agent of this crate over real sockets.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test they are assertions; and not every target uses all that targets share"
)]

mod backend;
mod bad_ways;
mod bed;
mod descriptors;
mod dialling;
mod faults;
#[path = "../upstream_e2e/front.rs"]
mod front;
mod fronts;
mod identity;
mod namespaces;
mod proxied;
mod reconnecting;
mod slow_way;
mod stalling;
mod tokens;
