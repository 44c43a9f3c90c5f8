//! Conversion and admission over HTTPS: what is decided is decided in [`admit`] and `topology-convert`; here it is
//! parsed, looked up and answered.

pub mod address;
pub mod admit;
pub mod certificate;
mod handlers;
pub mod register;
pub mod review;
mod server;
pub mod state;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use federation_model::{Feature, Scope, Settings};
use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::address::WebhookAddress;
use self::certificate::{
    CertificateDirectory, CertificateKeeper, CurrentCertificate, Lifetimes, SharedAuthorities,
};
use self::register::Registration;
use self::state::Lookups;
use crate::args::{Listen, listen};

/// Path of conversions.
pub const CONVERT_PATH: &str = "/convert";

/// Paths of admission; KubeFed's own where it has one.
pub mod path {
    /// Federated objects: initialisation.
    pub const MUTATE_FEDERATED: &str = "/mutate-federated";
    /// Federated objects: validation.
    pub const VALIDATE_FEDERATED: &str = "/validate-federated";
    /// `KubeFedCluster`.
    pub const VALIDATE_CLUSTER: &str = "/validate-kubefedcluster";
    /// `FederatedTypeConfig`.
    pub const VALIDATE_TYPE_CONFIG: &str = "/validate-federatedtypeconfigs";
    /// `KubeFedConfig`: validation.
    pub const VALIDATE_CONFIG: &str = "/validate-kubefedconfig";
    /// `KubeFedConfig`: defaults.
    pub const DEFAULT_CONFIG: &str = "/default-kubefedconfig";
    /// `Cell`.
    pub const VALIDATE_CELL: &str = "/validate-cell";
    /// `Cell`: its deletion.
    pub const DELETE_CELL: &str = "/delete-cell";
    /// `TopologyType`.
    pub const VALIDATE_TOPOLOGY_TYPE: &str = "/validate-topologytype";
    /// Secrets of the federation's namespace that hold a readable token.
    pub const VALIDATE_CREDENTIALS: &str = "/validate-credentials";
}

/// Where and how webhooks are served.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Webhooks")]
pub struct WebhookArgs {
    /// Address that the webhooks listen on
    #[arg(long, value_name = "ADDRESS", default_value = ":8443", value_parser = listen)]
    pub webhook_addr: Listen,
    /// URL at which the federation's API server reaches the webhooks, such as https://10.0.0.5:8443
    #[arg(long, value_name = "URL", conflicts_with = "webhook_service")]
    pub webhook_url: Option<String>,
    /// Service at which it reaches them: `NAMESPACE/NAME` or `NAMESPACE/NAME:PORT`. Default: `fedd-webhook` in the
    /// federation's namespace, port 443
    #[arg(long, value_name = "SERVICE")]
    pub webhook_service: Option<String>,
    /// Folder with tls.crt, tls.key and optionally ca.crt, instead of certificates that fedd makes and renews
    #[arg(long, value_name = "DIR")]
    pub cert_dir: Option<PathBuf>,
}

/// What the webhooks run with.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// Address that they listen on.
    pub listen: SocketAddr,
    /// Where the API server finds them.
    pub address: WebhookAddress,
    /// Certificates that users bring.
    pub cert_dir: Option<PathBuf>,
    /// How long certificates live that fedd makes.
    pub lifetimes: Lifetimes,
    /// The federation's namespace.
    pub namespace: String,
    /// What requests may take.
    pub limits: Limits,
}

/// What requests may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest body in bytes (default 64 MiB: a list of 500 objects of 128 KiB; an object alone has at most 1.5 MiB).
    pub body: usize,
    /// Requests that are read and answered at once (default 64); others wait.
    pub in_flight: usize,
    /// How long a request may take, its wait included (default 30 s, what an API server gives a conversion).
    pub request: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 64 * 1024 * 1024, in_flight: 64, request: Duration::from_secs(30) }
    }
}

