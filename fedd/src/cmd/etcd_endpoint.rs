//! `fedd etcd-endpoint`: etcd's API over a datastore, for stock kube-apiservers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use etcd_endpoint::{Endpoint, Identity, ListenUrl, Listening, ServerTls};
use revision_store::Datastore;
use tracing::info;

use super::run::Shutdown;
use crate::output::note;

/// What `--help` says first.
pub const ABOUT: &str = "Serve etcd's v3 API over a datastore, so that a stock kube-apiserver runs on it.\n\n\
    It serves the data that `fedd serve` writes, and the other way round. SIGTERM and SIGINT end it when what is under way \
    is done; what was acknowledged is safe even if it is killed. docs/etcd-endpoint.md says what of etcd's API is served.";

/// Flags of `fedd etcd-endpoint`. Those of the listener are etcd's.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd etcd-endpoint --datastore sqlite:///var/lib/fedd/fedd.db\n  \
        fedd etcd-endpoint --datastore sqlite:///var/lib/fedd/fedd.db --listen-client-urls unix:///run/fedd/etcd.sock\n  \
        fedd etcd-endpoint --datastore 'mysql://fedd@db.example.org:3306/fedd?password-file=/etc/fedd/password'\n  \
        kube-apiserver --etcd-servers http://127.0.0.1:2379 …")]
pub struct EtcdEndpointArgs {
    /// Where the data is, as `fedd serve --datastore` takes it: sqlite:///PATH for a file,
    /// mysql://USER@HOST:PORT/DATABASE for MySQL, MariaDB and OceanBase. See docs/datastore.md
    #[arg(long, value_name = "URL", value_parser = Datastore::parse, env = "FEDD_DATASTORE", hide_env_values = true)]
    pub datastore: Datastore,
    /// Where to listen: http://ADDRESS:PORT on loopback addresses, https://ADDRESS:PORT, unix:///PATH or unixs:///PATH;
    /// several with commas
    #[arg(long, value_name = "URLS", value_delimiter = ',', default_value = "http://127.0.0.1:2379")]
    pub listen_client_urls: Vec<ListenUrl>,
    /// The certificate that it shows, as PEM
    #[arg(long, value_name = "FILE", requires = "key_file")]
    pub cert_file: Option<PathBuf>,
    /// The key of the certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    pub key_file: Option<PathBuf>,
    /// The authorities of clients' certificates, as PEM; with it, a client without a certificate is refused
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    pub trusted_ca_file: Option<PathBuf>,
    /// The name that clients are shown for it
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub name: String,
}

impl EtcdEndpointArgs {
    fn tls(&self) -> anyhow::Result<Option<ServerTls>> {
        let (Some(certificate), Some(key)) = (&self.cert_file, &self.key_file) else { return Ok(None) };
        Ok(Some(ServerTls {
            certificate: read(certificate)?,
            key: read(key)?,
            client_authority: self.trusted_ca_file.as_deref().map(read).transpose()?,
        }))
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Serves until told to stop.
///
/// # Errors
/// The datastore, the certificates or an address cannot be used.
pub async fn run(args: EtcdEndpointArgs) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals().context("cannot take signals")?;
    let work = async {
        let tls = args.tls()?;
        // Its errors name the datastore.
        let store = args.datastore.open().await?;
        let client_urls = args.listen_client_urls.iter().map(ToString::to_string).collect();
        let endpoint = Endpoint::new(Arc::clone(&store), Identity { name: args.name, client_urls });
        let outcome = serve(endpoint, &args.listen_client_urls, tls, &shutdown).await;
        store.close().await;
        info!("fedd has ended");
        outcome
    };
    tokio::select! {
        outcome = work => outcome,
        () = shutdown.now.cancelled() => bail!("ended at once by a second signal"),
    }
}

async fn serve(
    endpoint: Endpoint,
    urls: &[ListenUrl],
    tls: Option<ServerTls>,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let listening = Listening::bind(endpoint, urls, tls).await?;
    for url in listening.urls() {
        info!(%url, version = env!("CARGO_PKG_VERSION"), "etcd's API is served");
        note(&format!("fedd serves etcd's API at {url}"));
    }
    Ok(listening.run(shutdown.gently.cancelled()).await?)
}
