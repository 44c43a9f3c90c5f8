//! The settings of an agent.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{Pace, Server};
use crate::{
    ClusterName, Identifiers,
    agent_core::{AgentCoreSettings, Targets},
};

/// How many servers there are.
pub trait ServerCount: Send + Sync {
    /// How many servers the agent shall be connected to; asked again and again.
    fn wanted(&self) -> usize;

    /// A server has said how many there are.
    fn told(&self, count: usize);
}

/// What the server said that was reached last; one until then.
#[derive(Debug)]
pub struct CountedServers(AtomicUsize);

impl Default for CountedServers {
    fn default() -> Self {
        Self(AtomicUsize::new(1))
    }
}

impl ServerCount for CountedServers {
    fn wanted(&self) -> usize {
        self.0.load(Relaxed)
    }

    fn told(&self, count: usize) {
        self.0.store(count.max(1), Relaxed);
    }
}

/// Reads the bearer token anew for each connection, since such tokens are renewed.
pub type Token = Arc<dyn Fn() -> io::Result<String> + Send + Sync>;

/// The settings of an agent.
#[derive(Clone)]
pub struct AgentSettings {
    /// Its id: for servers that know no clusters, it is the cluster's name.
    pub id: String,
    /// What it says it can reach, its cluster first.
    pub identifiers: Identifiers,
    /// Where the servers are.
    pub server: Server,
    /// How many there are.
    pub count: Arc<dyn ServerCount>,
    /// What it shows beside its client certificate.
    pub token: Option<Token>,
    /// What it may connect to.
    pub targets: Targets,
    /// The limits of its tunnels, for each server.
    pub core: AgentCoreSettings,
    /// How fast it connects.
    pub pace: Pace,
    /// How long it may take to reach a server.
    pub connect: Duration,
    /// How often a connection is asked whether it lives. Upstream's servers end those that ask more than every 30 s.
    pub keepalive: Duration,
    /// How long an answer to that may take.
    pub keepalive_answer: Duration,
    /// What its chance comes from: different for each agent.
    pub seed: u64,
}

impl AgentSettings {
    /// The settings of an agent that speaks for a cluster.
    pub fn new(cluster: &ClusterName, server: Server, targets: Targets) -> Self {
        Self {
            id: cluster.to_string(),
            identifiers: Identifiers::of_cluster(cluster),
            server,
            count: Arc::new(CountedServers::default()),
            token: None,
            targets,
            core: AgentCoreSettings::default(),
            pace: Pace::default(),
            connect: Duration::from_secs(15),
            keepalive: Duration::from_secs(35),
            keepalive_answer: Duration::from_secs(20),
            // Each of these has keys of its own, by chance.
            seed: RandomState::new().hash_one(()),
        }
    }
}
