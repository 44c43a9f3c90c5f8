//! One server and one agent, each of this crate or upstream's.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use cluster_tunnel::{
    Agent, TunnelServer,
    agent::{AgentSettings, Pace, Server},
    agent_core::{Endpoint, Targets},
    server::{AllowAll, CertificateField, CertificateNames, Listener, ServerSettings},
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use testbed::{FrontEnd, Identity, NetworkProxy, ProxyAgent, ProxyServer};
use tokio::task::JoinHandle;

use crate::bed::{cluster, until};

/// Whose end it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Ours,
    Upstream,
}

/// The cluster of all agents here.
pub const CLUSTER: &str = "m1";

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
                let agent = Agent::new(agent_settings(bed, port, target));
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
    let mut settings = ServerSettings::new(name);
    // Clients of upstream name no cluster.
    settings.host_names.otherwise = Some(cluster(CLUSTER));
    let names = CertificateNames { field: CertificateField::CommonName, prefix: String::new() };
    let server = TunnelServer::new(settings, Arc::new(names), Arc::new(AllowAll));
    let agents = Listener::tcp("127.0.0.1:0".parse().unwrap(), Some(server_tls(bed))).await.unwrap();
    let port = agents.address().unwrap().port();
    let socket = bed.folder().join(format!("{name}.sock"));
    let clients = Listener::unix(socket.clone()).await.unwrap();
    let serving = server.clone();
    tokio::spawn(async move { serving.serve_agents(agents).await });
    let by_tls = loop {
        // Upstream's client refuses the ports that port 0 gives.
        let port =
            15_000 + u16::try_from(std::process::id() % 100).unwrap() * 10 + TRIED.fetch_add(1, Relaxed);
        if let Ok(listener) = Listener::tcp(([127, 0, 0, 1], port).into(), Some(server_tls(bed))).await {
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

pub fn agent_settings(bed: &NetworkProxy, port: u16, target: SocketAddr) -> AgentSettings {
    let (roots, chain, key) = material(bed, &bed.client_identity(CLUSTER, "agents").unwrap());
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots);
    let mut tls = tls.with_client_auth_cert(chain, key).unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let server = Server {
        host: "127.0.0.1".to_owned(),
        port,
        tls: Arc::new(ArcSwap::from_pointee(tls)),
        name: None,
        proxy: None,
    };
    let targets = Targets::api_server(Endpoint::Tcp(target.to_string())).allow("127.0.0.1:*").unwrap();
    let mut settings = AgentSettings::new(&cluster(CLUSTER), server, targets);
    settings.pace = Pace { first: Duration::from_millis(200), longest: Duration::from_secs(1) };
    settings
}

fn server_tls(bed: &NetworkProxy) -> Arc<ArcSwap<rustls::ServerConfig>> {
    let (roots, chain, key) = material(bed, bed.server_identity());
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let config = rustls::ServerConfig::builder().with_client_cert_verifier(verifier);
    let mut config = config.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(ArcSwap::from_pointee(config))
}

fn material(
    bed: &NetworkProxy,
    identity: &Identity,
) -> (RootCertStore, Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(bed.ca_pem().as_bytes()).unwrap()).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
    (roots, chain, PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap())
}
