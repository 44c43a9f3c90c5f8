//! The Kubernetes API server network proxy: its server, its agent and its test client, as they are upstream.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use tokio::net::{TcpStream, UnixStream};

use crate::{
    Binary, Error, Identity, Result, blocking::blocking, certificates::Certificates, etcd::check_socket_path,
    ports::free_port, readiness::ready, supervisor::Process, supervisor::Supervisor,
};

/// By default both programs log every packet, which takes time that is not the protocol's.
const QUIET: &str = "--v=0";

/// How clients of a [`ProxyServer`] ask for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontEnd {
    /// HTTP/1.1 CONNECT.
    HttpConnect,
    /// The gRPC service `ProxyService`.
    Grpc,
}

impl FrontEnd {
    /// The word of the flags of server and test client.
    pub fn mode(self) -> &'static str {
        match self {
            Self::HttpConnect => "http-connect",
            Self::Grpc => "grpc",
        }
    }
}

/// Where a server's clients come in.
#[derive(Debug, Clone, Copy)]
pub enum ProxyAddress<'a> {
    /// A Unix socket.
    Unix(&'a Path),
    /// A port of 127.0.0.1 with TLS, for which the client has a certificate. Below 49152.
    Tls(u16),
}

/// Certificates and a temporary folder for network proxies. No API server is needed.
///
/// As with a [`Testbed`](crate::Testbed), everything ends with the last handle or with this process.
pub struct NetworkProxy {
    supervisor: Arc<Supervisor>,
    certificates: Certificates,
}

/// A running upstream server. It ends when it is dropped.
pub struct ProxyServer {
    process: Process,
    socket: PathBuf,
    agent_port: u16,
}

/// A running upstream agent. It ends when it is dropped.
pub struct ProxyAgent {
    process: Process,
}

impl NetworkProxy {
    /// Builds the three programs if they are not there yet, and makes an authority.
    pub async fn start() -> Result<Self> {
        blocking(|| {
            for binary in [Binary::ProxyServer, Binary::ProxyAgent, Binary::ProxyTestClient] {
                binary.path()?;
            }
            Ok(Self {
                supervisor: Arc::new(Supervisor::start()?),
                certificates: Certificates::generate("network-proxy")?,
            })
        })
        .await
    }

    /// The temporary folder; every program has a folder of its name in it, with its `log`.
    pub fn folder(&self) -> &Path {
        self.supervisor.root()
    }

