//! `fedd enable`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use federation_model::{
    CORE_GROUP, FEDD_GROUP, FederatedKind, FederatedTypeConfig, TYPES_GROUP, federated_crd, type_config,
};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};

use crate::apply::{apply_definitions, create_if_absent};
use crate::args::{HostArgs, ObjectFormat, ReportArgs, ReportFormat};
use crate::failure::Usage;
use crate::manifest::Manifest;
use crate::member_roles::{self, MemberRolesArgs};
use crate::output::{HOST, Report, print_objects, warning};
use crate::served::{self, ServedType};
use crate::{access, replicas, settings};

/// What `--help` says first.
pub const ABOUT: &str = "Federate a resource type, custom resources too: makes the federated kind's definition (by cluster and by \
    topology) and its FederatedTypeConfig.\n\n\
    The type is looked up where it is served: on the federation's API server, or on a member's by --cluster-context.\n\n\
    Members that joined with the rights that the federated types take are given those of this type, by the contexts of the \
    kubeconfig that are called like them; for the others, it is printed how to do it.";

/// Flags of `fedd enable`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd enable widgets.example.com\n  \
        fedd enable certificates.cert-manager.io --cluster-context rz00\n  \
        fedd enable deploy -o yaml")]
pub struct EnableArgs {
    /// The type: plural, singular, kind, short name, or plural.group
    pub resource: String,
    /// Version of the type that members are written in [default: the one that the API server prefers]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// Look the type up on the API server of this context: a member's, for types that the federation's does not serve
    #[arg(long, value_name = "NAME")]
    pub cluster_context: Option<String>,
    /// Kubeconfig of that context [default: the federation's]
    #[arg(long, value_name = "FILE")]
    pub cluster_kubeconfig: Option<PathBuf>,
    /// Annotation keys that are pushed from templates: globs; `!` takes away, later ones win
    #[arg(long, value_name = "GLOB,…", value_delimiter = ',')]
    pub propagating_annotations: Vec<String>,
    /// Print the objects as yaml or json instead of applying them; or how to print what was done
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    pub output: ReportFormat,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The members.
    #[command(flatten)]
    pub members: MemberRolesArgs,
    /// Where.
    #[command(flatten)]
    pub host: HostArgs,
}

/// Enables a type.
///
/// # Errors
/// The name means no type, or several; the type is federated differently already; or an API server refused something
/// or did not answer.
pub async fn run(args: EnableArgs) -> anyhow::Result<()> {
    if let Err(error) = annotation_policy::AnnotationPolicy::compile(&args.propagating_annotations) {
        return Err(Usage(format!("--propagating-annotations: {error}")).into());
    }
    let host = access::host(&args.host).await?;
    let shower = if args.cluster_context.is_none() && args.cluster_kubeconfig.is_none() {
        host.clone()
    } else {
        let file = args.cluster_kubeconfig.as_deref().or(args.host.kubeconfig.as_deref());
        access::connect(file, args.cluster_context.as_deref()).await.context("--cluster-context")?
    };
    let found = served::look_up(&shower.client, &args.resource, args.version.as_deref()).await?;
    refuse_own(&found)?;
    let with_replicas = match replicas::ask(&shower.client, &found.reference).await {
        Ok(with_replicas) => with_replicas,
        Err(error) => {
            warning(&format!(
                "whether {} has spec.replicas cannot be told, so retainReplicas is left out: {error}",
                found.full_name()
            ));
            false
        }
    };
    let namespace = &args.host.federation_namespace;
    let mut config = type_config(&found.reference, namespace);
    if !args.propagating_annotations.is_empty() {
        config.spec.propagating_annotations = Some(args.propagating_annotations.clone());
    }
    let kind = FederatedKind { target_short_names: found.short_names.clone(), with_replicas };
    let settings = settings::read(&host.client, namespace).await?;
    let definition = Manifest::of(&federated_crd(&config, &kind, &settings::conversion(&settings)))?;
    let manifest = Manifest::of(&config)?;
    let print = match args.output {
        ReportFormat::Yaml => Some(ObjectFormat::Yaml),
        ReportFormat::Json => Some(ObjectFormat::Json),
        ReportFormat::Text | ReportFormat::Table => None,
    };
    if let Some(format) = print {
        return print_objects(&[definition, manifest], format);
    }
    let configs: Api<FederatedTypeConfig> = Api::namespaced(host.client.clone(), namespace);
    let existing = configs
        .list(&ListParams::default())
        .await
        .context("cannot read type configs; `fedd install` makes this API server a federation")?;
    refuse_other_use(&config, &existing.items)?;
    let mut report = Report::new(ReportArgs { output: args.output, dry_run: args.dry_run });
    // The members first, so that nothing is refused once the type is propagated.
    let mut after: Vec<_> =
        existing.items.iter().filter(|c| c.name_any() != config.name_any()).cloned().collect();
    after.push(config.clone());
    member_roles::follow(&host.client, &args.host, &args.members, &settings, &after, &mut report).await?;
    apply_definitions(&host.client, &[definition], args.dry_run, |definition, outcome| {
        report.done(HOST, definition.title(), outcome.word())
    })
    .await?;
    let there = existing.items.iter().any(|c| c.name_any() == config.name_any());
    let outcome = if there {
        update(&host.client, &manifest, &existing.items, args.dry_run).await?
    } else {
        create_if_absent(&host.client, &manifest, args.dry_run).await?
    };
    report.done(HOST, manifest.title(), outcome.word())?;
    report.finish()
}

