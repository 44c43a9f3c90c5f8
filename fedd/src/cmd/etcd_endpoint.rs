//! `fedd etcd-endpoint`: etcd's API over a datastore, for stock kube-apiservers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use etcd_endpoint::{Endpoint, Identity, ListenUrl, Listening, ServerTls};
use revision_store::{SqliteStore, Store};
use tracing::info;

use super::Usage;
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
        fedd etcd-endpoint --datastore /var/lib/fedd/fedd.db --listen-client-urls unix:///run/fedd/etcd.sock\n  \
        kube-apiserver --etcd-servers http://127.0.0.1:2379 …")]
pub struct EtcdEndpointArgs {
    /// Where the data is: sqlite:///PATH, or the path of a file
    #[arg(long, value_name = "URL")]
    pub datastore: String,
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
        let (path, tls) = (sqlite_path(&args.datastore)?, args.tls()?);
        // Its errors name the file.
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await?);
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

/// The file that a datastore's URL names.
fn sqlite_path(datastore: &str) -> Result<PathBuf, Usage> {
    let path = match datastore.split_once("://") {
        None => datastore,
        Some(("sqlite", path)) => path,
        Some(_) => "",
    };
    if path.is_empty() {
        return Err(Usage(format!(
            "--datastore {datastore:?} is no datastore: write sqlite:///PATH or the path of a file"
        )));
    }
    Ok(path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datastore_is_a_path_or_a_url_of_one() {
        let path = |datastore: &str| sqlite_path(datastore).map(|path| path.display().to_string());
        assert_eq!(path("sqlite:///var/lib/fedd.db").as_deref(), Ok("/var/lib/fedd.db"));
        assert_eq!(path("fedd.db").as_deref(), Ok("fedd.db"));
        assert!(path("sqlite://").is_err() && path("").is_err() && path("postgres://host/db").is_err());
    }
}
