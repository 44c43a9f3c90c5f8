//! etcd's v3 API, as generated from `proto/`: its messages, the services to be served, and the clients.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    reason = "generated; the messages are etcd's and documented there"
)]

/// What the store holds: keys and events.
pub mod mvccpb {
    tonic::include_proto!("mvccpb");
}

/// Requests, answers and services.
pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}
