//! Encryption at rest in `fedd serve`: the file, its changes, and what is still encrypted otherwise.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use federation_apiserver::builtin::Profile;
use federation_apiserver::encryption::{EncryptedStore, Encryption, EncryptionConfiguration};
use revision_store::Store;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::yaml;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// kube-apiserver's flags of encryption at rest, and one more.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Encryption at rest")]
pub struct EncryptionArgs {
    /// File with an EncryptionConfiguration (apiserver.config.k8s.io/v1), as for kube-apiserver: which resources are
    /// encrypted in the database, and how. See docs/credentials.md
    #[arg(long, value_name = "FILE")]
    pub encryption_provider_config: Option<PathBuf>,
    /// Follow changes of that file without a restart
    #[arg(long, requires = "encryption_provider_config")]
    pub encryption_provider_config_automatic_reload: bool,
    /// Write everything anew that is not encrypted as the first provider would do it now: at the start, and after each
    /// change of the file that is followed
    #[arg(long, requires = "encryption_provider_config")]
    pub encryption_rewrite_stale: bool,
}

/// Encryption at rest, and what keeps it as the file says.
pub(super) struct AtRest {
    args: EncryptionArgs,
    file: PathBuf,
    text: String,
    pub(super) encryption: Arc<Encryption>,
}

impl AtRest {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// It cannot be read, or is no configuration.
    pub(super) fn read(args: &EncryptionArgs) -> anyhow::Result<Option<Self>> {
        let Some(file) = args.encryption_provider_config.clone() else { return Ok(None) };
        let (text, configuration) = read(&file)?;
        let encryption = Arc::new(Encryption::new(&configuration, Profile::Federation));
        Ok(Some(Self { args: args.clone(), file, text, encryption }))
    }

    /// Follows the file and rewrites what is stale, as the flags say, until told to stop.
    pub(super) async fn follow(mut self, store: Arc<dyn Store>, stop: CancellationToken) {
        let store = EncryptedStore::new(store, Arc::clone(&self.encryption));
        self.rewrite(&store, &stop).await;
        while self.args.encryption_provider_config_automatic_reload {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            match read(&self.file) {
                Ok((text, _)) if text == self.text => {}
                Ok((text, configuration)) => {
                    self.encryption.replace(&configuration);
                    self.text = text;
                    info!(file = %self.file.display(), "encryption at rest follows the changed file");
                    self.rewrite(&store, &stop).await;
                }
                // What was read before stays in force.
                Err(error) => error!("{error:#}"),
            }
        }
    }

    async fn rewrite(&self, store: &EncryptedStore, stop: &CancellationToken) {
        if !self.args.encryption_rewrite_stale {
            return;
        }
        // What is stale is known once the plugins have said which their keys are.
        self.encryption.check().await;
        tokio::select! {
            () = stop.cancelled() => {}
            done = store.rewrite_stale() => match done {
                Ok(done) => info!(examined = done.examined, rewritten = done.rewritten, "stale values are rewritten"),
                Err(error) => error!(%error, "not all stale values are rewritten"),
            },
        }
    }
}

/// The file's text, by which a change is seen, and what it says. The text holds keys: it is not shown.
fn read(file: &Path) -> anyhow::Result<(String, EncryptionConfiguration)> {
    let failed = || format!("--encryption-provider-config {}", file.display());
    let text = std::fs::read_to_string(file).with_context(failed)?;
    // What is wrong with the YAML could quote a key.
    let content = yaml::parse(&text).map_err(|_| anyhow::anyhow!("is no YAML")).with_context(failed)?;
    let configuration = EncryptionConfiguration::read(content).with_context(failed)?;
    Ok((text, configuration))
}
