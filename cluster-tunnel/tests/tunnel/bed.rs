//! Certificates, servers and agents on loopback.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use cluster_tunnel::{
    Agent, ClusterName, TunnelServer,
    agent::{AgentSettings, Pace, Server},
    agent_core::{Endpoint, Targets},
    server::{AllowAll, Authenticator, CertificateField, CertificateNames, Listener, Policy, ServerSettings},
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::task::JoinHandle;

/// One authority for servers and agents.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    pub fn new() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn signed(
        &self,
        mut params: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
    ) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        (certificate, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    /// What a server shows; clients may come without a certificate.
    pub fn server_tls(&self) -> Arc<ArcSwap<rustls::ServerConfig>> {
        let params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = self.signed(params, ExtendedKeyUsagePurpose::ServerAuth);
        let verifier = WebPkiClientVerifier::builder(Arc::new(self.roots()));
        let verifier = verifier.allow_unauthenticated().build().unwrap();
        let mut config = rustls::ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(ArcSwap::from_pointee(config))
    }

    /// What an agent shows: a certificate with this common name, which ends after `valid`.
    pub fn client_tls(&self, name: &str, valid: Duration) -> Arc<ArcSwap<rustls::ClientConfig>> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = (std::time::SystemTime::now() + valid).into();
        let (certificate, key) = self.signed(params, ExtendedKeyUsagePurpose::ClientAuth);
        let config = rustls::ClientConfig::builder().with_root_certificates(self.roots());
        let mut config = config.with_client_auth_cert(vec![certificate], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(ArcSwap::from_pointee(config))
    }

    /// What [`client_of`] reads.
    pub fn write_client(&self, folder: &Path, name: &str) {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        let (certificate, key) = self.signed(params, ExtendedKeyUsagePurpose::ClientAuth);
        std::fs::write(folder.join("ca"), &self.certificate).unwrap();
        std::fs::write(folder.join("certificate"), certificate).unwrap();
        std::fs::write(folder.join("key"), key.secret_der()).unwrap();
    }

    /// What an agent without a certificate has.
    pub fn anonymous_tls(&self) -> Arc<ArcSwap<rustls::ClientConfig>> {
        let config = rustls::ClientConfig::builder().with_root_certificates(self.roots());
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(ArcSwap::from_pointee(config))
    }
}

/// What an agent in another process shows.
pub fn client_of(folder: &Path) -> Arc<ArcSwap<rustls::ClientConfig>> {
    let read = |name| std::fs::read(folder.join(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(read("ca"))).unwrap();
    let key = PrivatePkcs8KeyDer::from(read("key")).into();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots);
    let mut config = config.with_client_auth_cert(vec![read("certificate").into()], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(ArcSwap::from_pointee(config))
}

/// A server of this crate with a socket for agents.
pub struct RunningServer {
    pub server: TunnelServer,
    pub agents: SocketAddr,
}

pub const HOUR: Duration = Duration::from_hours(1);

pub fn certificate_names() -> Arc<dyn Authenticator> {
    Arc::new(CertificateNames { field: CertificateField::CommonName, prefix: "cluster:".to_owned() })
}

pub async fn serve(authority: &Authority, settings: ServerSettings) -> RunningServer {
    serve_with(authority, settings, Arc::new(AllowAll), (Ipv4Addr::LOCALHOST, 0).into()).await
}

pub async fn serve_with(
    authority: &Authority,
    settings: ServerSettings,
    policy: Arc<dyn Policy>,
    address: SocketAddr,
) -> RunningServer {
    let server = TunnelServer::new(settings, certificate_names(), policy);
    let listener = Listener::tcp(address, Some(authority.server_tls())).await.unwrap();
    let agents = listener.address().unwrap();
    let serving = server.clone();
    tokio::spawn(async move { serving.serve_agents(listener).await });
    RunningServer { server, agents }
}

/// An agent that runs until it is dropped.
pub struct RunningAgent {
    pub agent: Agent,
    pub task: JoinHandle<()>,
}

impl Drop for RunningAgent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn cluster(name: &str) -> ClusterName {
    name.parse().unwrap()
}

/// The settings of an agent with a certificate for its cluster and a short pause.
pub fn agent_settings(authority: &Authority, name: &str, server: u16, target: SocketAddr) -> AgentSettings {
    let server = Server {
        host: "127.0.0.1".to_owned(),
        port: server,
        tls: authority.client_tls(&format!("cluster:{name}"), HOUR),
        name: None,
        proxy: None,
    };
    let targets = Targets::api_server(Endpoint::Tcp(target.to_string()));
    let mut settings = AgentSettings::new(&cluster(name), server, targets);
    settings.pace = Pace { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
    settings
}

pub fn run(settings: AgentSettings) -> RunningAgent {
    let agent = Agent::new(settings);
    let running = agent.clone();
    RunningAgent { agent, task: tokio::spawn(async move { running.run().await }) }
}

/// Runs an ignored test in a process of its own, with at most so many descriptors.
pub fn alone(test: &str, descriptors: u32) {
    let child = format!("ulimit -n {descriptors} && exec \"$0\" --exact {test} --ignored --nocapture");
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new("sh").arg("-c").arg(child).arg(program).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

/// Asks until it is so, for a minute.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The streams of a cluster's agents on a server.
pub fn links(server: &TunnelServer, name: &str) -> usize {
    server.snapshot().clusters.get(&cluster(name)).map_or(0, |cluster| cluster.state.links)
}
