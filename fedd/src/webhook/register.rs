//! Keeps the API server told where the webhook is and which authorities sign its certificate: the two webhook
//! configurations, and the conversion of every federated CRD.
//!
//! It starts when the webhook serves, since a registration with `failurePolicy: Fail` that nobody answers stops every
//! write. It acts on events alone: a rotated authority, a CRD that appears or changes, a configuration that somebody
//! edits or deletes.

mod configuration;
mod conversion;

use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt as _;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watch_object, watcher};
use kube::{Client, ResourceExt as _};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::address::WebhookAddress;

pub use self::configuration::{
    MUTATING_NAME, VALIDATING_NAME, mutating_configuration, validating_configuration,
};
pub use self::conversion::conversion_patch;

/// Field manager of what is registered.
pub const FIELD_MANAGER: &str = "fedd-webhook";

/// Wait after a write that failed.
const RETRY: Duration = Duration::from_secs(2);

/// What is registered.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Where the webhook is.
    pub address: WebhookAddress,
    /// Only objects of this namespace are asked about (KubeFed's `Namespaced` scope); all when none.
    pub only_namespace: Option<String>,
}

/// Registers, and keeps registered until `shutdown`. `registered` is cancelled after the first time.
pub async fn run(
    client: Client,
    registration: Registration,
    mut bundle: watch::Receiver<Option<Vec<u8>>>,
    registered: CancellationToken,
    shutdown: CancellationToken,
) {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut definitions = watcher(crds, watcher::Config::default()).default_backoff().boxed();
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let mut mutating = watch_object(mutating, MUTATING_NAME).default_backoff().boxed();
    let mut validating = watch_object(validating, VALIDATING_NAME).default_backoff().boxed();
    let mut known: std::collections::BTreeMap<String, CustomResourceDefinition> =
        std::collections::BTreeMap::new();
    let mut due = true;
    loop {
        if due {
            let current = bundle.borrow_and_update().clone();
            match settle(&client, &registration, current.as_deref(), &known).await {
                Ok(()) => {
                    due = false;
                    registered.cancel();
                }
                Err(error) => warn!("the webhook is not registered; tries again: {error:#}"),
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(RETRY), if due => {}
            changed = bundle.changed() => match changed {
                Ok(()) => due = true,
                Err(_) => return,
            },
            // Our own writes come back as events; what they ask for is there by then, and nothing is written again.
            Some(_) = mutating.next() => due = true,
            Some(_) = validating.next() => due = true,
            Some(event) = definitions.next() => match event {
                Ok(watcher::Event::Apply(crd) | watcher::Event::InitApply(crd)) => {
                    known.insert(crd.name_any(), crd);
                    due = true;
                }
                Ok(watcher::Event::Delete(crd)) => {
                    known.remove(&crd.name_any());
                }
                Ok(_) => {}
                Err(error) => warn!(%error, "cannot watch definitions; tries again"),
            },
        }
    }
}

async fn settle(
    client: &Client,
    registration: &Registration,
    bundle: Option<&[u8]>,
    definitions: &std::collections::BTreeMap<String, CustomResourceDefinition>,
) -> anyhow::Result<()> {
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let validating = validating_configuration(registration, bundle);
    let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    api.patch(VALIDATING_NAME, &params, &Patch::Apply(&validating))
        .await
        .with_context(|| format!("cannot write {VALIDATING_NAME}"))?;
    let mutating = mutating_configuration(registration, bundle);
    let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    api.patch(MUTATING_NAME, &params, &Patch::Apply(&mutating))
        .await
        .with_context(|| format!("cannot write {MUTATING_NAME}"))?;
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for (name, definition) in definitions {
        if let Some(patch) = conversion_patch(definition, &registration.address, bundle) {
            let params =
                PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
            api.patch(name, &params, &Patch::Merge(patch))
                .await
                .with_context(|| format!("cannot write definition {name}"))?;
            info!(definition = name, "its conversion is told where the webhook is");
        }
    }
    Ok(())
}