impl WebhookArgs {
    /// Reads the arguments.
    ///
    /// # Errors
    /// An address is none.
    pub fn options(&self, namespace: &str) -> anyhow::Result<WebhookOptions> {
        let Listen(Some(listen)) = self.webhook_addr else {
            anyhow::bail!("--webhook-addr is off; `fedd controller` runs without webhooks");
        };
        let address = match (&self.webhook_url, &self.webhook_service) {
            (Some(url), _) => WebhookAddress::Url(url.parse().context("--webhook-url")?),
            (None, Some(service)) => WebhookAddress::Service(service.parse().context("--webhook-service")?),
            (None, None) => WebhookAddress::Service(format!("{namespace}/fedd-webhook:443").parse()?),
        };
        let (cert_dir, lifetimes) = (self.cert_dir.clone(), Lifetimes::default());
        let (namespace, limits) = (namespace.to_owned(), Limits::default());
        Ok(WebhookOptions { listen, address, cert_dir, lifetimes, namespace, limits })
    }
}

/// The same answers for callers of this process: an HTTP service without a socket.
pub(crate) fn in_process(lookups: Arc<Lookups>, settings: Settings) -> axum::Router {
    handlers::router(lookups, settings, &Limits::default())
}

/// Serves, and keeps the API server told, until `shutdown`. `ready` is set once requests are answered and the API server
/// knows where.
///
/// # Errors
/// The address cannot be listened on, or certificates that a user brings cannot be used.
pub async fn run(
    client: Client,
    options: WebhookOptions,
    settings: Settings,
    shutdown: CancellationToken,
    ready: Arc<AtomicBool>,
) -> anyhow::Result<()> {
    options.lifetimes.check().map_err(anyhow::Error::msg)?;
    let mut tasks = JoinSet::new();
    let current = Arc::new(CurrentCertificate::default());
    let (bundle, bundles) = watch::channel(None);
    match &options.cert_dir {
        Some(directory) => {
            let mut files = CertificateDirectory::new(directory.clone(), current.clone(), bundle);
            files.load().await.context("--cert-dir")?;
            tasks.spawn(files.run(shutdown.clone()));
        }
        None => {
            let shared = SharedAuthorities::new(client.clone(), &options.namespace);
            let names = options.address.certificate_names();
            let mut keeper =
                CertificateKeeper::new(shared, names, options.lifetimes, current.clone(), bundle);
            keeper.start(&shutdown).await;
            tasks.spawn(keeper.run(shutdown.clone()));
        }
    }
    let only_namespace = (settings.scope == Scope::Namespaced).then(|| options.namespace.clone());
    let sealed_only_in =
        settings.gates.is_on(Feature::SealedCredentialsOnly).then(|| options.namespace.clone());
    let lookups = Arc::new(Lookups::start(
        &client,
        &options.namespace,
        only_namespace.as_deref(),
        &mut tasks,
        &shutdown,
    ));
    tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        // Before everything is known nothing may be answered: an unknown topology type would be taken for none.
        () = lookups.wait_until_synced() => {}
    }
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on {} (--webhook-addr)", options.listen))?;
    info!(address = %listener.local_addr()?, "webhooks are served");
    let federated = lookups.federated();
    let router = handlers::router(lookups, settings.clone(), &options.limits);
    tasks.spawn(server::serve(listener, server::tls_config(current)?, router, shutdown.clone()));
    let registration = Registration { address: options.address, only_namespace, sealed_only_in };
    let registered = CancellationToken::new();
    tasks.spawn(register::run(
        client,
        registration,
        bundles,
        federated,
        registered.clone(),
        shutdown.clone(),
    ));
    tokio::select! {
        () = registered.cancelled() => ready.store(true, Ordering::Release),
        () = shutdown.cancelled() => {}
    }
    while let Some(ended) = tasks.join_next().await {
        ended.context("a part of the webhook panicked")?;
    }
    Ok(())
}
