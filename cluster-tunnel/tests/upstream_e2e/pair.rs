//! One server and one agent, each of this crate or upstream's.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering::Relaxed},
    },
};

use cluster_tunnel::{Agent, TunnelServer, server::Listener};
use testbed::{FrontEnd, NetworkProxy, ProxyAgent, ProxyServer};
use tokio::task::JoinHandle;

use crate::{
    bed::until,
    ours::{self, CLUSTER},
};

/// Whose end it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Ours,
    Upstream,
}

pub struct Pair {
    pub server: ServerEnd,
    pub agent: AgentEnd,
    pub front_end: FrontEnd,
}

pub enum ServerEnd {
    Ours { server: TunnelServer, socket: PathBuf, port: u16 },
    Upstream(ProxyServer),
}

pub enum AgentEnd {
    Ours { agent: Agent, task: JoinHandle<()> },
    Upstream(ProxyAgent),
}

impl Drop for AgentEnd {
    fn drop(&mut self) {
        if let Self::Ours { task, .. } = self {
            task.abort();
        }
    }
}

impl Pair {
    /// Starts both and waits until they are connected. `target` is the agent's API server; it may dial everything on
    /// loopback besides.
    pub async fn start(
        bed: &NetworkProxy,
        name: &str,
        (server, agent): (Whose, Whose),
        front_end: FrontEnd,
        target: SocketAddr,
    ) -> Self {
        let (server, port) = match server {
            Whose::Upstream => {
                let server = bed.server(&format!("{name}-s"), front_end, 1).await.unwrap();
                let port = server.agent_port();
                (ServerEnd::Upstream(server), port)
            }
            Whose::Ours => ours(bed, name, front_end).await,
        };
        let agent = match agent {
            Whose::Upstream => {
                AgentEnd::Upstream(bed.agent(&format!("{name}-a"), CLUSTER, port).await.unwrap())
            }
            Whose::Ours => {
                let identity = bed.client_identity(CLUSTER, "agents").unwrap();
                let settings = ours::agent_settings(bed.ca_pem(), &identity, port, &target.to_string());
                let agent = Agent::new(settings);
                let running = agent.clone();
                AgentEnd::Ours { agent, task: tokio::spawn(async move { running.run().await }) }
            }
        };
        let pair = Self { server, agent, front_end };
        pair.connected().await;
        pair
    }

    async fn connected(&self) {
        match (&self.server, &self.agent) {
            (ServerEnd::Ours { server, .. }, _) => {
                until("the agent is connected", || server.snapshot().agents_accepted > 0).await;
            }
            (_, AgentEnd::Ours { agent, .. }) => {
                until("the agent is connected", || !agent.snapshot().servers.is_empty()).await;
            }
            // Neither can be asked here: the first tunnels are tried again.
            (ServerEnd::Upstream(_), AgentEnd::Upstream(_)) => {}
        }
    }

    /// Where clients ask for tunnels.
    pub fn socket(&self) -> &Path {
        match &self.server {
            ServerEnd::Ours { socket, .. } => socket,
            ServerEnd::Upstream(server) => server.socket(),
        }
    }

    /// Where clients ask by TLS, if they can.
    pub fn tls_port(&self) -> Option<u16> {
        match &self.server {
            ServerEnd::Ours { port, .. } => Some(*port),
            ServerEnd::Upstream(_) => None,
        }
    }

    pub fn agent_is_ours(&self) -> bool {
        matches!(self.agent, AgentEnd::Ours { .. })
    }
}

static TRIED: AtomicU16 = AtomicU16::new(0);

async fn ours(bed: &NetworkProxy, name: &str, front_end: FrontEnd) -> (ServerEnd, u16) {
    let server = ours::server(name);
    let tls = ours::server_tls(bed.ca_pem(), bed.server_identity());
    let agents = Listener::tcp("127.0.0.1:0".parse().unwrap(), Some(Arc::clone(&tls))).await.unwrap();
    let port = agents.address().unwrap().port();
    let socket = bed.folder().join(format!("{name}.sock"));
    let clients = Listener::unix(socket.clone()).await.unwrap();
    let serving = server.clone();
    tokio::spawn(async move { serving.serve_agents(agents).await });
    let by_tls = loop {
        // Upstream's client refuses the ports that port 0 gives.
        let port =
            15_000 + u16::try_from(std::process::id() % 100).unwrap() * 10 + TRIED.fetch_add(1, Relaxed);
        if let Ok(listener) = Listener::tcp(([127, 0, 0, 1], port).into(), Some(Arc::clone(&tls))).await {
            break listener;
        }
    };
    let client_port = by_tls.address().unwrap().port();
    for clients in [clients, by_tls] {
        let serving = server.clone();
        tokio::spawn(async move {
            match front_end {
                FrontEnd::HttpConnect => serving.serve_connect(clients).await,
                FrontEnd::Grpc => serving.serve_grpc(clients).await,
            }
        });
    }
    (ServerEnd::Ours { server, socket, port: client_port }, port)
}