/// Enables a type config that is there: what people said in it about annotations and status stays, unless it is said
/// anew.
async fn update(
    client: &kube::Client,
    manifest: &Manifest,
    existing: &[FederatedTypeConfig],
    dry_run: bool,
) -> anyhow::Result<crate::apply::Outcome> {
    let mut merged = manifest.clone();
    if let Some(current) = existing.iter().find(|c| c.name_any() == manifest.name) {
        let mut spec = serde_json::to_value(&current.spec)?;
        if let (Some(spec), Some(wanted)) = (spec.as_object_mut(), manifest.value["spec"].as_object()) {
            spec.extend(wanted.clone());
        }
        merged.value["spec"] = spec;
    }
    crate::apply::apply(client, &merged, dry_run).await
}

/// The federation's own kinds are not federated.
fn refuse_own(found: &ServedType) -> anyhow::Result<()> {
    let group = found.reference.group.as_str();
    if matches!(group, CORE_GROUP | FEDD_GROUP | TYPES_GROUP | "scheduling.kubefed.io") {
        bail!(
            "{} is one of the federation's own kinds; enable the type that it federates",
            found.full_name()
        );
    }
    Ok(())
}

/// A target is federated as one kind, and a federated kind stands for one target: anything else is somebody's decision.
fn refuse_other_use(config: &FederatedTypeConfig, existing: &[FederatedTypeConfig]) -> anyhow::Result<()> {
    let federated = &config.spec.federated_type;
    for other in existing {
        let other = other.clone().with_defaults();
        let same_target = other.name_any() == config.name_any();
        let same_kind = other.spec.federated_type.plural_name == federated.plural_name
            && other.spec.federated_type.group == federated.group;
        if same_target && !same_kind {
            bail!(
                "FederatedTypeConfig {} is there and federates it as {}; disable it first (`fedd disable {}`), or edit it",
                other.name_any(),
                other.spec.federated_type.kind,
                other.name_any()
            );
        }
        if same_kind && !same_target {
            bail!(
                "{} stands for {} already (FederatedTypeConfig {}), so it cannot stand for {} too",
                federated.kind,
                other.spec.target_type.api_version() + " " + &other.spec.target_type.kind,
                other.name_any(),
                config.name_any()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_model::{ApiResourceReference, Scope};

    fn config(group: &str, kind: &str, plural: &str) -> FederatedTypeConfig {
        let target = ApiResourceReference {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: kind.to_owned(),
            plural_name: plural.to_owned(),
            scope: Scope::Namespaced,
        };
        type_config(&target, "fed")
    }

    #[test]
    fn a_federated_kind_stands_for_one_target() {
        let knative = config("serving.knative.dev", "Service", "services");
        let core = config("", "Service", "services");
        assert!(refuse_other_use(&core, std::slice::from_ref(&core)).is_ok());
        let error = refuse_other_use(&knative, &[core]).unwrap_err().to_string();
        assert!(
            error.contains("FederatedService") && error.contains("FederatedTypeConfig services"),
            "{error}"
        );
    }

    #[test]
    fn a_target_is_federated_as_one_kind() {
        let mut other = config("apps", "Deployment", "deployments");
        other.spec.federated_type.kind = "MyDeployment".to_owned();
        other.spec.federated_type.plural_name = "mydeployments".to_owned();
        let error =
            refuse_other_use(&config("apps", "Deployment", "deployments"), &[other]).unwrap_err().to_string();
        assert!(error.contains("MyDeployment") && error.contains("fedd disable deployments.apps"), "{error}");
    }
}
