//! The same requests to a real kube-apiserver and to this crate: random writes by several managers, compared after each
//! of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

#[path = "real/api.rs"]
mod api;
#[path = "real/built_in.rs"]
mod built_in;
#[path = "real/compared.rs"]
mod compared;
#[path = "real/custom.rs"]
mod custom;
#[path = "real/dice.rs"]
mod dice;
#[path = "real/patches.rs"]
mod patches;
