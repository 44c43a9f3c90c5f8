//! Messages and services as `proto/network_proxy.proto` has them.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    reason = "made from the protocol's text, which has the words"
)]

tonic::include_proto!("_");
