//! `fedd serve`: the whole federation in one process, on one file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use tracing::info;

use super::crds::TypesArgs;
use super::run::{EngineArgs, Leading, MemberTimeoutArgs, Shutdown};
use crate::embedded::{DataFolder, Embedded, EmbeddedOptions, EncryptionArgs, default_data, write_private};
use crate::metrics::Metrics;
use crate::output::note;
use crate::sealing::SealingArgs;
use crate::settings;

/// What `--help` says first.
pub const ABOUT: &str = "Run the whole federation in one process, on one file: API server, controllers, conversion and admission. No Kubernetes is \
    needed under it.\n\n\
    The file is made at the first start, with the definitions, types and settings of `fedd install`; keys and an \
    administrator's kubeconfig are written beside it. SIGTERM and SIGINT end it when what is under way is done; what was \
    acknowledged is safe even if it is killed.";

/// Flags of `fedd serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd serve\n  \
        fedd serve --data /var/lib/fedd/fedd.db --listen 0.0.0.0:6443 --hostname fedd.example.org\n  \
        kubectl --kubeconfig ~/.local/share/fedd/fedd.kubeconfig get federatedtypeconfigs -A")]
pub struct ServeArgs {
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Which types.
    #[command(flatten)]
    pub types: TypesArgs,
    /// The controllers.
    #[command(flatten)]
    pub timeouts: MemberTimeoutArgs,
    /// Which keys open sealed tokens.
    #[command(flatten)]
    pub sealing: SealingArgs,
}

/// Where the data is, and where it is served.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "API server")]
pub struct ServerArgs {
    /// The database file [default: $XDG_DATA_HOME/fedd/fedd.db, else ~/.local/share/fedd/fedd.db]
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// Address that the API server listens on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6443")]
    pub listen: SocketAddr,
    /// Further name or address by which clients reach it, for its certificate; may be given several times
    #[arg(long = "hostname", value_name = "NAME")]
    pub hostnames: Vec<String>,
    /// Where to write the administrator's kubeconfig, readable by its owner alone [default: beside the data]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig_out: Option<PathBuf>,
    /// Namespace that holds clusters, type configs, settings and credentials
    #[arg(long, visible_alias = "kubefed-namespace", value_name = "NAME",
          default_value = federation_model::DEFAULT_FEDERATION_NAMESPACE)]
    pub federation_namespace: String,
    /// Encryption at rest.
    #[command(flatten)]
    pub encryption: EncryptionArgs,
}

impl ServerArgs {
    /// The file of the data.
    pub fn data(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(default_data)
    }

    fn kubeconfig(&self, data: &Path) -> anyhow::Result<PathBuf> {
        match &self.kubeconfig_out {
            Some(path) => Ok(path.clone()),
            None => Ok(DataFolder::of(data)?.beside(".kubeconfig")),
        }
    }
}

/// Serves until told to stop.
///
/// # Errors
/// It cannot start, or the controllers ended by themselves.
pub async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals().context("cannot take signals")?;
    let work = async {
        let data = args.server.data();
        let kubeconfig = args.server.kubeconfig(&data)?;
        let embedded = Embedded::start(EmbeddedOptions {
            data: data.clone(),
            listen: args.server.listen,
            hosts: args.server.hostnames.clone(),
            namespace: args.server.federation_namespace.clone(),
            types: args.types.chosen()?,
            settings: settings::written_out(),
            encryption: args.server.encryption.clone(),
        })
        .await?;
        write_private(&kubeconfig, &embedded.admin_kubeconfig()?.to_string())?;
        let address = embedded.address().map(|address| address.to_string()).unwrap_or_default();
        info!(address, data = %data.display(), version = env!("CARGO_PKG_VERSION"), "fedd serves");
        note(&format!("fedd serves https://{address} from {}; try:", data.display()));
        note(&format!("  kubectl --kubeconfig {} get federatedtypeconfigs -A", kubeconfig.display()));
        let (client, settings) = (embedded.client().clone(), embedded.settings().clone());
        let engine = EngineArgs::alone(args.timeouts, args.sealing.clone());
        let leading = Arc::new(Leading::default());
        let namespace = &args.server.federation_namespace;
        let metrics = Arc::new(Metrics::default());
        let outcome = leading.run(client, namespace, &engine, settings, metrics, &shutdown.gently).await;
        embedded.stop().await;
        info!("fedd has ended");
        outcome
    };
    tokio::select! {
        outcome = work => outcome,
        () = shutdown.now.cancelled() => bail!("ended at once by a second signal"),
    }
}
