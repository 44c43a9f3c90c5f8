//! What etcd's clients can rely on, asked over a socket.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

mod client;
mod served;
