//! `fedd disable`: stops federating a type.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use federation_model::{ControllerState, FederatedTypeConfig, parse_duration};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::runtime::wait::await_condition;
use serde_json::json;

use crate::connection::HostArgs;
use crate::output::step;

/// Stop federating a type of resource. What the members hold stays there.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  fedd disable deployments.apps\n  fedd disable widgets.example.com --delete-crd")]
pub struct DisableArgs {
    /// The type: name of its FederatedTypeConfig, plural or plural.group
    pub resource: String,
    /// The federation's API server.
    #[command(flatten)]
    pub host: HostArgs,
    /// Delete the federated definition as well; refused while objects of it exist
    #[arg(long)]
    pub delete_crd: bool,
    /// How long to wait for the controller to stop
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Disables a type.
pub async fn run(args: DisableArgs) -> anyhow::Result<()> {
    let client = args.host.client().await?;
    let api: Api<FederatedTypeConfig> = Api::namespaced(client.clone(), &args.host.federation_namespace);
    let all = api.list(&ListParams::default()).await.context("cannot read FederatedTypeConfigs; is fedd installed here?")?;
    let matching: Vec<_> = all
        .items
        .iter()
        .filter(|c| {
            let name = c.metadata.name.as_deref().unwrap_or_default();
            name == args.resource || name.split('.').next() == Some(args.resource.as_str())
        })
        .collect();
    let config = match matching[..] {
        [one] => one.clone().with_defaults(),
        [] => bail!("{} is not federated here; `kubectl get ftc -n {}` lists what is", args.resource, args.host.federation_namespace),
        _ => bail!("{} is ambiguous: write plural.group", args.resource),
    };
    let name = config.metadata.name.clone().unwrap_or_default();
    let federated = config.spec.federated_type.api_resource();
    let crd_name = format!("{}.{}", federated.plural, federated.group);
    if args.delete_crd {
        let instances: Api<DynamicObject> = Api::all_with(client.clone(), &federated);
        let some = instances.list(&ListParams::default().limit(1)).await;
        if let Ok(list) = some
            && let Some(one) = list.items.first()
        {
            bail!(
                "objects of {crd_name} exist, such as {}; delete them first (with annotation kubefed.io/orphan: \"true\" the members keep theirs), or leave out --delete-crd",
                federation_model::ObjectKey::of(&one.metadata)
            );
        }
    }
    if args.dry_run {
        step(format!("federatedtypeconfig.core.kubefed.io/{name} would be deleted (dry run)"));
        return Ok(());
    }
    let patch = json!({"spec": {"propagation": "Disabled"}});
    api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    let stopped = |config: Option<&FederatedTypeConfig>| {
        config.is_none_or(|c| {
            c.status.as_ref().is_none_or(|s| {
                s.propagation_controller == ControllerState::NotRunning && Some(s.observed_generation) == c.metadata.generation
            })
        })
    };
    tokio::time::timeout(args.timeout, await_condition(api.clone(), &name, stopped))
        .await
        .map_err(|_| anyhow!("the controller of {name} has not stopped within {:?}; is fedd running? --timeout waits longer", args.timeout))??;
    step(format!("federatedtypeconfig.core.kubefed.io/{name} disabled"));
    if args.delete_crd {
        let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
        match crds.delete(&crd_name, &DeleteParams::default()).await {
            Ok(_) => step(format!("customresourcedefinition.apiextensions.k8s.io/{crd_name} deleted")),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(error).with_context(|| format!("cannot delete definition {crd_name}")),
        }
    }
    api.delete(&name, &DeleteParams::default()).await?;
    step(format!("federatedtypeconfig.core.kubefed.io/{name} deleted"));
    Ok(())
}
