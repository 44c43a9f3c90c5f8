//! `fedd agent`: beside a member's API server, the other end of its tunnel.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::http::Uri;
use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use clap::Args;
use cluster_tunnel::agent::{AgentSettings, Server};
use cluster_tunnel::agent_core::{Endpoint, Targets};
use cluster_tunnel::{Agent, ClusterName};
use federation_apiserver::auth::Identity;
use federation_model::parse_duration;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::run::Shutdown;
use crate::args::{Listen, listen};
use crate::http::{self, Check, Readiness};
use crate::tunnel::tls;

/// What `--help` says first.
pub const ABOUT: &str = "Run beside a member's API server that the federation cannot reach: dial out to it, and let its \
    connections to the API server in through that.\n\n\
    `fedd join --tunnel` prints what runs it. It can reach its API server alone, and sees neither content nor \
    credentials. Certificates are read again when their files change. SIGTERM and SIGINT end it when the connections \
    through it have ended, or after --drain-timeout; a second one ends it at once.";

/// Flags of `fedd agent`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
        fedd agent --cluster rz00 --server fedd.example.org:8132 \\\n    \
        --ca-file ca.crt --cert-file tls.crt --key-file tls.key")]
pub struct AgentArgs {
    /// Name of the cluster, as its certificate has it
    #[arg(long, value_name = "NAME")]
    pub cluster: ClusterName,
    /// Where the federation's --tunnel-listen is reached
    #[arg(long, value_name = "HOST:PORT", value_parser = server)]
    pub server: (String, u16),
    /// The name in the server's certificate [default: the host of --server]
    #[arg(long, value_name = "NAME")]
    pub server_name: Option<String>,
    /// HTTP proxy to connect through: http://USER:PASSWORD@HOST:PORT
    #[arg(long, value_name = "URL")]
    pub proxy: Option<Uri>,
    /// Authorities of the server's certificate, as PEM
    #[arg(long, value_name = "FILE")]
    pub ca_file: PathBuf,
    /// The certificate that names the cluster, as PEM
    #[arg(long, value_name = "FILE")]
    pub cert_file: PathBuf,
    /// The key of that certificate, as PEM
    #[arg(long, value_name = "FILE")]
    pub key_file: PathBuf,
    /// The API server: HOST:PORT, or unix:PATH
    #[arg(long, value_name = "ADDRESS", default_value = "kubernetes.default.svc:443")]
    pub api_server: Endpoint,
    /// How long connections may go on when it is told to end
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = parse_duration)]
    pub drain_timeout: Duration,
    /// Address of /healthz and /readyz; `off` for none
    #[arg(long, value_name = "ADDRESS", default_value = ":8080", value_parser = listen)]
    pub healthz_addr: Listen,
}

/// How often the certificates' files are read again: mounted Secrets are exchanged by links, which no watch of one file
/// sees.
const REREAD: Duration = Duration::from_secs(30);

/// How often it is looked at how the agent stands.
const LOOK: Duration = Duration::from_secs(1);

/// Reads `host:port`, with brackets around an IPv6 address.
fn server(text: &str) -> Result<(String, u16), String> {
    let wrong = || format!("{text:?} is no address of a server; write host:port");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match port.parse() {
        Ok(port) if !host.is_empty() && port != 0 => Ok((host.to_owned(), port)),
        _ => Err(wrong()),
    }
}

/// Runs until told to stop.
///
/// # Errors
/// The certificates or an address cannot be used.
pub async fn run(args: AgentArgs) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals().context("cannot take signals")?;
    let mut shown = args.shown()?;
    let tls = Arc::new(ArcSwap::from_pointee(shown.config()?));
    let (host, port) = args.server.clone();
    let name = args.server_name.clone();
    let server = Server { host, port, tls: tls.clone(), name, proxy: args.proxy.clone() };
    let targets = Targets::api_server(args.api_server.clone());
    let agent = Agent::new(AgentSettings::new(&args.cluster, server, targets));
    let health = match args.healthz_addr.0 {
        Some(address) => {
            let router = http::health(readiness(&agent));
            Some(http::serve(address, "--healthz-addr", router, shutdown.now.clone()).await?)
        }
        None => None,
    };
    if let Some(health) = &health {
        info!(address = %health.address, "--healthz-addr is served");
    }
    info!(cluster = %args.cluster, api_server = %args.api_server, version = env!("CARGO_PKG_VERSION"), "the agent starts");
    let drain_timeout = args.drain_timeout;
    let _keeping = AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            tokio::time::sleep(REREAD).await;
            match args.shown() {
                Ok(read) if read == shown => {}
                Ok(read) => match read.config() {
                    Ok(config) => {
                        tls.store(Arc::new(config));
                        shown = read;
                        info!("new certificates are used");
                    }
                    Err(error) => warn!("the new certificates cannot be used: {error:#}"),
                },
                Err(error) => warn!("{error:#}"),
            }
        }
    }));
    let _telling = AbortOnDropHandle::new(tokio::spawn(tell(agent.clone())));
    let ends = async {
        shutdown.gently.cancelled().await;
        agent.drain();
        tokio::time::sleep(drain_timeout).await;
    };
    tokio::select! {
        () = agent.run() => {}
        () = ends => info!("connections are still open, and are ended"),
        () = shutdown.now.cancelled() => bail!("ended at once by a second signal"),
    }
    info!("the agent has ended");
    Ok(())
}

/// Logs how it stands, whenever that changes.
async fn tell(agent: Agent) {
    let mut told = (0, None);
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let state = agent.snapshot();
        let now = (state.servers.len(), state.last_error);
        if now == told {
            continue;
        }
        match &now {
            (servers, Some(error)) => warn!(servers, "a server cannot be reached: {error}"),
            (0, None) => warn!("no server is connected"),
            (servers, None) => info!(servers, "connected"),
        }
        told = now;
    }
}

/// Ready is an agent that the federation can dial through.
fn readiness(agent: &Agent) -> Readiness {
    let agent = agent.clone();
    Arc::new(move || {
        let state = agent.snapshot();
        let trouble = state.last_error.as_deref().unwrap_or("no server has been reached yet");
        vec![Check::new("tunnel", !state.servers.is_empty(), trouble)]
    })
}

/// What the files hold.
#[derive(PartialEq, Eq)]
struct Shown {
    identity: Identity,
    authorities: String,
}

impl AgentArgs {
    fn shown(&self) -> anyhow::Result<Shown> {
        Ok(Shown {
            identity: tls::identity(&self.cert_file, &self.key_file)?,
            authorities: tls::read(&self.ca_file)?,
        })
    }
}

impl Shown {
    fn config(&self) -> anyhow::Result<rustls::ClientConfig> {
        tls::agent(&self.identity, &self.authorities).context("--cert-file, --key-file, --ca-file")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_a_port() {
        assert_eq!(server("fedd.example.org:8132"), Ok(("fedd.example.org".to_owned(), 8132)));
        assert_eq!(server("[::1]:1"), Ok(("::1".to_owned(), 1)));
        for wrong in ["fedd", ":8132", "fedd:", "fedd:0", "fedd:x"] {
            assert!(server(wrong).is_err(), "{wrong}");
        }
    }
}