    /// The certificate of the authority behind all others, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.certificates.authority
    }

    /// What servers show: valid for `localhost` and 127.0.0.1.
    pub fn server_identity(&self) -> &Identity {
        &self.certificates.server
    }

    /// A client certificate with this common name and organisation.
    pub fn client_identity(&self, common_name: &str, organisation: &str) -> Result<Identity> {
        self.certificates.client(common_name, organisation)
    }

    /// Starts a server with this id, one of `count`. Its clients come by a Unix socket, its agents by TLS with
    /// client certificates on 127.0.0.1.
    pub async fn server(&self, id: &str, front_end: FrontEnd, count: usize) -> Result<ProxyServer> {
        let binary = blocking(|| Binary::ProxyServer.path()).await?;
        let folder = self.supervisor.make_folder(id)?;
        let socket = folder.join("clients");
        check_socket_path(&socket)?;
        let authority = write(&folder.join("ca.crt"), self.ca_pem())?;
        let (certificate, key) = write_identity(&folder, self.server_identity())?;
        let (agent_port, health_port, admin_port) = (free_port()?, free_port()?, free_port()?);
        let flags = [
            format!("--mode={}", front_end.mode()),
            format!("--uds-name={}", socket.display()),
            "--server-port=0".to_owned(),
            format!("--cluster-cert={certificate}"),
            format!("--cluster-key={key}"),
            format!("--cluster-ca-cert={authority}"),
            "--agent-bind-address=127.0.0.1".to_owned(),
            format!("--agent-port={agent_port}"),
            "--health-bind-address=127.0.0.1".to_owned(),
            format!("--health-port={health_port}"),
            "--admin-bind-address=127.0.0.1".to_owned(),
            format!("--admin-port={admin_port}"),
            format!("--server-id={id}"),
            format!("--server-count={count}"),
            QUIET.to_owned(),
        ];
        let process = self.supervisor.run(id, &binary, &flags)?;
        ready(id, &process, async || {
            UnixStream::connect(&socket).await.map_err(|error| error.to_string())?;
            answers(agent_port).await
        })
        .await?;
        Ok(ProxyServer { process, socket, agent_port })
    }

    /// Starts an agent with this id that keeps connections to the servers behind a port of 127.0.0.1. It is running
    /// when this returns, and connected a little later.
    ///
    /// `name` is its folder's; several agents may have one id.
    pub async fn agent(&self, name: &str, id: &str, server_port: u16) -> Result<ProxyAgent> {
        let binary = blocking(|| Binary::ProxyAgent.path()).await?;
        let folder = self.supervisor.make_folder(name)?;
        let authority = write(&folder.join("ca.crt"), self.ca_pem())?;
        let (certificate, key) = write_identity(&folder, &self.client_identity(id, "agents")?)?;
        let (health_port, admin_port) = (free_port()?, free_port()?);
        let flags = [
            "--proxy-server-host=127.0.0.1".to_owned(),
            format!("--proxy-server-port={server_port}"),
            format!("--ca-cert={authority}"),
            format!("--agent-cert={certificate}"),
            format!("--agent-key={key}"),
            format!("--agent-id={id}"),
            "--health-server-host=127.0.0.1".to_owned(),
            format!("--health-server-port={health_port}"),
            "--admin-bind-address=127.0.0.1".to_owned(),
            format!("--admin-server-port={admin_port}"),
            QUIET.to_owned(),
        ];
        let process = self.supervisor.run(name, &binary, &flags)?;
        ready(name, &process, async || answers(health_port).await).await?;
        Ok(ProxyAgent { process })
    }

    /// Runs the test client to its end: `requests` GETs of `url` at once, each through a tunnel of its own, by the
    /// front end at `address`. With success, the bodies are in its standard error.
    pub async fn test_client(
        &self,
        address: ProxyAddress<'_>,
        front_end: FrontEnd,
        url: &http::Uri,
        requests: usize,
    ) -> Result<Output> {
        let way = match address {
            ProxyAddress::Unix(socket) => vec![
                "--proxy-host=".to_owned(),
                "--proxy-port=0".to_owned(),
                format!("--proxy-uds={}", socket.display()),
            ],
            ProxyAddress::Tls(port) => {
                let folder = self.supervisor.make_folder("test-client")?;
                let authority = write(&folder.join("ca.crt"), self.ca_pem())?;
                let (certificate, key) =
                    write_identity(&folder, &self.client_identity("test-client", "clients")?)?;
                vec![
                    "--proxy-host=127.0.0.1".to_owned(),
                    format!("--proxy-port={port}"),
                    format!("--ca-cert={authority}"),
                    format!("--client-cert={certificate}"),
                    format!("--client-key={key}"),
                ]
            }
        };
        let mut flags = vec![
            "-v=4".to_owned(),
            "--logtostderr=true".to_owned(),
            format!("--mode={}", front_end.mode()),
            format!("--request-proto={}", url.scheme_str().unwrap_or("http")),
            format!("--request-host={}", url.host().unwrap_or_default()),
            format!("--request-port={}", url.port_u16().unwrap_or(80)),
            format!("--request-path={}", url.path()),
            format!("--test-requests={requests}"),
        ];
        flags.extend(way);
        blocking(move || {
            let binary = Binary::ProxyTestClient.path()?;
            let mut client = Command::new(&binary);
            // It closes its connection at any signal, and Go's runtime sends itself some to interrupt long work.
            client.args(flags).env("GODEBUG", "asyncpreemptoff=1");
            client.output().map_err(|source| Error::file(&binary, source))
        })
        .await
    }
}

impl ProxyServer {
    /// The Unix socket of its front end.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The port for agents on 127.0.0.1.
    pub fn agent_port(&self) -> u16 {
        self.agent_port
    }

    /// The process id, for measuring.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl ProxyAgent {
    /// The process id, for measuring.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal, named as `kill -s` names it: `TERM` once to drain, twice to end, `STOP` to hang.
    pub fn signal(&self, signal: &str) -> Result<()> {
        self.process.signal(signal)
    }

    /// What it has printed so far.
    pub fn log_path(&self) -> PathBuf {
        self.process.log()
    }
}

async fn answers(port: u16) -> Result<(), String> {
    TcpStream::connect(("127.0.0.1", port)).await.map(drop).map_err(|error| error.to_string())
}

fn write_identity(folder: &Path, identity: &Identity) -> Result<(String, String)> {
    let certificate = write(&folder.join("tls.crt"), &identity.certificate)?;
    Ok((certificate, write(&folder.join("tls.key"), &identity.key)?))
}

fn write(path: &Path, text: &str) -> Result<String> {
    fs::write(path, text).map_err(|source| Error::file(path, source))?;
    Ok(path.display().to_string())
}
