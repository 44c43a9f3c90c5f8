//! `fedd disable`.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use federation_model::{ControllerState, FederatedTypeConfig, ObjectKey, parse_duration};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use serde_json::json;

use crate::apply::{await_object, delete};
use crate::args::{HostArgs, ReportArgs};
use crate::member_roles::{self, MemberRolesArgs};
use crate::output::{HOST, Report, note, warning};
use crate::{access, settings};

/// What `--help` says first.
pub const ABOUT: &str = "Stop federating a resource type: stops its propagation, waits until that has happened, and deletes its \
    FederatedTypeConfig.\n\n\
    What the members hold stays there, unmanaged. Federated objects stay too; delete them first if the members' are to \
    go with them.\n\n\
    The rights that the type took on members go too, where the kubeconfig has contexts called like the members; for the \
    others, it is printed how to do it.";

/// Flags of `fedd disable`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd disable widgets.example.com --delete-crd\n  \
        fedd disable deployments.apps --timeout 1m")]
pub struct DisableArgs {
    /// The type: its FederatedTypeConfig's name, or plural, kind or federated kind
    pub resource: String,
    /// Delete the federated kind's definition too; refused while objects of it exist
    #[arg(long)]
    pub delete_crd: bool,
    /// How long to wait until its propagation has stopped; 0 does not wait
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// How to tell.
    #[command(flatten)]
    pub report: ReportArgs,
    /// The members.
    #[command(flatten)]
    pub members: MemberRolesArgs,
    /// Where.
    #[command(flatten)]
    pub host: HostArgs,
}

/// Disables a type.
///
/// # Errors
/// The type is not federated, its objects are in the way, its propagation does not stop in time, or the API server
/// refused something or did not answer.
pub async fn run(args: DisableArgs) -> anyhow::Result<()> {
    let host = access::host(&args.host).await?;
    let configs: Api<FederatedTypeConfig> =
        Api::namespaced(host.client.clone(), &args.host.federation_namespace);
    let all = configs.list(&ListParams::default()).await.context("cannot read type configs")?.items;
    let all: Vec<_> = all.into_iter().map(FederatedTypeConfig::with_defaults).collect();
    let config = find(&all, &args.resource)?;
    let name = config.name_any();
    let federated = &config.spec.federated_type;
    let definition = format!("{}.{}", federated.plural_name, federated.group);
    if args.delete_crd
        && let Some(other) = all.iter().find(|c| c.name_any() != name && c.spec.federated_type == *federated)
    {
        bail!(
            "--delete-crd: FederatedTypeConfig {} uses {definition} too; disable it first",
            other.name_any()
        );
    }
    let resource = federated.api_resource();
    let instances: Api<PartialObjectMeta<DynamicObject>> = Api::all_with(host.client.clone(), &resource);
    let left = instances_left(&instances).await.with_context(|| format!("cannot list {definition}"))?;
    if let Some(one) = left.first() {
        if args.delete_crd {
            bail!(
                "--delete-crd: objects of {definition} exist, such as {one}; delete them first, or leave --delete-crd out"
            );
        }
        warning(&format!(
            "objects of {definition} exist, such as {one}: they stay, nothing looks after them any more, and their finalizer \
             holds them up when they are deleted; `fedd enable {}` takes them on again",
            args.resource
        ));
    }
    let mut report = Report::new(args.report);
    if !args.report.dry_run {
        stop(&configs, config, args.timeout).await?;
    }
    report.done(HOST, format!("federatedtypeconfig.core.kubefed.io/{name}"), "disabled")?;
    // Between the first look and the stop, objects may have come.
    if args.delete_crd
        && let Some(one) = instances_left(&instances).await?.first()
    {
        bail!(
            "--delete-crd: an object of {definition} has come meanwhile: {one}; {name} is disabled, and not deleted"
        );
    }
    if delete(&configs, &name, args.report.dry_run)
        .await
        .with_context(|| format!("cannot delete type config {name}"))?
    {
        report.done(HOST, format!("federatedtypeconfig.core.kubefed.io/{name}"), "deleted")?;
    }
    if args.delete_crd {
        let definitions: Api<CustomResourceDefinition> = Api::all(host.client.clone());
        if delete(&definitions, &definition, args.report.dry_run)
            .await
            .with_context(|| format!("cannot delete definition {definition}"))?
        {
            report.done(
                HOST,
                format!("customresourcedefinition.apiextensions.k8s.io/{definition}"),
                "deleted",
            )?;
        }
    }
    let settings = settings::read(&host.client, &args.host.federation_namespace).await?;
    let left: Vec<_> = all.iter().filter(|c| c.name_any() != name).cloned().collect();
    member_roles::follow(&host.client, &args.host, &args.members, &settings, &left, &mut report).await?;
    report.finish()
}

