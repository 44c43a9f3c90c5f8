//! Servers and agents as processes of their own, this crate's and upstream's.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use cluster_tunnel::{Agent, server::Listener};
use testbed::{FrontEnd, Identity, NetworkProxy, ProxyAgent, ProxyServer};
use tokio::{io::AsyncReadExt, task::JoinSet};

use crate::{
    ours::{self, CLUSTER},
    processes::Own,
};

/// Whose ends they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Ours,
    Upstream,
}

/// A server and an agent of it. They end when this is dropped.
pub struct Pair {
    agent: AgentEnd,
    server: ServerEnd,
}

enum ServerEnd {
    Ours(Own, PathBuf, u16),
    Upstream(ProxyServer),
}

enum AgentEnd {
    Ours(Agents),
    Upstream(ProxyAgent),
}

/// Agents of this crate in one process.
pub struct Agents(Own);

static STARTED: AtomicU64 = AtomicU64::new(0);

impl Pair {
    pub async fn start(bed: &NetworkProxy, whose: Whose, front_end: FrontEnd) -> Self {
        let name = format!("{whose:?}-{}", STARTED.fetch_add(1, Relaxed)).to_lowercase();
        match whose {
            Whose::Ours => {
                let socket = bed.folder().join(format!("{name}.sock"));
                let folder = material(bed);
                let mut own = Own::start(&[
                    "own-server",
                    &folder.display().to_string(),
                    &socket.display().to_string(),
                    front_end.mode(),
                ]);
                let port = own.line().parse().unwrap();
                let agent = AgentEnd::Ours(Agents::start(bed, port, 1).await);
                Self { agent, server: ServerEnd::Ours(own, socket, port) }
            }
            Whose::Upstream => {
                let server = bed.server(&format!("{name}-s"), front_end, 1).await.unwrap();
                let agent = bed.agent(&format!("{name}-a"), CLUSTER, server.agent_port()).await.unwrap();
                Self { agent: AgentEnd::Upstream(agent), server: ServerEnd::Upstream(server) }
            }
        }
    }

    /// Where clients ask for tunnels.
    pub fn socket(&self) -> &Path {
        match &self.server {
            ServerEnd::Ours(_, socket, _) => socket,
            ServerEnd::Upstream(server) => server.socket(),
        }
    }

    pub fn agent_port(&self) -> u16 {
        match &self.server {
            ServerEnd::Ours(_, _, port) => *port,
            ServerEnd::Upstream(server) => server.agent_port(),
        }
    }

    /// The server's and the agent's.
    pub fn pids(&self) -> [u32; 2] {
        let server = match &self.server {
            ServerEnd::Ours(own, ..) => own.id(),
            ServerEnd::Upstream(server) => server.pid(),
        };
        let agent = match &self.agent {
            AgentEnd::Ours(Agents(own)) => own.id(),
            AgentEnd::Upstream(agent) => agent.pid(),
        };
        [server, agent]
    }
}

impl Agents {
    /// Starts them and waits until each is connected.
    pub async fn start(bed: &NetworkProxy, port: u16, count: u64) -> Self {
        let folder = material(bed).display().to_string();
        let mut own = Own::start(&["own-agents", &folder, &port.to_string(), &count.to_string()]);
        let own = tokio::task::spawn_blocking(move || {
            assert_eq!(own.line(), "connected");
            own
        });
        Self(own.await.unwrap())
    }
}

/// The certificates of all ends, as files.
fn material(bed: &NetworkProxy) -> PathBuf {
    let folder = bed.folder().join("own");
    if !folder.exists() {
        fs::create_dir(&folder).unwrap();
        let agent = bed.client_identity(CLUSTER, "agents").unwrap();
        let server = bed.server_identity();
        for (name, text) in [
            ("ca.crt", bed.ca_pem()),
            ("server.crt", &server.certificate),
            ("server.key", &server.key),
            ("agent.crt", &agent.certificate),
            ("agent.key", &agent.key),
        ] {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    folder
}

/// The authority, and an end's certificate.
fn read(folder: &str, name: &str) -> (String, Identity) {
    let text = |file: &str| fs::read_to_string(Path::new(folder).join(file)).unwrap();
    let (certificate, key) = (text(&format!("{name}.crt")), text(&format!("{name}.key")));
    (text("ca.crt"), Identity { certificate, key })
}

/// A server, until standard input ends. Says the port for agents.
pub async fn serve(folder: &str, socket: &str, front_end: &str) {
    let (authority, identity) = read(folder, "server");
    let server = ours::server("own");
    let tls = ours::server_tls(&authority, &identity);
    let agents = Listener::tcp("127.0.0.1:0".parse().unwrap(), Some(tls)).await.unwrap();
    let clients = Listener::unix(socket.into()).await.unwrap();
    println!("{}", agents.address().unwrap().port());
    let by_connect = front_end == FrontEnd::HttpConnect.mode();
    let clients = async {
        if by_connect { server.serve_connect(clients).await } else { server.serve_grpc(clients).await }
    };
    let mut input = tokio::io::stdin();
    tokio::select! {
        () = server.serve_agents(agents) => {}
        () = clients => {}
        _ = input.read_u8() => {}
    }
}

/// Agents, until standard input ends. Says when all are connected.
pub async fn agents(folder: &str, port: &str, count: &str) {
    let (authority, identity) = read(folder, "agent");
    let settings = ours::agent_settings(&authority, &identity, port.parse().unwrap(), "127.0.0.1:9");
    let mut tasks = JoinSet::new();
    let mut agents = Vec::new();
    for number in 0..count.parse::<u64>().unwrap() {
        let mut settings = settings.clone();
        // Upstream's server tells agents apart by their ids.
        settings.id = format!("{CLUSTER}-{number}");
        let agent = Agent::new(settings);
        agents.push(agent.clone());
        tasks.spawn(async move { agent.run().await });
        while number % 20 == 0 && agents.last().unwrap().snapshot().servers.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    while agents.iter().any(|agent| agent.snapshot().servers.is_empty()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("connected");
    let _ = tokio::io::stdin().read_u8().await;
}
