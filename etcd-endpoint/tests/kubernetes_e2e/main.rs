//! Stock kube-apiservers on the endpoint.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

#[path = "../../../federation-apiserver/tests/differential_e2e/compare.rs"]
mod compare;
mod data;
mod database;
mod differential;
mod embedded;
#[path = "../../../federation-apiserver/tests/differential_e2e/generated.rs"]
mod generated;
#[path = "../../../federation-apiserver/tests/differential_e2e/masking.rs"]
mod masking;
#[path = "../../../federation-apiserver/tests/differential_e2e/request.rs"]
mod request;
#[path = "../raw/served.rs"]
#[allow(dead_code, reason = "the other tests use all of it")]
mod served;
#[path = "../../../federation-apiserver/tests/differential_e2e/server.rs"]
#[allow(dead_code, reason = "the other test has a server of this project on one side")]
mod server;

pub(crate) use differential::{Report, play};
