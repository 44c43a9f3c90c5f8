//! Applies objects, and waits for definitions to be established.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::{await_condition, conditions};
use serde_json::Value;

use crate::output::step;

/// Field manager of what the commands write.
pub const FIELD_MANAGER: &str = "fedd";

/// How long a definition may take to be established.
const ESTABLISH: Duration = Duration::from_secs(60);

/// Applies a definition by server-side apply, and waits until its kind is served.
pub async fn apply_crd(client: &Client, crd: &CustomResourceDefinition, dry_run: bool) -> anyhow::Result<()> {
    let name = crd.metadata.name.clone().unwrap_or_default();
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    api.patch(&name, &params(dry_run), &Patch::Apply(crd)).await.with_context(|| format!("cannot apply definition {name}"))?;
    if dry_run {
        step(format!("customresourcedefinition.apiextensions.k8s.io/{name} applied (dry run)"));
        return Ok(());
    }
    tokio::time::timeout(ESTABLISH, await_condition(api, &name, conditions::is_crd_established()))
        .await
        .map_err(|_| anyhow!("definition {name} was not established within {} s; look at its status.conditions", ESTABLISH.as_secs()))?
        .with_context(|| format!("cannot watch definition {name}"))?;
    step(format!("customresourcedefinition.apiextensions.k8s.io/{name} applied"));
    Ok(())
}

/// Applies any object by server-side apply. `plural` is the plural of its kind.
pub async fn apply_object(client: &Client, object: &Value, plural: &str, dry_run: bool) -> anyhow::Result<()> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    let namespace = text("/metadata/namespace");
    let api: Api<DynamicObject> = if namespace.is_empty() {
        Api::all_with(client.clone(), &resource)
    } else {
        Api::namespaced_with(client.clone(), namespace, &resource)
    };
    api.patch(name, &params(dry_run), &Patch::Apply(object)).await.with_context(|| format!("cannot apply {kind} {name}"))?;
    let place = if namespace.is_empty() { String::new() } else { format!(" in namespace {namespace}") };
    let kind = kind.to_lowercase();
    let kind = if group.is_empty() { kind } else { format!("{kind}.{group}") };
    step(format!("{kind}/{name} applied{place}{}", if dry_run { " (dry run)" } else { "" }));
    Ok(())
}

/// Server-side apply as fedd, taking over what others own.
pub fn params(dry_run: bool) -> PatchParams {
    PatchParams { dry_run, ..PatchParams::apply(FIELD_MANAGER).force() }
}
