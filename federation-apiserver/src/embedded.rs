//! A whole API server in this process: the verbs, their controllers, and if wanted a socket.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::RwLock;
use revision_store::{Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admission::Plugin;
use crate::audit::Audit;
use crate::auth::{
    Authenticators, CertificatesError, Identity, Login, MASTERS, Policy, StaticTokens, TokenError, TokenKeys,
    certificates, kubeconfig,
};
use crate::builtin::{self, Profile};
use crate::control::account_tokens::AccountTokens;
use crate::control::accounts::AccountControl;
use crate::control::bootstrap::bootstrap;
use crate::control::compaction::Compaction;
use crate::control::definition_content::DefinitionContentControl;
use crate::control::garbage::GarbageCollector;
use crate::control::namespace_lifecycle::NamespaceLifecycle;
use crate::control::namespaces::NamespaceControl;
use crate::control::policy::PolicyControl;
use crate::control::simulate::services::ServiceAddresses;
use crate::control::simulate::{Behaviour, Simulation};
use crate::definition::{Converters, Definitions};
use crate::encryption::{EncryptedStore, Encryption};
use crate::metrics::{Exposition, MeasuredStore, Metrics};
use crate::resource::Catalog;
use crate::rest::Rest;
use crate::server::{ApiServer, HealthCheck, Listener, Renewal, Settings, serve};
use crate::status::ApiError;
use crate::webhook::{AdmissionWebhooks, ConversionWebhooks, FollowConfigurations};

/// The name by which tokens of service accounts say who issued them, and for whom they are: kube-apiserver's default.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// How long certificates live that the server makes for itself and its administrator.
const CERTIFICATE_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// What a server is known by from one start to the next. Whoever has it is the server: it is kept as secretly as the
/// data.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The authority that signs the server's and its clients' certificates.
    pub authority: Identity,
    /// The key that signs service accounts' tokens, as PEM.
    pub token_key: String,
}

impl Secrets {
    /// New ones.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn generate(now: Timestamp) -> Result<Self, EmbeddedError> {
        Ok(Self {
            authority: certificates::authority("fedd-ca", now)?,
            token_key: TokenKeys::generate_key()?,
        })
    }
}

/// How an embedded server is made.
pub struct Options {
    /// Where objects are.
    pub store: Arc<dyn Store>,
    /// How the values of `store` are encrypted; `None`: they are not.
    pub encryption: Option<Arc<Encryption>>,
    /// Which kinds it has.
    pub profile: Profile,
    /// What it is known by.
    pub secrets: Secrets,
    /// Who converts custom resources whose versions differ.
    pub converters: Arc<dyn Converters>,
    /// Admission, beside the server's own.
    pub plugins: Vec<Arc<dyn Plugin>>,
    /// How workloads behave, in a server with [`Profile::Member`] that has no nodes; `None`: nothing happens to them.
    pub simulation: Option<Behaviour>,
    /// Every namespace gets its service account `default` and the authority's certificate, and Secrets for tokens of
    /// accounts get them, as from kube-controller-manager.
    pub accounts: bool,
    /// Authorities that are trusted to sign the certificates of webhooks that are configured without a `caBundle`.
    pub trusted: Arc<rustls::RootCertStore>,
    /// Tokens that are known.
    pub tokens: StaticTokens,
    /// Where it listens; `None`: it answers this process alone.
    pub listen: Option<SocketAddr>,
    /// Further names and addresses that its certificate is for.
    pub hosts: Vec<String>,
    /// How long certificates live that it makes for itself and its administrator. They are made anew at every start,
    /// and its own when a third of its life is left. Default a year.
    pub certificate_life: SignedDuration,
    /// What is recorded of requests; `None`: nothing.
    pub audit: Option<Audit>,
    /// Metrics of other parts of the program, served beside its own.
    pub metrics: Vec<Arc<dyn Exposition>>,
    /// Parts of the program that the server is not ready without, beside its own.
    pub checks: Vec<HealthCheck>,
    /// Limits and times.
    pub settings: Settings,
}

