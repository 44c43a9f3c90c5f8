//! The federation's own API server, in this process: what `fedd serve` has instead of a kubeconfig.

mod admission;
mod conversion;
mod data;
mod encryption;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use federation_apiserver::auth::{MASTERS, User};
use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, InProcess, Options};
use federation_model::{DefaultType, KubeFedConfigSpec, Scope, Settings};
use kube::Client;
use revision_store::{SqliteStore, Store};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::admission::Admission;
use self::conversion::Forms;
pub(crate) use self::data::write_private;
pub use self::data::{DataFolder, default_data};
use self::encryption::AtRest;
pub use self::encryption::EncryptionArgs;
use crate::manifest::Federation;
use crate::webhook::state::Lookups;
use crate::{apply, settings, yaml};

/// What the federation's API server is made of.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// The database file.
    pub data: PathBuf,
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
    /// Encryption at rest.
    pub encryption: EncryptionArgs,
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
    /// Opens the data, starts the server and makes it a federation.
    ///
    /// # Errors
    /// The data or the address cannot be used.
    pub async fn start(options: EmbeddedOptions) -> anyhow::Result<Self> {
        let folder = DataFolder::of(&options.data)?;
        // Its errors name the file.
        let store = Arc::new(SqliteStore::open(&options.data).await?) as Arc<dyn Store>;
        let at_rest = AtRest::read(&options.encryption)?;
        let secrets = folder.secrets().context("keys of the API server")?;
        let (forms, admission) = (Arc::new(Forms::default()), Arc::new(Admission::default()));
        let made = Options::new(Arc::clone(&store), Profile::Federation, secrets);
        let mut server_settings = made.settings.clone();
        server_settings.yaml =
            Some(|bytes| yaml::parse(&String::from_utf8_lossy(bytes)).map_err(|error| error.to_string()));
        let server = EmbeddedServer::start(Options {
            converters: forms.clone(),
            plugins: vec![admission.clone()],
            encryption: at_rest.as_ref().map(|at_rest| Arc::clone(&at_rest.encryption)),
            listen: Some(options.listen),
            hosts: options.hosts.clone(),
            settings: server_settings,
            ..made
        })
        .await?;
        let user = User::new(USER, [MASTERS]).authenticated();
        let client = Client::new(InProcess::new(server.api().clone(), user), "default");
        install(&client, &options).await?;
        let settings = settings::load(&client, &options.namespace, None).await?;
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        if let Some(at_rest) = at_rest {
            tasks.spawn(at_rest.follow(store, stop.clone()));
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

    /// Ends it: requests under way are answered, and the data is closed.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.lookups.join_next().await.is_some() {}
        self.server.stop().await;
    }
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
