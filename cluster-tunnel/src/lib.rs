//! Reverse tunnels.

pub mod agent;
pub mod agent_core;
pub mod cluster_core;
mod cluster_name;
mod extension;
mod fair_queue;
mod flow;
mod frame;
mod identifiers;
mod limits;
mod metadata;
mod outbox;
mod pipe;
mod reason;
pub mod server;
mod splice;
mod stream;
mod target;
pub mod wire;

pub use agent::Agent;
pub use cluster_name::{ClusterName, InvalidClusterName};
pub use extension::Extension;
pub use fair_queue::FairQueue;
pub use frame::{ConnectId, Frame, Malformed};
pub use identifiers::Identifiers;
pub use reason::Reason;
pub use server::TunnelServer;
pub use stream::TunnelStream;
pub use target::{API_SERVER, HostNames, NoRoute, Target};

/// The header by which a client names the cluster, in CONNECT requests and in gRPC metadata.
pub const CLUSTER_HEADER: &str = "cluster-tunnel-cluster";
