//! Reverse tunnels: API servers that cannot be reached, reached by the name of their cluster.
//!
//! An [`Agent`] beside the API server dials out to every replica of a [`TunnelServer`] and keeps a stream there. Whoever
//! wants to reach the API server asks the server for a tunnel: in the same process
//! ([`connector`](TunnelServer::connector), for hyper's and kube's clients), by HTTP CONNECT, or by gRPC. TLS to the API
//! server goes from end to end, through the tunnel.
//!
//! Both ends speak the protocol of the Kubernetes API server network proxy (konnectivity), so either can be exchanged
//! for upstream's. Where both are of this crate, each tunnel has a window and half-closed ends, too
//! (`proto/network_proxy.proto` has the messages).
//!
//! | module | holds |
//! | --- | --- |
//! | [`cluster_core`], [`agent_core`] | all decisions, without I/O: events in, actions out |
//! | [`server`] | sockets, identities, policy, front ends, connectors |
//! | [`agent`] | the streams to the servers, and the connections to the API server |
//! | [`wire`], [`Frame`] | the protocol |
//!
//! What always holds: bytes arrive in order, and an end in good order means that all have arrived. A reader that stops
//! delays no other tunnel. What waits for a tunnel in memory is bounded.

pub mod agent;
pub mod agent_core;
mod chunks;
pub mod cluster_core;
mod cluster_name;
mod extension;
mod fair_queue;
mod flow;
mod frame;
pub mod fuzz;
mod identifiers;
mod inward;
mod limits;
mod metadata;
mod outbox;
mod pipe;
mod reason;
mod rpc;
pub mod server;
mod splice;
mod stream;
mod target;
mod trace;
pub mod wire;

pub use agent::Agent;
pub use cluster_name::{ClusterName, InvalidClusterName};
pub use extension::Extension;
pub use fair_queue::FairQueue;
pub use frame::{ConnectId, Frame, Malformed};
pub use identifiers::Identifiers;
pub use reason::Reason;
pub use rpc::{Code, Status};
pub use server::TunnelServer;
pub use stream::TunnelStream;
pub use target::{API_SERVER, HostNames, NoRoute, Target};
pub use trace::{InvalidTraceParent, TraceParent};

/// The header by which a client names the cluster, in CONNECT requests and in gRPC metadata.
pub const CLUSTER_HEADER: &str = "cluster-tunnel-cluster";

/// The header by which a client of CONNECT hears why there is no tunnel: [`Reason::category`].
pub const REASON_HEADER: &str = "cluster-tunnel-reason";
