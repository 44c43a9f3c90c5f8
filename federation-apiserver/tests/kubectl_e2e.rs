//! The machine's kubectl on a server of this process: what people type, and what they are told.
//!
//! Newer and older kubectl word some lines differently; what is asserted is what the server decides.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where something is missing")]

#[path = "kubectl/access.rs"]
mod access;
#[path = "kubectl/apply.rs"]
mod apply;
#[path = "kubectl/change.rs"]
mod change;
#[path = "kubectl/create.rs"]
mod create;
#[path = "kubectl/delete.rs"]
mod delete;
#[path = "kubectl/read.rs"]
mod read;
#[path = "kubectl/session.rs"]
mod session;
