//! API servers, by kubeconfig.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// Which API server is the federation's.
#[derive(Args, Clone, Debug, Default)]
pub struct HostArgs {
    /// Kubeconfig of the federation's API server. Default: $KUBECONFIG, then ~/.kube/config, then the Pod's own service account
    #[arg(long, value_name = "FILE", global = true)]
    pub kubeconfig: Option<PathBuf>,
    /// Context in that kubeconfig. Default: its current one
    #[arg(long, visible_alias = "host-context", value_name = "CONTEXT", global = true)]
    pub context: Option<String>,
    /// Namespace of clusters, credentials, type configs and the config
    #[arg(
        long,
        visible_alias = "kubefed-namespace",
        value_name = "NAMESPACE",
        default_value = federation_model::DEFAULT_FEDERATION_NAMESPACE,
        global = true
    )]
    pub federation_namespace: String,
}

impl HostArgs {
    /// A client of the federation's API server.
    pub async fn client(&self) -> anyhow::Result<Client> {
        let config = config(self.kubeconfig.as_ref(), self.context.as_deref()).await?;
        Client::try_from(config).context("cannot make a client of the federation's API server")
    }
}

/// The configuration of a context of a kubeconfig.
pub async fn config(kubeconfig: Option<&PathBuf>, context: Option<&str>) -> anyhow::Result<Config> {
    if kubeconfig.is_none() && context.is_none() {
        return Config::infer().await.context("there is no kubeconfig; name one with --kubeconfig");
    }
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let file = read(kubeconfig)?;
    let known: Vec<_> = file.contexts.iter().map(|c| c.name.clone()).collect();
    if let Some(context) = context
        && !known.iter().any(|k| k == context)
    {
        return Err(anyhow!("the kubeconfig has no context {context:?}; it has {}", known.join(", ")));
    }
    Config::from_custom_kubeconfig(file, &options).await.context("the kubeconfig cannot be used")
}

/// Reads a kubeconfig; the usual one when none is named.
pub fn read(kubeconfig: Option<&PathBuf>) -> anyhow::Result<Kubeconfig> {
    match kubeconfig {
        Some(path) => Kubeconfig::read_from(path).with_context(|| format!("cannot read kubeconfig {}", path.display())),
        None => Kubeconfig::read().context("there is no kubeconfig; name one with --kubeconfig"),
    }
}