impl Options {
    /// A server for this process alone, with the defaults.
    pub fn new(store: Arc<dyn Store>, profile: Profile, secrets: Secrets) -> Self {
        Self {
            store,
            encryption: None,
            profile,
            secrets,
            converters: Arc::new(()),
            plugins: Vec::new(),
            simulation: (profile == Profile::Member).then(Behaviour::default),
            accounts: true,
            trusted: Arc::new(rustls::RootCertStore::empty()),
            tokens: StaticTokens::default(),
            listen: None,
            hosts: Vec::new(),
            certificate_life: CERTIFICATE_LIFE,
            audit: None,
            metrics: Vec::new(),
            checks: Vec::new(),
            settings: Settings::default(),
        }
    }
}

/// Why a server cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// Its certificates cannot be made or read.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// Its key for tokens cannot be used.
    #[error("key of service accounts' tokens: {0}")]
    Tokens(#[from] TokenError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What every server begins with cannot be made.
    #[error("what every server begins with cannot be made: {0}")]
    Bootstrap(ApiError),
    /// The thread for calls that cannot wait asynchronously cannot be started.
    #[error("cannot start a thread for calls of webhooks: {0}")]
    Thread(io::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A running server. It ends with [`EmbeddedServer::stop`]; dropped, it ends at once.
pub struct EmbeddedServer {
    api: Arc<ApiServer>,
    address: Option<SocketAddr>,
    secrets: Secrets,
    certificate_life: SignedDuration,
    renewals: watch::Receiver<Timestamp>,
    store: Arc<dyn Store>,
    audit: Option<Audit>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl EmbeddedServer {
    /// Starts a server; when it is there, it answers.
    ///
    /// # Errors
    /// The store, the secrets or the address cannot be used.
    pub async fn start(options: Options) -> Result<Self, EmbeddedError> {
        let Options {
            store, profile, secrets, converters, mut plugins, simulation, accounts, trusted, ..
        } = options;
        let Options { tokens, listen, hosts, certificate_life, audit, .. } = options;
        let Options { metrics, mut checks, mut settings, encryption, .. } = options;
        let metrics = Arc::new(Metrics::new(metrics));
        let store = match &encryption {
            Some(encryption) => {
                Arc::new(EncryptedStore::new(store, Arc::clone(encryption))) as Arc<dyn Store>
            }
            None => store,
        };
        metrics.follow_store(Arc::clone(&store));
        let store: Arc<dyn Store> = Arc::new(MeasuredStore::new(store, Arc::clone(&metrics)));
        let catalog = Arc::new(Catalog::default());
        catalog.extend(builtin::resources(profile));
        plugins.insert(0, Arc::new(NamespaceLifecycle::new(Arc::clone(&store))));
        if profile == Profile::Member {
            plugins.push(Arc::new(ServiceAddresses::new(Arc::clone(&store))));
        }
        let mut webhooks = FollowConfigurations::new(Arc::clone(&store), Arc::clone(&trusted));
        webhooks.load().await;
        plugins.push(Arc::new(AdmissionWebhooks::new(
            webhooks.configurations(),
            Arc::clone(&catalog),
            Arc::clone(&store),
            Arc::clone(&metrics),
        )));
        let rest = Arc::new(Rest::new(Arc::clone(&store), catalog, plugins));
        let policy = Arc::new(RwLock::new(Policy::default()));
        bootstrap(Arc::clone(&rest), profile).await.map_err(EmbeddedError::Bootstrap)?;
        let mut policies = PolicyControl::new(Arc::clone(&rest), Arc::clone(&policy));
        policies.load().await;
        let converters = ConversionWebhooks::new(converters, trusted).map_err(EmbeddedError::Thread)?;
        let mut definitions = Definitions::new(Arc::clone(&rest), Arc::new(converters));
        definitions.load().await;

        let (made, authority) = (Timestamp::now(), secrets.authority.clone());
        let mut renewal = Renewal { authority, hosts, life: certificate_life, now: Timestamp::now };
        let listener = match listen {
            None => None,
            Some(address) => {
                renewal.hosts = all_hosts(address, renewal.hosts);
                let listener = Listener::bind(address, Arc::new(renewal.make()?)).await;
                Some(listener.map_err(|source| EmbeddedError::Listen { address, source })?)
            }
        };
        let address = listener.as_ref().and_then(|listener| listener.address().ok());
        if let Some(address) = address {
            settings.address = reachable(address).to_string();
        }
        let audiences = vec![ISSUER.to_owned()];
        let keys = TokenKeys::new(ISSUER, audiences, &secrets.token_key)?;
        let authenticators = Arc::new(Authenticators { tokens, keys, anonymous: true });
        let compact_every = settings.compaction;
        let api = ApiServer::new(
            Arc::clone(&rest),
            policy,
            Arc::clone(&authenticators),
            settings,
            metrics,
            audit.clone(),
        );
        checks.extend(encryption.as_ref().map(Encryption::health_check));
        let api = Arc::new(api.with_checks(checks));

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(policies.run(stop.clone()));
        tasks.spawn(webhooks.run(stop.clone()));
        tasks.spawn(definitions.run(stop.clone()));
        tasks.spawn(NamespaceControl::new(Arc::clone(&rest)).run(stop.clone()));
        tasks.spawn(GarbageCollector::new(Arc::clone(&rest)).run(stop.clone()));
        tasks.spawn(DefinitionContentControl::new(Arc::clone(&rest)).run(stop.clone()));
        tasks.spawn(Compaction::new(Arc::clone(&store), compact_every).run(stop.clone()));
        if let Some(encryption) = encryption {
            tasks.spawn(encryption.follow_health(stop.clone()));
        }
        if accounts {
            let authority = &secrets.authority.certificate;
            tasks.spawn(AccountControl::new(Arc::clone(&rest), authority).run(stop.clone()));
            tasks.spawn(AccountTokens::new(Arc::clone(&rest), authenticators, authority).run(stop.clone()));
        }
        if let Some(behaviour) = simulation {
            tasks.spawn(Simulation::new(rest, behaviour).run(stop.clone()));
        }
        let (renewed, renewals) = watch::channel(made);
        if let Some(listener) = listener {
            tasks.spawn(renewal.run(made, listener.tls(), renewed, stop.clone()));
            tasks.spawn(serve(Arc::clone(&api), listener, stop.clone()));
        }
        Ok(Self { api, address, secrets, certificate_life, renewals, store, audit, stop, tasks })
    }

    /// The server, for requests of this process.
    pub fn api(&self) -> &Arc<ApiServer> {
        &self.api
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// A kubeconfig for its administrator, with a new client certificate.
    ///
    /// # Errors
    /// The certificate cannot be made.
    pub fn admin_kubeconfig(&self, name: &str) -> Result<serde_json::Value, CertificatesError> {
        let authority = &self.secrets.authority;
        let (now, life) = (Timestamp::now(), self.certificate_life);
        let client = certificates::client(authority, "fedd:admin", MASTERS, now, life)?;
        let url = self.address.map(reachable).map(|address| format!("https://{address}")).unwrap_or_default();
        let login = Login::Certificate(&client);
        Ok(kubeconfig(name, &url, &authority.certificate, "admin", &login))
    }

    /// When its certificate was made, anew each time it is renewed. Whoever keeps the administrator's kubeconfig makes
    /// that anew too.
    pub fn renewals(&self) -> watch::Receiver<Timestamp> {
        self.renewals.clone()
    }

    /// The certificate by which clients know the server, as PEM.
    pub fn authority(&self) -> &str {
        &self.secrets.authority.certificate
    }

    /// Ends the server in good order: requests under way are answered, what was written is on the disk.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.store.close().await;
        if let Some(Audit { log, .. }) = self.audit.take() {
            // It is on the disk, or in the terminal, in a moment.
            let _ = tokio::task::spawn_blocking(move || log.close()).await;
        }
    }
}

impl Drop for EmbeddedServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Where a client of this machine reaches an address that is listened on: "any" is no address to connect to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

/// All names and addresses by which clients of this machine may reach the server, and those that were given.
fn all_hosts(address: SocketAddr, mut hosts: Vec<String>) -> Vec<String> {
    hosts
        .extend(["localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default.svc"].map(str::to_owned));
    if !address.ip().is_unspecified() {
        hosts.push(address.ip().to_string());
    }
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}
