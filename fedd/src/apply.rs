//! Writes objects by server-side apply, and waits for what takes time, by watch.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::wait::{Condition, await_condition, conditions};
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::manifest::Manifest;

/// Field manager of what the command line writes.
pub const FIELD_MANAGER: &str = "fedd-cli";

/// Definitions that are applied at once.
const AT_ONCE: usize = 8;

/// How long a definition may take to be established. The API server does it by itself, in well under a second.
const ESTABLISHED_WITHIN: Duration = Duration::from_mins(1);

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there.
    Created,
    /// It was there, and is not as it was.
    Configured,
    /// It was there as it should be, or is left as it is.
    Unchanged,
}

impl Outcome {
    /// In kubectl's words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
        }
    }
}

/// The API of a manifest's type, in its namespace.
pub fn api_of(client: &Client, manifest: &Manifest) -> Api<DynamicObject> {
    match &manifest.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &manifest.resource),
        None => Api::all_with(client.clone(), &manifest.resource),
    }
}

/// Reads an object that may not be there, nor its kind.
///
/// kube's own `get_opt` takes the answer for a kind that is not served for a failure.
///
/// # Errors
/// The API server refused it or did not answer.
pub async fn read<K>(api: &Api<K>, name: &str) -> kube::Result<Option<K>>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    match api.get(name).await {
        Ok(object) => Ok(Some(object)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Applies an object by server-side apply, taking over the fields that it names.
///
/// In a dry run the API server is asked, and changes nothing; an object of a type or namespace that is not there yet
/// counts as one that would be created.
///
/// # Errors
/// The API server refused it or did not answer.
pub async fn apply(client: &Client, manifest: &Manifest, dry_run: bool) -> anyhow::Result<Outcome> {
    let api = api_of(client, manifest);
    let failed = || format!("cannot apply {}", manifest.title());
    let before = read(&api, &manifest.name).await.with_context(failed)?;
    let params = PatchParams { dry_run, ..PatchParams::apply(FIELD_MANAGER).force() };
    let after = match api.patch(&manifest.name, &params, &Patch::Apply(&manifest.value)).await {
        Ok(after) => after,
        Err(kube::Error::Api(status)) if dry_run && status.code == 404 => return Ok(Outcome::Created),
        Err(error) => return Err(error).with_context(failed),
    };
    Ok(match before {
        None => Outcome::Created,
        Some(before) if before.resource_version() == after.resource_version() && !dry_run => {
            Outcome::Unchanged
        }
        // A dry run answers with a new resource version or the old one, by what would change.
        Some(before) if content(&before) == content(&after) => Outcome::Unchanged,
        Some(_) => Outcome::Configured,
    })
}

/// Creates an object unless it is there: what people change afterwards stays theirs.
///
/// # Errors
/// The API server refused it or did not answer.
pub async fn create_if_absent(
    client: &Client,
    manifest: &Manifest,
    dry_run: bool,
) -> anyhow::Result<Outcome> {
    let api = api_of(client, manifest);
    let failed = || format!("cannot create {}", manifest.title());
    if read(&api, &manifest.name).await.with_context(failed)?.is_some() {
        return Ok(Outcome::Unchanged);
    }
    let object: DynamicObject = serde_json::from_value(manifest.value.clone()).with_context(failed)?;
    let params = PostParams { dry_run, field_manager: Some(FIELD_MANAGER.to_owned()) };
    match api.create(&params, &object).await {
        Ok(_) => Ok(Outcome::Created),
        // Its type or namespace would be made first.
        Err(kube::Error::Api(status)) if dry_run && status.code == 404 => Ok(Outcome::Created),
        // Somebody was faster.
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Outcome::Unchanged),
        Err(error) => Err(error).with_context(failed),
    }
}

/// Deletes an object; answers whether it was there.
///
/// # Errors
/// The API server refused it or did not answer.
pub async fn delete<K>(api: &Api<K>, name: &str, dry_run: bool) -> kube::Result<bool>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let params = DeleteParams { dry_run, ..DeleteParams::background() };
    match api.delete(name, &params).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}

/// Applies definitions, several at once, and waits until each is established. What they do with conversion webhooks
/// stays as the control plane has filled it in. Each outcome is told as it comes.
///
/// # Errors
/// The API server refused one, did not answer, or does not establish one, with what it says about that.
pub async fn apply_definitions(
    client: &Client,
    definitions: &[Manifest],
    dry_run: bool,
    mut tell: impl FnMut(&Manifest, Outcome) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let mut outcomes = futures::stream::iter(definitions)
        .map(|definition| async move {
            let outcome = apply_definition(client, definition, dry_run).await?;
            anyhow::Ok((definition, outcome))
        })
        .buffered(AT_ONCE);
    while let Some((definition, outcome)) = outcomes.try_next().await? {
        tell(definition, outcome)?;
    }
    Ok(())
}

async fn apply_definition(client: &Client, definition: &Manifest, dry_run: bool) -> anyhow::Result<Outcome> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let before =
        read(&api, &definition.name).await.with_context(|| format!("cannot read {}", definition.title()))?;
    let before = before.map(serde_json::to_value).transpose()?;
    let mut definition = definition.clone();
    keep_webhook(before.as_ref(), &mut definition.value);
    let outcome = apply(client, &definition, dry_run).await?;
    if !dry_run {
        await_object(api, &definition.name, conditions::is_crd_established(), ESTABLISHED_WITHIN)
            .await
            .with_context(|| {
                format!("{} is not established; look at its status.conditions", definition.title())
            })?;
    }
    Ok(outcome)
}

/// Where a definition that is there converts by a webhook, and the new one as well, the address and authority that are
/// there stay: the control plane keeps them, and taking them away would break the form by topology until it notices.
fn keep_webhook(before: Option<&Value>, wanted: &mut Value) {
    let by_webhook = |definition: &Value| {
        definition.pointer("/spec/conversion/strategy").and_then(Value::as_str) == Some("Webhook")
    };
    if let Some(before) = before
        && by_webhook(before)
        && by_webhook(wanted)
    {
        wanted["spec"]["conversion"] = before["spec"]["conversion"].clone();
    }
}

/// Waits, by watch, until an object is as the condition wants it.
///
/// # Errors
/// It cannot be watched, or is not so in time.
pub async fn await_object<K>(
    api: Api<K>,
    name: &str,
    condition: impl Condition<K>,
    within: Duration,
) -> anyhow::Result<()>
where
    K: Clone + std::fmt::Debug + Send + DeserializeOwned + Resource + 'static,
{
    tokio::time::timeout(within, await_condition(api, name, condition))
        .await
        .map_err(|_| anyhow!("not so within {} s", within.as_secs()))?
        .map(drop)
        .context("cannot watch it")
}

/// An object without what every write changes.
fn content(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["managedFields", "resourceVersion", "generation"] {
            metadata.remove(field);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_webhook_that_is_filled_in_stays() {
        let filled = json!({"spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"url": "https://real/"}}}}});
        let pending = json!({"spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"url": "https://127.0.0.1:9/"}}}}});
        let none = json!({"spec": {"conversion": {"strategy": "None"}}});
        let after = |before: Option<&Value>, wanted: &Value| {
            let mut wanted = wanted.clone();
            keep_webhook(before, &mut wanted);
            wanted
        };
        assert_eq!(after(Some(&filled), &pending), filled);
        assert_eq!(after(None, &pending), pending);
        assert_eq!(after(Some(&filled), &none), none);
        assert_eq!(after(Some(&none), &pending), pending);
    }
}
