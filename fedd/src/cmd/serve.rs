//! `fedd serve`: the whole federation in one process, on one file or a database.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, bail};
use clap::Args;
use revision_store::Datastore;
use tracing::{info, warn};

use super::crds::TypesArgs;
use super::run::{AfterLoss, EngineArgs, Leading, MemberTimeoutArgs, ShardArgs, Shutdown, Work};
use crate::embedded::{
    AuditArgs, Embedded, EmbeddedOptions, EncryptionArgs, Opened, Storage, default_data, write_private,
};
use crate::metrics::Metrics;
use crate::output::note;
use crate::rotation::RotationArgs;
use crate::sealing::SealingArgs;
use crate::traces::TracesArgs;
use crate::tunnel::{TunnelArgs, Tunnels};
use crate::{key_providers, settings};

/// What `--help` says first.
pub const ABOUT: &str = "Run the whole federation in one process, on one file or a database: API server, controllers, conversion and admission. \
    No Kubernetes is needed under it.\n\n\
    The data are made at the first start, with the definitions, types and settings of `fedd install`; keys and an \
    administrator's kubeconfig are written beside the file. On a database, any number of replicas serve, and the keys are in \
    it; one of them runs the controllers, or each those of its --shards, and another when it is gone. SIGTERM and SIGINT end it when what is under way is done; what was \
    acknowledged is safe even if it is killed.";

/// Flags of `fedd serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd serve\n  \
        fedd serve --data /var/lib/fedd/fedd.db --listen 0.0.0.0:6443 --hostname fedd.example.org\n  \
        fedd serve --datastore 'mysql://fedd@db.example.org:3306/fedd?password-file=/etc/fedd/password'\n  \
        kubectl --kubeconfig ~/.local/share/fedd/fedd.kubeconfig get federatedtypeconfigs -A")]
pub struct ServeArgs {
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Which types.
    #[command(flatten)]
    pub types: TypesArgs,
    /// What is recorded of requests.
    #[command(flatten)]
    pub audit: AuditArgs,
    /// Who does what, on a database.
    #[command(flatten)]
    pub sharding: ShardArgs,
    /// The controllers.
    #[command(flatten)]
    pub timeouts: MemberTimeoutArgs,
    /// Members that are reached through their agents.
    #[command(flatten)]
    pub tunnels: TunnelArgs,
    /// Which keys open sealed tokens.
    #[command(flatten)]
    pub sealing: SealingArgs,
    /// When tokens are renewed.
    #[command(flatten)]
    pub rotation: RotationArgs,
    /// Where traces go.
    #[command(flatten)]
    pub traces: TracesArgs,
}

/// Where the data is, and where it is served.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "API server")]
pub struct ServerArgs {
    /// The database file [default: $XDG_DATA_HOME/fedd/fedd.db, else ~/.local/share/fedd/fedd.db]
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// The database instead of a file: mysql://USER@HOST:PORT/DATABASE, where any number of replicas may serve the same
    /// data (MySQL, MariaDB, OceanBase); sqlite:///PATH is the same as --data PATH. See docs/datastore.md
    #[arg(long, value_name = "URL", value_parser = Datastore::parse, conflicts_with = "data", env = "FEDD_DATASTORE",
          hide_env_values = true)]
    pub datastore: Option<Datastore>,
    /// Folder with the server's keys: ca.crt, ca.key and service-account.key; made if they are not there. Replicas need
    /// the same ones [default: beside the data file; in the database of --datastore]
    #[arg(long, value_name = "FOLDER")]
    pub secrets_dir: Option<PathBuf>,
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
    fn storage(&self) -> Storage {
        let file = || Datastore::Sqlite(self.data.clone().unwrap_or_else(default_data));
        Storage::new(self.datastore.clone().unwrap_or_else(file), self.secrets_dir.clone())
    }

    fn kubeconfig(&self, storage: &Storage) -> anyhow::Result<PathBuf> {
        match &self.kubeconfig_out {
            Some(path) => Ok(path.clone()),
            None => Ok(storage.folder()?.beside(".kubeconfig")),
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
        let metrics = Arc::new(Metrics::default());
        let storage = args.server.storage();
        let kubeconfig = args.server.kubeconfig(&storage)?;
        let Opened { store, secrets, is_shared } = storage.open().await?;
        // The server answers before the keys are read. The controllers are not among what it is ready by: a replica that
        // takes over a shard would be taken from its clients while it lists.
        let keys = Arc::new(OnceLock::new());
        let checks = args.sealing.sealing_config.iter().map(|_| key_providers::health_check(&keys)).collect();
        let embedded = Embedded::start(EmbeddedOptions {
            store,
            secrets,
            listen: args.server.listen,
            hosts: args.server.hostnames.clone(),
            namespace: args.server.federation_namespace.clone(),
            types: args.types.chosen()?,
            settings: settings::written_out(),
            audit: args.audit.open()?,
            metrics: metrics.clone(),
            encryption: args.server.encryption.clone(),
            checks,
        })
        .await?;
        write_private(&kubeconfig, &embedded.admin_kubeconfig()?.to_string())?;
        let address = embedded.address().map(|address| address.to_string()).unwrap_or_default();
        info!(address, data = %storage, version = env!("CARGO_PKG_VERSION"), "fedd serves");
        note(&format!("fedd serves https://{address} from {storage}; try:"));
        note(&format!("  kubectl --kubeconfig {} get federatedtypeconfigs -A", kubeconfig.display()));
        let (client, settings) = (embedded.client().clone(), embedded.settings().clone());
        let engine = EngineArgs::of_server(
            args.sharding,
            args.timeouts,
            args.tunnels,
            args.sealing.clone(),
            args.rotation.clone(),
            is_shared,
        );
        let namespace = args.server.federation_namespace.clone();
        let tunnels = engine.tunnels(&client, &namespace, &settings, &metrics).await?;
        let stop = shutdown.gently.clone();
        let sealing = engine.sealing(&client, &metrics, &stop).await?;
        if let Some(sealing) = &sealing {
            keys.get_or_init(|| Arc::clone(sealing));
        }
        let leading = Leading::new(tunnels.as_ref().map(Tunnels::dialer), sealing, AfterLoss::GoOn);
        let work = Work { client, namespace, args: engine, settings, metrics, stop };
        let outcome = tokio::select! {
            outcome = leading.run(work) => outcome,
            never = keep_kubeconfig(&embedded, &kubeconfig) => match never {},
        };
        if let Some(tunnels) = tunnels {
            tunnels.stop().await;
        }
        embedded.stop().await;
        info!("fedd has ended");
        outcome
    };
    tokio::select! {
        outcome = work => outcome,
        () = shutdown.now.cancelled() => bail!("ended at once by a second signal"),
    }
}

/// Writes the administrator's kubeconfig anew each time the server's certificate is renewed; without end.
async fn keep_kubeconfig(embedded: &Embedded, path: &Path) -> std::convert::Infallible {
    let mut renewals = embedded.renewals();
    while renewals.changed().await.is_ok() {
        let written =
            embedded.admin_kubeconfig().and_then(|kubeconfig| write_private(path, &kubeconfig.to_string()));
        match written {
            Ok(()) => info!(path = %path.display(), "the administrator's kubeconfig is renewed"),
            Err(error) => warn!("the administrator's kubeconfig cannot be renewed: {error:#}"),
        }
    }
    // The server is ending, and with it everything else.
    std::future::pending().await
}