/// The type config that a name means.
fn find<'a>(all: &'a [FederatedTypeConfig], name: &str) -> anyhow::Result<&'a FederatedTypeConfig> {
    if let Some(exact) = all.iter().find(|c| c.name_any() == name) {
        return Ok(exact);
    }
    let is_called = |config: &&FederatedTypeConfig| {
        let (target, federated) = (&config.spec.target_type, &config.spec.federated_type);
        [&target.plural_name, &target.kind, &federated.kind, &federated.plural_name]
            .into_iter()
            .any(|other| other.eq_ignore_ascii_case(name))
    };
    let called: Vec<_> = all.iter().filter(is_called).collect();
    let names = |configs: &[&FederatedTypeConfig]| {
        configs.iter().map(|c| c.name_any()).collect::<Vec<_>>().join(", ")
    };
    match called[..] {
        [one] => Ok(one),
        [] if all.is_empty() => bail!("nothing is federated here; is --federation-namespace right?"),
        [] => bail!("{name:?} is not federated; these are: {}", names(&all.iter().collect::<Vec<_>>())),
        _ => bail!("{name:?} is ambiguous; write one of: {}", names(&called)),
    }
}

/// At most one federated object of the type; none when the kind is not served at all.
async fn instances_left(api: &Api<PartialObjectMeta<DynamicObject>>) -> kube::Result<Vec<ObjectKey>> {
    match api.list_metadata_of_one().await {
        Ok(keys) => Ok(keys),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Lists the least that tells whether there is anything.
trait ListOne {
    async fn list_metadata_of_one(&self) -> kube::Result<Vec<ObjectKey>>;
}

impl ListOne for Api<PartialObjectMeta<DynamicObject>> {
    async fn list_metadata_of_one(&self) -> kube::Result<Vec<ObjectKey>> {
        let list = self.list(&ListParams::default().limit(1)).await?;
        Ok(list.items.iter().map(|o| ObjectKey::of(&o.metadata)).collect())
    }
}

/// Says that nothing is to be propagated, and waits until nothing is. A config that no controller has seen has nothing
/// to stop.
async fn stop(
    configs: &Api<FederatedTypeConfig>,
    config: &FederatedTypeConfig,
    within: Duration,
) -> anyhow::Result<()> {
    let name = config.name_any();
    let patch = json!({"spec": {"propagation": "Disabled"}});
    configs
        .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .with_context(|| format!("cannot disable type config {name}"))?;
    if config.status.is_none() || within.is_zero() {
        return Ok(());
    }
    note(&format!("waits until the propagation of {name} has stopped"));
    await_object(configs.clone(), &name, has_stopped, within).await.with_context(|| {
        format!(
            "the propagation of {name} has not stopped (it is disabled, and nothing is deleted); see that fedd runs, or go \
             on without waiting by --timeout 0"
        )
    })
}

/// Whether a type's controller has seen the config as it is, and does not run.
fn has_stopped(config: Option<&FederatedTypeConfig>) -> bool {
    config.is_none_or(|config| {
        config.status.as_ref().is_none_or(|status| {
            status.propagation_controller == ControllerState::NotRunning
                && Some(status.observed_generation) == config.metadata.generation
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_model::{FederatedTypeConfigStatus, default_types, type_config};

    fn all() -> Vec<FederatedTypeConfig> {
        default_types().iter().map(|t| type_config(&t.target, "fed")).collect()
    }

    #[test]
    fn a_type_is_found_by_its_names() {
        for name in
            ["deployments.apps", "deployments", "Deployment", "FederatedDeployment", "federateddeployments"]
        {
            assert_eq!(find(&all(), name).unwrap().name_any(), "deployments.apps", "{name}");
        }
        let error = find(&all(), "widgets").unwrap_err().to_string();
        assert!(error.contains("widgets") && error.contains("deployments.apps"), "{error}");
    }

    #[test]
    fn stopped_means_that_this_generation_was_seen() {
        let mut config = all().remove(0);
        assert!(has_stopped(Some(&config)));
        config.metadata.generation = Some(2);
        let status = |generation, state| {
            Some(FederatedTypeConfigStatus {
                observed_generation: generation,
                propagation_controller: state,
                ..FederatedTypeConfigStatus::default()
            })
        };
        for (status, stopped) in [
            (status(1, ControllerState::NotRunning), false),
            (status(2, ControllerState::Running), false),
            (status(2, ControllerState::NotRunning), true),
        ] {
            config.status = status;
            assert_eq!(has_stopped(Some(&config)), stopped);
        }
        assert!(has_stopped(None));
    }
}
