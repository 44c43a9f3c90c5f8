//! Reverse tunnels.

pub mod agent_core;
pub mod cluster_core;
mod cluster_name;
mod extension;
mod fair_queue;
mod flow;
mod frame;
mod identifiers;
mod reason;
mod target;
pub mod wire;

pub use cluster_name::{ClusterName, InvalidClusterName};
pub use extension::Extension;
pub use fair_queue::FairQueue;
pub use frame::{ConnectId, Frame, Malformed};
pub use identifiers::Identifiers;
pub use reason::Reason;
pub use target::{API_SERVER, HostNames, NoRoute, Target};

/// The header by which a client names the cluster, in CONNECT requests and in gRPC metadata.
pub const CLUSTER_HEADER: &str = "cluster-tunnel-cluster";
