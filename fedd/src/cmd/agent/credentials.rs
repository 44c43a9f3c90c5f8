//! What an agent shows to the server, and when that changes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use cluster_tunnel::ClusterName;
use cluster_tunnel::agent::Server;
use federation_apiserver::auth::Identity;
use parking_lot::Mutex;
use rustls::ClientConfig;
use tracing::{info, warn};

use super::CredentialsArgs;
use crate::access;
use crate::tunnel::agent_identity::{Keeper, Kept};
use crate::tunnel::tls;

/// How often files are read again: mounted Secrets are exchanged by links, which no watch of one file sees.
const REREAD: Duration = Duration::from_secs(30);

/// Where an agent's credentials come from.
pub(super) enum Credentials {
    /// They are the agent's own care.
    Kept(Box<Keeper>, Duration),
    /// They are somebody else's.
    Files(Files),
}

/// The present configuration of connections.
pub(super) type Current = Arc<ArcSwap<ClientConfig>>;

impl Credentials {
    /// As the flags say.
    ///
    /// # Errors
    /// The member's kubeconfig cannot be used.
    pub(super) async fn open(
        args: &CredentialsArgs,
        cluster: &ClusterName,
        way: impl Fn(Current) -> Server + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        if let Some((namespace, name)) = &args.identity_secret {
            let member = access::connect(args.kubeconfig.as_deref(), None).await.context("the member")?;
            let keeper = Keeper::new(cluster.clone(), way, &member.client, namespace, name);
            return Ok(Self::Kept(Box::new(keeper), Duration::ZERO));
        }
        let file = |file: &Option<_>, flag| file.clone().context(flag);
        Ok(Self::Files(Files {
            certificate: file(&args.cert_file, "--cert-file is missing")?,
            key: file(&args.key_file, "--key-file is missing")?,
            authorities: file(&args.ca_file, "--ca-file is missing")?,
            read: None,
        }))
    }

    /// Waits for the first; `trouble` says meanwhile why there is none.
    ///
    /// # Errors
    /// Files cannot be used.
    pub(super) async fn first(&mut self, trouble: &Mutex<Option<String>>) -> anyhow::Result<Current> {
        match self {
            Self::Files(files) => {
                let config = files.look()?.context("the files were read before")?;
                Ok(Arc::new(ArcSwap::from_pointee(config)))
            }
            Self::Kept(keeper, next) => loop {
                match keeper.look().await {
                    Ok(Kept { new: Some(config), look_again }) => {
                        *next = look_again;
                        return Ok(Arc::new(ArcSwap::from(config)));
                    }
                    Ok(Kept { new: None, look_again }) => tokio::time::sleep(look_again).await,
                    Err((error, pause)) => {
                        let words = format!("{error:#}");
                        // Each failure is told once, and not each of its repetitions.
                        if trouble.lock().replace(words.clone()).as_ref() != Some(&words) {
                            warn!("there is no certificate: {words}");
                        }
                        tokio::time::sleep(pause).await;
                    }
                }
            },
        }
    }

    /// Hands out each further one; without end.
    pub(super) async fn keep(&mut self, exchange: impl Fn(Arc<ClientConfig>)) {
        match self {
            Self::Files(files) => loop {
                tokio::time::sleep(REREAD).await;
                match files.look() {
                    Ok(None) => {}
                    Ok(Some(config)) => {
                        exchange(Arc::new(config));
                        info!("new certificates are used");
                    }
                    Err(error) => warn!("the new certificates cannot be used: {error:#}"),
                }
            },
            Self::Kept(keeper, next) => loop {
                tokio::time::sleep(*next).await;
                *next = match keeper.look().await {
                    Ok(Kept { new, look_again }) => {
                        new.into_iter().for_each(&exchange);
                        look_again
                    }
                    Err((error, pause)) => {
                        warn!("the certificate is not looked after: {error:#}");
                        pause
                    }
                };
            },
        }
    }
}

/// Files that somebody else keeps.
pub(super) struct Files {
    certificate: std::path::PathBuf,
    key: std::path::PathBuf,
    authorities: std::path::PathBuf,
    /// What they held last.
    read: Option<(Identity, String)>,
}

impl Files {
    /// What they hold, if it is not what they held before.
    fn look(&mut self) -> anyhow::Result<Option<ClientConfig>> {
        let now = (tls::identity(&self.certificate, &self.key)?, tls::read(&self.authorities)?);
        if self.read.as_ref() == Some(&now) {
            return Ok(None);
        }
        let config = tls::agent(&now.0, &now.1).context("--cert-file, --key-file, --ca-file")?;
        self.read = Some(now);
        Ok(Some(config))
    }
}
