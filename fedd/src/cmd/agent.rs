//! `fedd agent`: beside a member's API server, the other end of its tunnel.

mod credentials;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::http::Uri;
use anyhow::{Context as _, bail};
use arc_swap::ArcSwapOption;
use clap::Args;
use cluster_tunnel::agent::{AgentSettings, Server};
use cluster_tunnel::agent_core::{Endpoint, Targets};
use cluster_tunnel::{Agent, ClusterName};
use federation_model::parse_duration;
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use self::credentials::Credentials;
use super::run::Shutdown;
use crate::args::{Listen, host_and_port, listen};
use crate::http::{self, Check, Readiness};
use crate::traces::TracesArgs;

/// What `--help` says first.
pub const ABOUT: &str = "Run beside a member's API server that the federation cannot reach: dial out to it, and let its \
    connections to the API server in through that.\n\n\
    `fedd join --tunnel` prints what runs it, with a token that it exchanges for a certificate, which it renews by itself. It \
    can reach its API server alone, and sees neither content nor credentials. SIGTERM and SIGINT end it when the \
    connections through it have ended, or after --drain-timeout; a second one ends it at once.";

/// Flags of `fedd agent`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd agent --cluster rz00 --server fedd.example.org:8132 --identity-secret kube-federation-system/fedd-agent\n  \
        fedd agent --cluster rz00 --server fedd.example.org:8132 \\\n    \
        --ca-file ca.crt --cert-file tls.crt --key-file tls.key")]
pub struct AgentArgs {
    /// Name of the cluster, as its certificate has it
    #[arg(long, value_name = "NAME")]
    pub cluster: ClusterName,
    /// Where the federation's --tunnel-listen is reached
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    pub server: (String, u16),
    /// The name in the server's certificate [default: the host of --server]
    #[arg(long, value_name = "NAME")]
    pub server_name: Option<String>,
    /// HTTP proxy to connect through: http://USER:PASSWORD@HOST:PORT
    #[arg(long, value_name = "URL")]
    pub proxy: Option<Uri>,
    /// What it shows to the server.
    #[command(flatten)]
    pub credentials: CredentialsArgs,
    /// The API server: HOST:PORT, or unix:PATH
    #[arg(long, value_name = "ADDRESS", default_value = "kubernetes.default.svc:443")]
    pub api_server: Endpoint,
    /// How long connections may go on when it is told to end
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = parse_duration)]
    pub drain_timeout: Duration,
    /// Address of /healthz and /readyz; `off` for none
    #[arg(long, value_name = "ADDRESS", default_value = ":8080", value_parser = listen)]
    pub healthz_addr: Listen,
    /// Where traces go.
    #[command(flatten)]
    pub traces: TracesArgs,
}

/// What an agent shows to the server.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Credentials")]
pub struct CredentialsArgs {
    /// Secret of the member with the token, and then with the certificate that comes of it
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = secret, required_unless_present = "cert_file")]
    pub identity_secret: Option<(String, String)>,
    /// Kubeconfig of the member, for that Secret [default: the pod's service account]
    #[arg(long, value_name = "FILE", requires = "identity_secret")]
    pub kubeconfig: Option<PathBuf>,
    /// Instead, the certificate that names the cluster, as PEM; read again when it changes
    #[arg(long, value_name = "FILE", conflicts_with = "identity_secret", requires_all = ["key_file", "ca_file"])]
    pub cert_file: Option<PathBuf>,
    /// The key of that certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    pub key_file: Option<PathBuf>,
    /// Authorities of the server's certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    pub ca_file: Option<PathBuf>,
}

/// Reads `namespace/name`.
fn secret(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err(format!("{text:?} is no Secret; write namespace/name")),
    }
}

/// How often it is looked at how the agent stands.
const LOOK: Duration = Duration::from_secs(1);

/// The agent, once it has a certificate, and why it has none before.
#[derive(Default)]
struct Standing {
    agent: ArcSwapOption<Agent>,
    trouble: Mutex<Option<String>>,
}

/// Runs until told to stop.
///
/// # Errors
/// The certificates or an address cannot be used.
pub async fn run(args: AgentArgs) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals().context("cannot take signals")?;
    let standing = Arc::new(Standing::default());
    let health = match args.healthz_addr.0 {
        Some(address) => {
            let router = http::health(readiness(&standing));
            Some(http::serve(address, "--healthz-addr", router, shutdown.now.clone()).await?)
        }
        None => None,
    };
    if let Some(health) = &health {
        info!(address = %health.address, "--healthz-addr is served");
    }
    info!(cluster = %args.cluster, api_server = %args.api_server, version = env!("CARGO_PKG_VERSION"), "the agent starts");
    let work = async {
        let (host, port) = args.server.clone();
        let (name, proxy) = (args.server_name.clone(), args.proxy.clone());
        let way =
            move |tls| Server { host: host.clone(), port, tls, name: name.clone(), proxy: proxy.clone() };
        let mut credentials = Credentials::open(&args.credentials, &args.cluster, way.clone()).await?;
        let tls = tokio::select! {
            tls = credentials.first(&standing.trouble) => tls?,
            () = shutdown.gently.cancelled() => return Ok(()),
        };
        let targets = Targets::api_server(args.api_server.clone());
        let server = way(tls.clone());
        let agent = Agent::new(AgentSettings::new(&args.cluster, server, targets));
        standing.agent.store(Some(Arc::new(agent.clone())));
        let renewed = agent.clone();
        let _keeping = AbortOnDropHandle::new(tokio::spawn(async move {
            credentials
                .keep(|config| {
                    tls.store(config);
                    renewed.reconnect();
                })
                .await;
        }));
        let _telling = AbortOnDropHandle::new(tokio::spawn(tell(agent.clone())));
        let ends = async {
            shutdown.gently.cancelled().await;
            agent.drain();
            tokio::time::sleep(args.drain_timeout).await;
        };
        tokio::select! {
            () = agent.run() => {}
            () = ends => info!("connections are still open, and are ended"),
        }
        anyhow::Ok(())
    };
    tokio::select! {
        outcome = work => outcome?,
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
fn readiness(standing: &Arc<Standing>) -> Readiness {
    let standing = standing.clone();
    Arc::new(move || {
        let (is_connected, trouble) = match standing.agent.load_full() {
            Some(agent) => {
                let state = agent.snapshot();
                (!state.servers.is_empty(), state.last_error)
            }
            None => {
                let trouble = standing.trouble.lock().clone();
                (false, Some(trouble.unwrap_or_else(|| "there is no certificate yet".to_owned())))
            }
        };
        let trouble = trouble.as_deref().unwrap_or("no server has been reached yet");
        vec![Check::new("tunnel", is_connected, trouble)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_namespace_and_a_name() {
        assert_eq!(secret("a/b"), Ok(("a".to_owned(), "b".to_owned())));
        for wrong in ["a", "/a", "a/", "a/b/c"] {
            assert!(secret(wrong).is_err(), "{wrong}");
        }
    }
}
