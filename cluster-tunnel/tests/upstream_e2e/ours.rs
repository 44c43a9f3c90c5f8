//! This crate's server and agent with the testbed's certificates, set up as upstream's are.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use cluster_tunnel::{
    TunnelServer,
    agent::{AgentSettings, Pace, Server},
    agent_core::{Endpoint, Targets},
    server::{AllowAll, CertificateField, CertificateNames, ServerSettings},
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use testbed::Identity;

/// The cluster of all agents here.
pub const CLUSTER: &str = "m1";

/// A server that believes the common names of certificates. Upstream's clients name no cluster: they get this one.
pub fn server(id: &str) -> TunnelServer {
    let mut settings = ServerSettings::new(id);
    settings.host_names.otherwise = Some(CLUSTER.parse().unwrap());
    let names = CertificateNames { field: CertificateField::CommonName, prefix: String::new() };
    TunnelServer::new(settings, Arc::new(names), Arc::new(AllowAll))
}

pub fn server_tls(authority: &str, identity: &Identity) -> Arc<ArcSwap<rustls::ServerConfig>> {
    let (roots, chain, key) = parsed(authority, identity);
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let config = rustls::ServerConfig::builder().with_client_cert_verifier(verifier);
    let mut config = config.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(ArcSwap::from_pointee(config))
}

/// An agent beside this API server, which may dial everything on loopback besides.
pub fn agent_settings(authority: &str, identity: &Identity, port: u16, api_server: &str) -> AgentSettings {
    let (roots, chain, key) = parsed(authority, identity);
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots);
    let mut tls = tls.with_client_auth_cert(chain, key).unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let tls = Arc::new(ArcSwap::from_pointee(tls));
    let server = Server { host: "127.0.0.1".to_owned(), port, tls, name: None, proxy: None };
    let targets = Targets::api_server(Endpoint::Tcp(api_server.to_owned())).allow("127.0.0.1:*").unwrap();
    let mut settings = AgentSettings::new(&CLUSTER.parse().unwrap(), server, targets);
    settings.pace = Pace { first: Duration::from_millis(200), longest: Duration::from_secs(1) };
    settings
}

type Parsed = (RootCertStore, Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn parsed(authority: &str, identity: &Identity) -> Parsed {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
    (roots, chain, PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap())
}
