//! Conversion and admission over HTTPS. (Interim entry: the command line is settled, the rest is being filled in.)

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use federation_model::Settings;
use kube::Client;
use tokio_util::sync::CancellationToken;

/// Where and how webhooks are served.
#[derive(Args, Clone, Debug)]
pub struct WebhookArgs {
    /// Address that the webhooks listen on
    #[arg(long, visible_alias = "secure-addr", default_value = "0.0.0.0:8443")]
    pub webhook_addr: SocketAddr,
    /// URL at which the federation's API server reaches the webhooks, such as https://10.0.0.5:8443
    #[arg(long, value_name = "URL", conflicts_with = "webhook_service")]
    pub webhook_url: Option<String>,
    /// Service at which it reaches them, as NAMESPACE/NAME[:PORT] [default: <federation namespace>/fedd-webhook:443]
    #[arg(long, value_name = "SERVICE")]
    pub webhook_service: Option<String>,
    /// Folder with tls.crt, tls.key and optionally ca.crt, instead of certificates that fedd makes and renews
    #[arg(long, value_name = "DIR")]
    pub cert_dir: Option<PathBuf>,
}

/// What the webhooks run with.
pub struct WebhookOptions {}

impl WebhookArgs {
    /// Checks the arguments.
    pub fn options(&self, _namespace: &str) -> anyhow::Result<WebhookOptions> {
        Ok(WebhookOptions {})
    }
}

/// Serves until told to stop.
pub async fn run(_: Client, _: WebhookOptions, _: Settings, _: CancellationToken, _: Arc<AtomicBool>) -> anyhow::Result<()> {
    Ok(())
}
