//! What many clients saw of a store, and whether a store that keeps its word can have shown it to them.
//!
//! Clients write, read and watch ([`drive`]); every request is noted with its answer ([`record`]). Afterwards
//! [`verify`] looks for what the store's contract forbids. That it finds each such fault is tested by planting them
//! ([`planted`]).
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

mod databases;
mod drive;
mod planted;
mod record;
mod sqlite;
mod verify;
