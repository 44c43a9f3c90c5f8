//! The engine on real API servers.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test: it fails by panicking")]

mod federation;
mod propagation;
mod records;
mod trouble;
