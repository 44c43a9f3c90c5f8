//! Servers and agents as processes of their own, this crate's and upstream's.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use cluster_tunnel::{
    Agent, ClusterName, TunnelServer,
    agent::{AgentSettings, Pace, Server},
    agent_core::{Endpoint, Targets},
    server::{AllowAll, CertificateField, CertificateNames, Listener, ServerSettings},
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use testbed::{FrontEnd, NetworkProxy, ProxyAgent, ProxyServer};
use tokio::{io::AsyncReadExt, task::JoinSet};

/// Whose ends they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Ours,
    Upstream,
}

const CLUSTER: &str = "m1";

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

/// A process of this program, which ends when its standard input does.
struct Own {
    child: Child,
    said: BufReader<ChildStdout>,
}

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
            ServerEnd::Ours(own, ..) => own.child.id(),
            ServerEnd::Upstream(server) => server.pid(),
        };
        let agent = match &self.agent {
            AgentEnd::Ours(Agents(own)) => own.child.id(),
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

impl Own {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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

type Chain = (RootCertStore, Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read(folder: &str, name: &str) -> Chain {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = Path::new(folder);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("ca.crt")).unwrap()).unwrap();
    let chain = vec![CertificateDer::from_pem_file(folder.join(format!("{name}.crt"))).unwrap()];
    (roots, chain, PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap())
}

/// A server, until standard input ends. Says the port for agents.
pub async fn serve(folder: &str, socket: &str, front_end: &str) {
    let (roots, chain, key) = read(folder, "server");
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let tls = rustls::ServerConfig::builder().with_client_cert_verifier(verifier);
    let mut tls = tls.with_single_cert(chain, key).unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let mut settings = ServerSettings::new("own");
    settings.host_names.otherwise = Some(CLUSTER.parse().unwrap());
    let names = CertificateNames { field: CertificateField::CommonName, prefix: String::new() };
    let server = TunnelServer::new(settings, Arc::new(names), Arc::new(AllowAll));
    let agents = Listener::tcp("127.0.0.1:0".parse().unwrap(), Some(Arc::new(ArcSwap::from_pointee(tls))));
    let agents = agents.await.unwrap();
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
    let (roots, chain, key) = read(folder, "agent");
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots);
    let mut tls = tls.with_client_auth_cert(chain, key).unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let tls = Arc::new(ArcSwap::from_pointee(tls));
    let cluster: ClusterName = CLUSTER.parse().unwrap();
    let mut tasks = JoinSet::new();
    let mut agents = Vec::new();
    for number in 0..count.parse::<u64>().unwrap() {
        let server = Server {
            host: "127.0.0.1".to_owned(),
            port: port.parse().unwrap(),
            tls: Arc::clone(&tls),
            name: None,
            proxy: None,
        };
        let targets =
            Targets::api_server(Endpoint::Tcp("127.0.0.1:9".to_owned())).allow("127.0.0.1:*").unwrap();
        let mut settings = AgentSettings::new(&cluster, server, targets);
        // Upstream's server tells agents apart by their ids.
        settings.id = format!("{CLUSTER}-{number}");
        settings.pace = Pace { first: Duration::from_millis(200), longest: Duration::from_secs(1) };
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
