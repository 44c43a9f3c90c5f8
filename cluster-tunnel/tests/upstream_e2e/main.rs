//! Every pair of this crate's ends and upstream's, by both front ends.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test they are assertions; and not every target uses all that targets share"
)]

mod api_client;
mod api_server;
#[path = "../tunnel/backend.rs"]
mod backend;
#[path = "../tunnel/bed.rs"]
mod bed;
mod front;
mod kubelet;
mod matrix;
mod ours;
mod pair;
mod stalled;
mod websocket;
