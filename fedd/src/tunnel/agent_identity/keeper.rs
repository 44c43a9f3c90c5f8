//! Carries out what [`next_step`] decides.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use arc_swap::ArcSwap;
use cluster_tunnel::ClusterName;
use cluster_tunnel::agent::{LinkError, Server};
use federation_apiserver::auth::Identity;
use jiff::Timestamp;
use kube::Client;
use rcgen::KeyPair;
use rustls::ClientConfig;
use tracing::{info, warn};

use super::secret::{AgentSecret, Contents, Saved};
use super::{Held, Step, next_step};
use crate::tunnel::agent_certificate::{Certified, Request};
use crate::tunnel::bootstrap::Token;
use crate::tunnel::tls;

/// How often the Secret is looked at: another agent may have renewed, or there is a new token.
const LOOK: Duration = Duration::from_secs(30);
/// The pause after the first failure; it doubles up to [`LOOK`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long a server may take to issue a certificate.
const ISSUE: Duration = Duration::from_secs(15);
/// Steps in a row before something must be wrong: key, token and certificate are three.
const MOST_STEPS: usize = 8;

type Way = Box<dyn Fn(Arc<ArcSwap<ClientConfig>>) -> Server + Send + Sync>;

/// Keeps an agent's certificate good.
pub struct Keeper {
    cluster: ClusterName,
    /// Where certificates are issued, with this TLS.
    way: Way,
    secret: AgentSecret,
    /// The name of the token that was refused last.
    refused: Option<String>,
    /// What was handed out last.
    current: Option<Shown>,
    pause: Duration,
}

/// What agents show, and whom they trust.
#[derive(Clone, PartialEq, Eq)]
struct Shown {
    identity: Identity,
    authorities: String,
}

/// How it stands after a look.
pub struct Kept {
    /// The configuration of new connections, if it is another than before.
    pub new: Option<Arc<ClientConfig>>,
    /// When to look again.
    pub look_again: Duration,
}

impl Keeper {
    /// For the agents of a cluster, whose Secret is on the member that `client` is for. `way` is how servers are reached
    /// with a TLS configuration.
    pub fn new(
        cluster: ClusterName,
        way: impl Fn(Arc<ArcSwap<ClientConfig>>) -> Server + Send + Sync + 'static,
        client: &Client,
        namespace: &str,
        name: &str,
    ) -> Self {
        let secret = AgentSecret::new(client, namespace, name);
        Self { cluster, way: Box::new(way), secret, refused: None, current: None, pause: FIRST_PAUSE }
    }

    /// Does what is due. Failures are told, and tried again later.
    ///
    /// # Errors
    /// There is no certificate, and why.
    pub async fn look(&mut self) -> Result<Kept, (anyhow::Error, Duration)> {
        match self.settle().await {
            Ok(kept) => {
                self.pause = FIRST_PAUSE;
                Ok(kept)
            }
            Err(error) => {
                let pause = self.pause;
                self.pause = (pause * 2).min(LOOK);
                Err((error, pause))
            }
        }
    }

    async fn settle(&mut self) -> anyhow::Result<Kept> {
        let mut contents = self.secret.load().await?;
        for _ in 0..MOST_STEPS {
            let identity = contents.identity();
            let certified = identity.as_ref().map(|identity| Certified::read_pem(&identity.certificate));
            let token = contents.token().filter(|token| self.refused.as_deref() != Some(token.id()));
            let held = Held {
                certificate: certified.and_then(Result::ok).map(|certified| certified.validity),
                has_token: token.is_some(),
                has_pending_key: contents.pending_key().is_some(),
            };
            let now = Timestamp::now();
            let step = next_step(&held, now);
            let changed = match (step, token) {
                (Step::MakeKey, _) => contents.clone().with_pending_key(KeyPair::generate()?.serialize_pem()),
                (Step::Exchange, Some(token)) => match self.exchange(&contents, &token).await? {
                    Some(changed) => changed,
                    None => continue,
                },
                (Step::Renew, _) => match self.renew(&contents).await {
                    Ok(changed) => changed,
                    Err(error) => {
                        warn!("the certificate cannot be renewed yet: {error:#}");
                        return self.kept(&contents, LOOK);
                    }
                },
                (Step::Keep { until }, _) => {
                    let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                    return self.kept(&contents, left.min(LOOK));
                }
                (Step::Stranded | Step::Exchange, _) => bail!(
                    "there is no valid certificate of {} and no token to get one: `fedd join {} --tunnel` prints a manifest with \
                     another token",
                    self.cluster,
                    self.cluster
                ),
            };
            contents = match self.secret.save(changed).await? {
                Saved::Done(contents) => contents,
                Saved::Overtaken => self.secret.load().await?,
            };
        }
        bail!("the agent's Secret was written by others {MOST_STEPS} times in a row")
    }

    /// A certificate for the token; `None` if the token is refused.
    async fn exchange(&mut self, contents: &Contents, token: &Token) -> anyhow::Result<Option<Contents>> {
        let key = contents.pending_key().context("there is no key for the token")?;
        let config = tls::unknown_agent(&contents.authorities()?)?;
        let request = Request::make(&key)?;
        let text = token.to_string();
        match self.ask(config, &request, Some(&text)).await {
            Ok(certificate) => {
                info!(cluster = %self.cluster, "the bootstrap token was exchanged for a certificate");
                let identity = Identity { certificate, key };
                Ok(Some(contents.clone().with_identity(identity, Some(token))))
            }
            Err(error) if error.is_refusal() => {
                warn!(token = token.id(), "the bootstrap token is refused: {error}");
                self.refused = Some(token.id().to_owned());
                Ok(None)
            }
            Err(error) => Err(anyhow!(error).context("no certificate for the bootstrap token yet")),
        }
    }

    /// A new certificate for the present one.
    async fn renew(&mut self, contents: &Contents) -> anyhow::Result<Contents> {
        let old = contents.identity().context("there is no certificate")?;
        let config = tls::agent(&old, &contents.authorities()?)?;
        let key = KeyPair::generate()?.serialize_pem();
        let request = Request::make(&key)?;
        let certificate = self.ask(config, &request, None).await?;
        info!(cluster = %self.cluster, "the certificate is renewed");
        Ok(contents.clone().with_identity(Identity { certificate, key }, None))
    }

    async fn ask(
        &self,
        config: ClientConfig,
        request: &[u8],
        token: Option<&str>,
    ) -> Result<String, LinkError> {
        let server = (self.way)(Arc::new(ArcSwap::from_pointee(config)));
        server.request_certificate(&self.cluster, request, token, ISSUE).await
    }

    fn kept(&mut self, contents: &Contents, look_again: Duration) -> anyhow::Result<Kept> {
        let identity = contents.identity().context("there is no certificate")?;
        let shown = Shown { identity, authorities: contents.authorities()? };
        if self.current.as_ref() == Some(&shown) {
            return Ok(Kept { new: None, look_again });
        }
        let config = tls::agent(&shown.identity, &shown.authorities).context("the agent's Secret")?;
        self.current = Some(shown);
        Ok(Kept { new: Some(Arc::new(config)), look_again })
    }
}
