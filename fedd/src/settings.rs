//! `KubeFedConfig`: from the API, or from a file.
//!
//! It is read once, at the start, as KubeFed does: a change counts from the next start on.

use std::path::Path;

use anyhow::{Context as _, bail};
use federation_model::{CONFIG_NAME, ConversionWebhook, Feature, KubeFedConfig, KubeFedConfigSpec, Settings};
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use tracing::{info, warn};

use crate::{apply, yaml};

/// A config with every default written out.
pub fn written_out() -> KubeFedConfigSpec {
    KubeFedConfigSpec::default().with_defaults()
}

/// The settings that a config makes.
///
/// # Errors
/// Everything in it that cannot be meant, each with its field.
pub fn of_spec(spec: &KubeFedConfigSpec, whence: &str) -> anyhow::Result<Settings> {
    spec.settings().map_err(|violations| {
        let words: Vec<_> = violations.iter().map(|v| format!("{}: {}", v.field, v.message)).collect();
        anyhow::anyhow!("{whence} cannot be used: {}", words.join("; "))
    })
}

/// The federation's settings for a command that only reads: the defaults when there is no config.
///
/// # Errors
/// The API server does not answer, or what it has cannot be used.
pub async fn read(client: &Client, namespace: &str) -> anyhow::Result<Settings> {
    let api: Api<KubeFedConfig> = Api::namespaced(client.clone(), namespace);
    match apply::read(&api, CONFIG_NAME).await.context("cannot read the federation's settings")? {
        Some(config) => of_spec(&config.spec, &title(namespace)),
        None => Ok(Settings::default()),
    }
}

/// The settings that the control plane runs with: those of the file, which are put into the API so that every other
/// program goes by them too; else those in the API, where the defaults are put when there are none.
///
/// # Errors
/// The file or the API's config cannot be read or used, or the federation's definitions are not installed.
pub async fn load(client: &Client, namespace: &str, file: Option<&Path>) -> anyhow::Result<Settings> {
    let api: Api<KubeFedConfig> = Api::namespaced(client.clone(), namespace);
    if let Some(file) = file {
        let config = from_file(file)?;
        let settings = of_spec(&config.spec, &file.display().to_string())?;
        publish(&api, namespace, &config.spec).await;
        return Ok(settings);
    }
    let config =
        match apply::read(&api, CONFIG_NAME).await.context("cannot read the federation's settings")? {
            Some(config) => config,
            None => create(&api, namespace).await?,
        };
    let settings = of_spec(&config.spec, &title(namespace))?;
    // KubeFed's words, which tools wait for.
    info!("Using valid KubeFedConfig \"{namespace}/{CONFIG_NAME}\"");
    Ok(settings)
}

/// The config in a file.
///
/// # Errors
/// It cannot be read, or is no `KubeFedConfig`.
pub fn from_file(file: &Path) -> anyhow::Result<KubeFedConfig> {
    let failed = || format!("--kubefed-config {}", file.display());
    let text = std::fs::read_to_string(file).with_context(failed)?;
    let config: KubeFedConfig = yaml::parse(&text).with_context(failed)?;
    if config.metadata.name.as_deref().is_some_and(|name| name != CONFIG_NAME) {
        bail!("{}: metadata.name must be {CONFIG_NAME}, the only one that is read", failed());
    }
    Ok(config)
}

/// The conversion of a definition that is made under these settings: the control plane fills the address in.
pub fn conversion(settings: &Settings) -> ConversionWebhook {
    if settings.gates.is_on(Feature::TopologyForm) {
        ConversionWebhook::Pending
    } else {
        ConversionWebhook::None
    }
}

fn title(namespace: &str) -> String {
    format!("KubeFedConfig {namespace}/{CONFIG_NAME}")
}

async fn create(api: &Api<KubeFedConfig>, namespace: &str) -> anyhow::Result<KubeFedConfig> {
    let config = KubeFedConfig::new(CONFIG_NAME, written_out());
    match api.create(&PostParams::default(), &config).await {
        Ok(created) => {
            info!("{} is created, with the defaults", title(namespace));
            Ok(created)
        }
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(api.get(CONFIG_NAME).await?),
        Err(kube::Error::Api(status)) if status.code == 404 => {
            bail!("the API server is no federation yet ({}); run `fedd install` first", status.message)
        }
        // The webhook that would let it in may be this very process, on its way up.
        Err(error) => {
            warn!(%error, "{} cannot be created; the defaults count", title(namespace));
            Ok(config)
        }
    }
}

async fn publish(api: &Api<KubeFedConfig>, namespace: &str, spec: &KubeFedConfigSpec) {
    let mut config = KubeFedConfig::new(CONFIG_NAME, spec.clone());
    config.metadata.namespace = Some(namespace.to_owned());
    let params = PatchParams::apply("fedd-settings").force();
    if let Err(error) = api.patch(CONFIG_NAME, &params, &Patch::Apply(&config)).await {
        warn!(%error, "the file's settings count here, but cannot be put into {}", title(namespace));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn a_config_of_kubefeds_is_read() {
        let file = file(
            "apiVersion: core.kubefed.io/v1beta1\nkind: KubeFedConfig\nmetadata: {name: kubefed, namespace: fed}\n\
             spec:\n  scope: Namespaced\n  clusterHealthCheck: {period: 7s}\n",
        );
        let settings = of_spec(&from_file(file.path()).unwrap().spec, "it").unwrap();
        assert_eq!(settings.health_period, std::time::Duration::from_secs(7));
    }

    #[test]
    fn errors_say_which_file_and_field() {
        let bad = file(
            "apiVersion: core.kubefed.io/v1beta1\nkind: KubeFedConfig\nmetadata: {name: other}\nspec: {}\n",
        );
        let error = format!("{:#}", from_file(bad.path()).unwrap_err());
        assert!(error.contains("--kubefed-config") && error.contains("metadata.name"), "{error}");
        let bad = file(
            "apiVersion: core.kubefed.io/v1beta1\nkind: KubeFedConfig\nmetadata: {name: kubefed}\nspec: {clusterHealthCheck: {period: often}}\n",
        );
        let error = of_spec(&from_file(bad.path()).unwrap().spec, "it").unwrap_err().to_string();
        assert!(error.contains("spec.clusterHealthCheck.period"), "{error}");
    }

    #[test]
    fn the_defaults_written_out_mean_the_defaults() {
        assert_eq!(of_spec(&written_out(), "it").unwrap(), Settings::default());
    }
}
