//! The same requests to an endpoint and to a real etcd: the answers are the same.
//!
//! What is not compared: who answers (cluster, member, term), the numbers of leases, and versions beyond the first.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

mod both;
mod keys;
mod leases;
mod normal;
mod random;
#[path = "../raw/served.rs"]
#[allow(dead_code, reason = "the other tests use all of it")]
mod served;
mod watches;
