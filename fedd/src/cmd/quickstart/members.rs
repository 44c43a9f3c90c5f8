//! Simulated members: API servers of this process, whose workloads become ready without nodes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use federation_apiserver::auth::{Login, MASTERS, StaticTokens, User, kubeconfig};
use federation_apiserver::builtin::Profile;
use federation_apiserver::control::simulate::Behaviour;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use federation_model::{KubeFedCluster, KubeFedClusterSpec, LocalSecretReference, TOKEN_KEY};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use revision_store::MemoryStore;
use serde_json::Value;

/// Their names.
pub(super) const NAMES: [&str; 3] = ["m1", "m2", "m3"];

/// How long a workload takes to become ready.
const READY_AFTER: Duration = Duration::from_secs(1);

/// A member, up or down; what it holds stays.
struct Member {
    store: MemoryStore,
    secrets: Secrets,
    token: String,
    address: SocketAddr,
    server: Option<EmbeddedServer>,
}

/// All members, by name.
pub(super) struct Members(BTreeMap<&'static str, Member>);

impl Members {
    /// Starts them side by side.
    pub(super) async fn start() -> anyhow::Result<Self> {
        let all = futures::future::try_join_all(NAMES.map(async |name| {
            anyhow::Ok((name, Member::start().await.with_context(|| format!("member {name}"))?))
        }));
        Ok(Self(all.await?.into_iter().collect()))
    }

    /// Takes a member down, as a power failure would; tells what was done.
    pub(super) fn stop(&mut self, name: &str) -> String {
        match self.0.get_mut(name) {
            None => unknown(name),
            Some(Member { server: None, .. }) => format!("{name} is down already"),
            Some(member) => {
                member.server = None;
                format!("{name} is down; `start {name}` brings it back")
            }
        }
    }

    /// Brings a member back with what it held; tells what was done.
    pub(super) async fn start_again(&mut self, name: &str) -> anyhow::Result<String> {
        match self.0.get_mut(name) {
            None => Ok(unknown(name)),
            Some(Member { server: Some(_), .. }) => Ok(format!("{name} is up already")),
            Some(member) => {
                member.serve().await.with_context(|| format!("member {name}"))?;
                Ok(format!("{name} is back"))
            }
        }
    }

    /// Adds each to a kubeconfig, as a context of its name.
    pub(super) fn add_contexts(&self, config: &mut Value) {
        for (name, member) in &self.0 {
            let (url, authority) =
                (format!("https://{}", member.address), &member.secrets.authority.certificate);
            let mut own = kubeconfig(name, &url, authority, name, &Login::Token(&member.token));
            for list in ["clusters", "users", "contexts"] {
                let entries = own[list].as_array_mut().map(std::mem::take).unwrap_or_default();
                if let Some(all) = config[list].as_array_mut() {
                    all.extend(entries);
                }
            }
        }
    }

    /// What the federation is told of each: the cluster and its credentials.
    pub(super) fn registrations(&self, namespace: &str) -> Vec<(Secret, KubeFedCluster)> {
        self.0.iter().map(|(name, member)| member.registration(name, namespace)).collect()
    }
}

fn unknown(name: &str) -> String {
    format!("{name} is no member; there are {}", NAMES.join(", "))
}

impl Member {
    async fn start() -> anyhow::Result<Self> {
        let mut member = Self {
            store: MemoryStore::new(),
            secrets: Secrets::generate(Timestamp::now())?,
            token: uuid::Uuid::new_v4().to_string(),
            address: ([127, 0, 0, 1], 0).into(),
            server: None,
        };
        member.serve().await?;
        Ok(member)
    }

    async fn serve(&mut self) -> anyhow::Result<()> {
        let mut tokens = StaticTokens::default();
        tokens.insert(&self.token, User::new("fedd", [MASTERS]));
        let options = Options::new(Arc::new(self.store.clone()), Profile::Member, self.secrets.clone());
        let server = EmbeddedServer::start(Options {
            tokens,
            listen: Some(self.address),
            simulation: Some(Behaviour { delay: READY_AFTER, ..Behaviour::default() }),
            ..options
        })
        .await?;
        self.address = server.address().unwrap_or(self.address);
        self.server = Some(server);
        Ok(())
    }

    fn registration(&self, name: &str, namespace: &str) -> (Secret, KubeFedCluster) {
        let credentials = format!("{name}-token");
        let mut secret = Secret::default();
        secret.metadata.name = Some(credentials.clone());
        secret.metadata.namespace = Some(namespace.to_owned());
        let token = ByteString(self.token.clone().into_bytes());
        secret.data = Some(BTreeMap::from([(TOKEN_KEY.to_owned(), token)]));
        let authority = self.secrets.authority.certificate.clone();
        let spec = KubeFedClusterSpec {
            api_endpoint: format!("https://{}", self.address),
            ca_bundle: Some(ByteString(authority.into_bytes())),
            secret_ref: LocalSecretReference { name: credentials },
            disabled_tls_validations: Vec::new(),
            proxy_url: None,
        };
        let mut cluster = KubeFedCluster::new(name, spec);
        cluster.metadata.namespace = Some(namespace.to_owned());
        (secret, cluster)
    }
}
