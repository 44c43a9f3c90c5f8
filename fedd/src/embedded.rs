//! The federation's own API server, in this process: what `fedd serve` has instead of a kubeconfig.

mod admission;
mod audit;
mod conversion;
mod data;
mod encryption;
mod shared_secrets;
mod storage;
mod trusted;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use federation_apiserver::audit::Audit;
use federation_apiserver::auth::{MASTERS, User};
use federation_apiserver::builtin::Profile;
use federation_apiserver::server::HealthCheck;
use federation_apiserver::{EmbeddedServer, InProcess, Options, Secrets};
use federation_model::{DEFAULT_FEDERATION_NAMESPACE, DefaultType, KubeFedConfigSpec, Scope, Settings};
use jiff::Timestamp;
use kube::Client;
use revision_store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::admission::Admission;
pub use self::audit::AuditArgs;
use self::conversion::Forms;
pub(crate) use self::data::write_private;
pub use self::data::{DataFolder, default_data};
use self::encryption::AtRest;
pub use self::encryption::EncryptionArgs;
pub use self::storage::{Opened, Storage};
use crate::federation::Federation;
use crate::metrics::Metrics;
use crate::webhook::state::Lookups;
use crate::{apply, settings, yaml};

/// What the federation's API server is made of.
#[derive(Clone)]
pub struct EmbeddedOptions {
    /// Where objects are.
    pub store: Arc<dyn Store>,
    /// What it is known by: the same in every replica.
    pub secrets: Secrets,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Further names and addresses that its certificate is for.
    pub hosts: Vec<String>,
    /// The federation's namespace.
    pub namespace: String,
    /// The types that are federated from the start.
    pub types: Vec<DefaultType>,
    /// The settings of a federation that has none yet.
    pub settings: KubeFedConfigSpec,
    /// What is recorded of requests.
    pub audit: Option<Audit>,
    /// What the controllers count, which the server serves beside its own.
    pub metrics: Arc<Metrics>,
    /// Encryption at rest.
    pub encryption: EncryptionArgs,
    /// Parts of the process that the server is not ready without.
    pub checks: Vec<HealthCheck>,
}

impl EmbeddedOptions {
    /// A server on a free port of the loopback address, in the default namespace, with default settings and no federated
    /// types; nothing is recorded or encrypted.
    pub fn new(store: Arc<dyn Store>, secrets: Secrets) -> Self {
        Self {
            store,
            secrets,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            hosts: Vec::new(),
            namespace: DEFAULT_FEDERATION_NAMESPACE.to_owned(),
            types: Vec::new(),
            settings: settings::written_out(),
            audit: None,
            metrics: Arc::default(),
            encryption: EncryptionArgs::default(),
            checks: Vec::new(),
        }
    }
}

/// The federation's API server, ready to be used and administered.
pub struct Embedded {
    server: EmbeddedServer,
    client: Client,
    settings: Settings,
    lookups: JoinSet<()>,
    stop: CancellationToken,
}

/// The user of fedd's own requests.
const USER: &str = "system:fedd";

impl Embedded {
    /// Starts the server and makes it a federation. Replicas of one store may do so at once.
    ///
    /// # Errors
    /// The data or the address cannot be used.
    pub async fn start(options: EmbeddedOptions) -> anyhow::Result<Self> {
        let at_rest = AtRest::read(&options.encryption)?;
        let (forms, admission) = (Arc::new(Forms::default()), Arc::new(Admission::default()));
        let made = Options::new(Arc::clone(&options.store), Profile::Federation, options.secrets.clone());
        let mut server_settings = made.settings.clone();
        server_settings.yaml = Some(yaml::SERVED);
        let server = EmbeddedServer::start(Options {
            converters: forms.clone(),
            plugins: vec![admission.clone()],
            encryption: at_rest.as_ref().map(|at_rest| Arc::clone(&at_rest.encryption)),
            listen: Some(options.listen),
            hosts: options.hosts.clone(),
            trusted: trusted::system_roots().await,
            audit: options.audit.clone(),
            metrics: vec![options.metrics.clone()],
            checks: options.checks.clone(),
            settings: server_settings,
            ..made
        })
        .await?;
        let user = User::new(USER, [MASTERS]).authenticated();
        let client = Client::new(InProcess::new(server.api().clone(), user), "default");
        while let Err(error) = install(&client, &options).await {
            // Each round, one of the replicas that start at once gets further.
            if !is_conflict(&error) {
                return Err(error);
            }
        }
        let settings = settings::load(&client, &options.namespace, None).await?;
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        if let Some(at_rest) = at_rest {
            tasks.spawn(at_rest.follow(Arc::clone(&options.store), stop.clone()));
        }
        let only_namespace = (settings.scope == Scope::Namespaced).then_some(options.namespace.as_str());
        let lookups =
            Arc::new(Lookups::start(&client, &options.namespace, only_namespace, &mut tasks, &stop));
        lookups.wait_until_synced().await;
        forms.follow(lookups.clone());
        admission.follow(lookups, settings.clone(), &options.namespace);
        Ok(Self { server, client, settings, lookups: tasks, stop })
    }

    /// A client of the server, without a socket, with every right.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The federation's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.address()
    }

    /// A kubeconfig for its administrator.
    ///
    /// # Errors
    /// The certificate cannot be made.
    pub fn admin_kubeconfig(&self) -> anyhow::Result<serde_json::Value> {
        Ok(self.server.admin_kubeconfig("fedd")?)
    }

    /// When the server's certificate was made: the administrator's is to be made anew with it.
    pub fn renewals(&self) -> watch::Receiver<Timestamp> {
        self.server.renewals()
    }

    /// Ends it: requests under way are answered, and the data is closed.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.lookups.join_next().await.is_some() {}
        self.server.stop().await;
    }
}

/// Whether another replica wrote the same object at the same time.
fn is_conflict(error: &anyhow::Error) -> bool {
    let answers = error.chain().filter_map(|cause| cause.downcast_ref::<kube::Error>());
    answers.into_iter().any(|answer| matches!(answer, kube::Error::Api(status) if status.code == 409))
}

/// Makes the server a federation, as `fedd install` does; what is there stays.
async fn install(client: &Client, options: &EmbeddedOptions) -> anyhow::Result<()> {
    let mut federation = Federation::new(&options.namespace, &options.types, true)?;
    federation.config.value["spec"] = serde_json::to_value(&options.settings)?;
    apply::apply_definitions(client, &federation.definitions, false, |_, _| Ok(())).await?;
    apply::apply(client, &federation.namespace, false).await?;
    for object in std::iter::once(&federation.config).chain(&federation.types) {
        apply::create_if_absent(client, object, false).await?;
    }
    Ok(())
}
