//! Keeps the webhook's own certificates: carries out what [`next_step`] decides, and follows the shared Secret.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::watch_object;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::secret::{Saved, Stored};
use super::{
    Authority, CertificateError, CurrentCertificate, Held, HeldLeaf, Lifetimes, SECRET_NAME,
    SharedAuthorities, Step, Validity, bundle_pem, next_step,
};

/// Wait after a step that failed.
const RETRY: Duration = Duration::from_secs(5);
/// Longest sleep between two looks at the clock, which may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(600);
/// Steps in a row before something must be wrong: two authorities and a leaf are three.
const MOST_STEPS: usize = 8;

/// Makes, shares and renews the webhook's certificates.
pub struct CertificateKeeper {
    shared: SharedAuthorities,
    names: Vec<String>,
    lifetimes: Lifetimes,
    current: Arc<CurrentCertificate>,
    bundle: watch::Sender<Option<Vec<u8>>>,
    stored: Stored,
    leaf: Option<(Validity, Authority)>,
}

impl CertificateKeeper {
    /// A keeper that sets `current` for `names` and says the PEM of all trusted authorities on `bundle`.
    pub fn new(
        shared: SharedAuthorities,
        names: Vec<String>,
        lifetimes: Lifetimes,
        current: Arc<CurrentCertificate>,
        bundle: watch::Sender<Option<Vec<u8>>>,
    ) -> Self {
        let stored = Stored { authorities: Vec::new(), version: None };
        Self { shared, names, lifetimes, current, bundle, stored, leaf: None }
    }

    /// Reads the authorities, or makes the first, and signs the first leaf. Tries until it is done or `shutdown` is.
    pub async fn start(&mut self, shutdown: &CancellationToken) {
        loop {
            match self.load_and_settle().await {
                Ok(_) => return,
                Err(error) => warn!(%error, "the webhook has no certificate yet; trying again"),
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    async fn load_and_settle(&mut self) -> Result<SystemTime, CertificateError> {
        if let Some(stored) = self.shared.load().await? {
            self.adopt(stored);
        }
        self.settle().await
    }

    /// Renews what is due, when it is due, until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut seen = std::pin::pin!(watch_object(self.shared.api(), SECRET_NAME).default_backoff());
        loop {
            let wait = match self.settle().await {
                Ok(until) => until.duration_since(SystemTime::now()).unwrap_or_default().min(LONGEST_SLEEP),
                Err(error) => {
                    warn!(%error, "the webhook's certificate could not be renewed; trying again");
                    RETRY
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
                Some(event) = seen.next() => match event {
                    Ok(secret) => self.observe(secret.as_ref()).await,
                    Err(error) => warn!(%error, "watching the webhook's Secret failed; it is watched again"),
                },
            }
        }
    }

    /// Takes over what another replica has written; writes back what somebody has deleted.
    async fn observe(&mut self, secret: Option<&Secret>) {
        match secret {
            Some(secret) if secret.metadata.resource_version == self.stored.version => {}
            Some(secret) => match self.shared.read(secret) {
                Ok(stored) => self.adopt(stored),
                Err(error) => warn!(%error, "the webhook goes on with the certificates that it holds"),
            },
            None if self.stored.version.is_some() => {
                self.stored.version = None;
                let restored = self.stored.clone();
                match self.save(restored).await {
                    Ok(()) => info!("the webhook's Secret was deleted; it is written again"),
                    Err(error) => {
                        warn!(%error, "the webhook's Secret was deleted and could not be written again");
                    }
                }
            }
            None => {}
        }
    }

    /// Does what is due now; says when to look again.
    async fn settle(&mut self) -> Result<SystemTime, CertificateError> {
        for _ in 0..MOST_STEPS {
            let now = SystemTime::now();
            match next_step(now, &self.held(), &self.lifetimes) {
                Step::Keep { until } => return Ok(until),
                Step::RenewLeaf { authority } => {
                    let authority = self.stored.authorities[authority].clone();
                    let leaf = authority.sign_leaf(&self.names, now, self.lifetimes.leaf)?;
                    self.current.set(leaf.certified);
                    self.leaf = Some((leaf.validity, authority));
                    info!(names = ?self.names, "the webhook has a new certificate");
                }
                Step::RenewCa => {
                    let mut wanted = self.stored.clone();
                    wanted.authorities.retain(|a| a.validity().until > now);
                    wanted.authorities.insert(0, Authority::make(now, self.lifetimes.authority)?);
                    self.save(wanted).await?;
                }
                Step::RetireCa { keep } => {
                    let mut wanted = self.stored.clone();
                    wanted.authorities.truncate(keep);
                    self.save(wanted).await?;
                }
            }
        }
        Ok(SystemTime::now() + RETRY)
    }

    fn held(&self) -> Held {
        Held {
            authorities: self.stored.authorities.iter().map(Authority::validity).collect(),
            leaf: self.leaf.as_ref().map(|(validity, authority)| HeldLeaf {
                validity: *validity,
                authority: self.stored.authorities.iter().position(|a| a == authority),
            }),
        }
    }

    /// Writes; when somebody else was first, takes over theirs.
    async fn save(&mut self, wanted: Stored) -> Result<(), CertificateError> {
        match self.shared.save(&wanted).await? {
            Saved::Done(version) => {
                info!(authorities = wanted.authorities.len(), "the webhook's authorities are written");
                self.adopt(Stored { version, ..wanted });
            }
            Saved::Overtaken => match self.shared.load().await? {
                Some(stored) => self.adopt(stored),
                None => self.stored.version = None,
            },
        }
        Ok(())
    }

    fn adopt(&mut self, stored: Stored) {
        let bundle = Some(bundle_pem(&stored.authorities));
        self.stored = stored;
        self.bundle.send_if_modified(|known| {
            let changed = *known != bundle;
            *known = bundle;
            changed
        });
    }
}
