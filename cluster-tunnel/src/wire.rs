//! Messages as `proto/network_proxy.proto` has them.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    reason = "made from the protocol's text, which has the words"
)]

include!(concat!(env!("OUT_DIR"), "/_.rs"));
