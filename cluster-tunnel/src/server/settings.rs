//! The settings of a server.

use std::{sync::Arc, time::Duration};

use super::{Caller, Claim, Issuer, Refusal};
use crate::{ClusterName, HostNames, Reason, cluster_core::CoreSettings};

/// The settings of a server.
#[derive(Clone)]
pub struct ServerSettings {
    /// Its id, different for each replica: agents know by it which servers they are connected to.
    pub id: String,
    /// How many replicas there are at first ([`set_servers`](super::TunnelServer::set_servers) says it later). Agents
    /// connect until they have as many.
    pub count: usize,
    /// The limits of each cluster's tunnels.
    pub core: CoreSettings,
    /// How clients name clusters.
    pub host_names: HostNames,
    /// How long a connection may take for its handshake, and a client for its request; and how long a gRPC connection may
    /// be without a call.
    pub handshake: Duration,
    /// How often idle connections are asked whether they live. Keeps them in the tables of NAT gateways.
    pub keepalive: Duration,
    /// How long an answer to that may take.
    pub keepalive_answer: Duration,
    /// Connections of one listener at once. More wait.
    pub connections: usize,
    /// Issues agents' certificates, where they connect. Without, they come by theirs in other ways.
    pub issuer: Option<Arc<dyn Issuer>>,
    /// Is told what happens. Must not block.
    pub observer: Arc<dyn Fn(&ServerEvent) + Send + Sync>,
}

/// What happens on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// An agent's stream was let in.
    AgentConnected(Claim),
    /// An agent's stream ended.
    AgentLost(Claim),
    /// An agent was not let in. A [`Refusal::StolenName`] or [`Refusal::NotServed`] is for whoever watches over security.
    AgentRefused {
        /// What it said of itself, as far as it could be read.
        claim: Option<Claim>,
        /// Why.
        refusal: Refusal,
    },
    /// An agent got a certificate for this cluster.
    CertificateIssued(ClusterName),
    /// An agent got no certificate. A [`Refusal::StolenName`] or [`Refusal::UsedTwice`] is for whoever watches over
    /// security.
    CertificateRefused {
        /// For which cluster it asked, as far as that could be read.
        cluster: Option<ClusterName>,
        /// Why.
        refusal: Refusal,
    },
    /// A client of a front end got no tunnel. A [`Reason::Denied`] is for whoever watches over security.
    DialFailed {
        /// Who asked.
        caller: Caller,
        /// Whereto, as far as it is known.
        cluster: Option<ClusterName>,
        /// Why.
        reason: Reason,
    },
}

impl ServerSettings {
    /// The settings of the only server, with this id.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            count: 1,
            core: CoreSettings::default(),
            host_names: HostNames::default(),
            handshake: Duration::from_secs(10),
            keepalive: Duration::from_secs(30),
            keepalive_answer: Duration::from_secs(20),
            connections: 10_000,
            issuer: None,
            observer: Arc::new(|_| {}),
        }
    }
}
