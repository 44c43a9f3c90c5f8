//! A server that only its agent can reach, dialled by its cluster's name, and what is said when it is down. Embeds
//! `cluster-tunnel` alone.
//!
//! ```sh
//! cargo run -p examples --example cluster_tunnel
//! ```

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use cluster_tunnel::{
    Agent, ClusterName, Target, TunnelServer,
    agent::{AgentSettings, Server},
    agent_core::{Endpoint, Targets},
    server::{
        AllowAll, Authenticator, Caller, Claim, Identity, Listener, Presented, Refusal, ServerSettings,
    },
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
};

/// The agent here has a token; a real one has a certificate, too.
struct OneToken;

#[async_trait]
impl Authenticator for OneToken {
    async fn identify(&self, presented: &Presented, _: &Claim) -> Result<Identity, Refusal> {
        match presented.token.as_deref() {
            Some("the token of m1") => Ok(Identity {
                name: "m1".to_owned(),
                clusters: "m1".parse().into_iter().collect(),
                expires: None,
                withdrawn: None,
            }),
            _ => Err(Refusal::NoCredentials),
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert.der().clone())?;

    // Where clients are: a socket for agents.
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
    let tls = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider));
    let tls = tls.with_safe_default_protocol_versions()?.with_no_client_auth();
    let mut tls = tls.with_single_cert(vec![cert.der().clone()], key)?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let server = TunnelServer::new(ServerSettings::new("server-0"), Arc::new(OneToken), Arc::new(AllowAll));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::tcp(any, Some(Arc::new(ArcSwap::from_pointee(tls)))).await?;
    let port = listener.address().map_or(0, |address| address.port());
    let serving = server.clone();
    tokio::spawn(async move { serving.serve_agents(listener).await });

    let (caller, m1): (Caller, ClusterName) = (Caller::in_process("example"), "m1".parse()?);
    match server.dial(&caller, &m1, &Target::ApiServer).await {
        Err(reason) => println!("before its agent comes: {reason}"),
        Ok(_) => anyhow::bail!("there is no agent yet"),
    }

    // The member: what stands for its API server has a socket in a folder, and no port.
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("api");
    let api = UnixListener::bind(&socket)?;
    let answering = tokio::spawn(async move {
        let (mut stream, _) = api.accept().await?;
        let mut question = String::new();
        stream.read_to_string(&mut question).await?;
        stream.write_all(format!("you asked {question:?}").as_bytes()).await
    });
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut tls = tls.with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let way = Server {
        host: "localhost".to_owned(),
        port,
        tls: Arc::new(ArcSwap::from_pointee(tls)),
        name: None,
        proxy: None,
    };
    let mut settings = AgentSettings::new(&m1, way, Targets::api_server(Endpoint::Unix(socket)));
    settings.token = Some(Arc::new(|| Ok("the token of m1".to_owned())));
    let agent = Agent::new(settings);
    let running = tokio::spawn({
        let agent = agent.clone();
        async move { agent.run().await }
    });
    while agent.snapshot().servers.is_empty() {
        tokio::task::yield_now().await;
    }

    let mut tunnel = server.dial(&caller, &m1, &Target::ApiServer).await?;
    tunnel.write_all(b"what is served here?").await?;
    tunnel.shutdown().await?;
    let mut answer = String::new();
    tunnel.read_to_string(&mut answer).await?;
    println!("through the tunnel: {answer}");
    drop(tunnel);
    answering.await??;

    let other = Target::Address("10.0.0.1:22".to_owned());
    if let Err(reason) = server.dial(&caller, &m1, &other).await {
        println!("anything else: {reason}");
    }
    agent.drain();
    running.await?;
    server.stop().await;
    Ok(())
}
