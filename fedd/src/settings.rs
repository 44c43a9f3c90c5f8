//! The control plane's settings: from a file, or the KubeFedConfig on the host, which is made where there is none.

use std::path::Path;

use anyhow::{Context as _, bail};
use federation_model::{CONFIG_NAME, KubeFedConfig, KubeFedConfigSpec, Settings};
use kube::Client;
use kube::api::{Api, PostParams};
use tracing::info;

use crate::yaml;

/// Reads the settings once, as KubeFed does: a change takes effect at the next start.
pub async fn load(client: &Client, namespace: &str, file: Option<&Path>) -> anyhow::Result<Settings> {
    let spec = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let config: KubeFedConfig = yaml::from_str(&text).with_context(|| format!("{} is no KubeFedConfig", path.display()))?;
            config.spec
        }
        None => from_host(client, namespace).await?,
    };
    match spec.settings() {
        Ok(settings) => {
            info!("Using valid KubeFedConfig \"{namespace}/{CONFIG_NAME}\"");
            Ok(settings)
        }
        Err(violations) => {
            let words: Vec<_> = violations.iter().map(ToString::to_string).collect();
            bail!("KubeFedConfig {namespace}/{CONFIG_NAME} is not valid: {}", words.join("; "))
        }
    }
}

async fn from_host(client: &Client, namespace: &str) -> anyhow::Result<KubeFedConfigSpec> {
    let api: Api<KubeFedConfig> = Api::namespaced(client.clone(), namespace);
    if let Some(config) = api.get_opt(CONFIG_NAME).await.context("cannot read the KubeFedConfig; is fedd installed here? run `fedd install`")? {
        return Ok(config.spec);
    }
    info!("there is no KubeFedConfig {namespace}/{CONFIG_NAME}: one with the defaults is made");
    let config = KubeFedConfig::new(CONFIG_NAME, KubeFedConfigSpec::default().with_defaults());
    match api.create(&PostParams::default(), &config).await {
        Ok(created) => Ok(created.spec),
        // Another replica was faster.
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(api.get(CONFIG_NAME).await?.spec),
        Err(error) => Err(error).context("cannot make the KubeFedConfig"),
    }
}
