//! `fedd enable`: federates any type that an API server serves.

use anyhow::{Context as _, bail};
use clap::Args;
use federation_model::{
    ApiResourceReference, ConversionWebhook, FederatedKind, FederatedTypeConfig, Scope, federated_crd, type_config,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResource, APIResourceList};
use kube::{Api, Client};
use serde_json::Value;

use super::apply::{apply_crd, apply_object};
use crate::connection::{self, HostArgs};
use crate::output::{Format, print_objects, value};

/// Federate a type of resource: makes its federated definition, in both forms, and its FederatedTypeConfig.
///
/// RESOURCE is looked up on the API server: a plural, singular, kind or short name, or plural.group.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  fedd enable deployments\n  fedd enable certificates.cert-manager.io --member-context m1\n  fedd enable widgets.example.com -o yaml")]
pub struct EnableArgs {
    /// The resource: plural, singular, kind, short name, or plural.group
    pub resource: String,
    /// The federation's API server.
    #[command(flatten)]
    pub host: HostArgs,
    /// Version of the resource [default: the one that its API server prefers]
    #[arg(long)]
    pub version: Option<String>,
    /// Look the resource up on this context's API server: a member's, for types that the federation's does not serve
    #[arg(long, value_name = "CONTEXT")]
    pub member_context: Option<String>,
    /// Globs over annotation keys that are pushed from the template, such as "service.beta.kubernetes.io/*"
    #[arg(long, value_delimiter = ',', value_name = "GLOB")]
    pub propagating_annotations: Vec<String>,
    /// Serve the form by cluster only
    #[arg(long)]
    pub no_topology_form: bool,
    /// Print what would be applied instead of applying it
    #[arg(short, long, value_enum)]
    pub output: Option<Format>,
    /// Ask the API server whether it would take it, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Enables a type.
pub async fn run(args: EnableArgs) -> anyhow::Result<()> {
    let host = args.host.client().await?;
    let source = match &args.member_context {
        None => host.clone(),
        Some(context) => Client::try_from(connection::config(args.host.kubeconfig.as_ref(), Some(context)).await?)?,
    };
    let found = find(&source, &args.resource, args.version.as_deref()).await?;
    let mut config = type_config(&found.target, &args.host.federation_namespace);
    if !args.propagating_annotations.is_empty() {
        annotation_policy::AnnotationPolicy::compile(&args.propagating_annotations).context("--propagating-annotations")?;
        config.spec.propagating_annotations = Some(args.propagating_annotations.clone());
    }
    let webhook = if args.no_topology_form { ConversionWebhook::None } else { ConversionWebhook::Pending };
    let crd = federated_crd(&config, &found.kind, &webhook);
    if let Some(format) = args.output {
        return print_objects(&[value(&crd)?, value(&config)?], format);
    }
    refuse_other(&host, &config).await?;
    apply_crd(&host, &crd, args.dry_run).await?;
    apply_object(&host, &value(&config)?, "federatedtypeconfigs", args.dry_run).await
}

/// A type config that federates the target as something else is somebody's decision.
async fn refuse_other(host: &Client, config: &FederatedTypeConfig) -> anyhow::Result<()> {
    let name = config.metadata.name.clone().unwrap_or_default();
    let api: Api<FederatedTypeConfig> = Api::namespaced(host.clone(), config.metadata.namespace.as_deref().unwrap_or_default());
    let there = api.get_opt(&name).await.context("cannot read FederatedTypeConfigs; is fedd installed here? run `fedd install`")?;
    if let Some(there) = there
        && there.clone().with_defaults().spec.federated_type.kind != config.spec.federated_type.kind
    {
        bail!(
            "{name} is federated as {} already; disable it first, or edit its FederatedTypeConfig",
            there.spec.federated_type.kind
        );
    }
    Ok(())
}

/// A resource that an API server serves.
pub struct Found {
    /// The target.
    pub target: ApiResourceReference,
    /// What its federated definition says besides.
    pub kind: FederatedKind,
}

/// Looks a resource up on an API server. The core group wins; otherwise more than one is an error that names them.
pub async fn find(client: &Client, resource: &str, version: Option<&str>) -> anyhow::Result<Found> {
    let mut matches: Vec<(String, String, APIResource)> = Vec::new();
    let core = client.list_core_api_versions().await.context("cannot ask the API server what it serves")?;
    for v in core.versions.iter().filter(|v| version.is_none_or(|w| w == *v)) {
        let list = client.list_core_api_resources(v).await?;
        collect(&list, "", v, resource, &mut matches);
    }
    if matches.is_empty() {
        for group in client.list_api_groups().await?.groups {
            let preferred = group.preferred_version.as_ref().map(|v| v.version.clone()).unwrap_or_default();
            let wanted = version.unwrap_or(&preferred);
            for served in group.versions.iter().filter(|v| v.version == wanted) {
                // A group whose server is down must not hide the others.
                if let Ok(list) = client.list_api_group_resources(&served.group_version).await {
                    collect(&list, &group.name, &served.version, resource, &mut matches);
                }
            }
        }
    }
    let (group, version, found) = match matches.len() {
        0 => bail!("the API server serves no resource {resource:?}; `kubectl api-resources` lists what it does"),
        1 => matches.remove(0),
        _ => {
            let names: Vec<_> = matches.iter().map(|(group, _, r)| format!("{}.{group}", r.name)).collect();
            bail!("{resource:?} is ambiguous: write one of {}", names.join(", "))
        }
    };
    let with_replicas = has_replicas(client, &group, &version, &found.kind).await;
    Ok(Found {
        target: ApiResourceReference {
            group,
            version,
            kind: found.kind,
            plural_name: found.name,
            scope: if found.namespaced { Scope::Namespaced } else { Scope::Cluster },
        },
        kind: FederatedKind { target_short_names: found.short_names.unwrap_or_default(), with_replicas },
    })
}

fn collect(list: &APIResourceList, group: &str, version: &str, wanted: &str, matches: &mut Vec<(String, String, APIResource)>) {
    for resource in list.resources.iter().filter(|r| !r.name.contains('/')) {
        let is = resource.name == wanted
            || resource.singular_name == wanted
            || resource.kind.eq_ignore_ascii_case(wanted)
            || format!("{}.{group}", resource.name) == wanted
            || resource.short_names.iter().flatten().any(|s| s == wanted);
        if is {
            matches.push((group.to_owned(), version.to_owned(), resource.clone()));
        }
    }
}

/// Whether the kind's `spec.replicas` is an int32, told by the API server's OpenAPI v3; false where it does not tell.
async fn has_replicas(client: &Client, group: &str, version: &str, kind: &str) -> bool {
    let path = if group.is_empty() { format!("/openapi/v3/api/{version}") } else { format!("/openapi/v3/apis/{group}/{version}") };
    let Ok(request) = http::Request::get(path).body(Vec::new()) else { return false };
    let Ok(document) = client.request::<Value>(request).await else { return false };
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    let is_kind = |schema: &Value| {
        schema["x-kubernetes-group-version-kind"].as_array().is_some_and(|gvks| {
            gvks.iter().any(|g| g["group"] == group && g["version"] == version && g["kind"] == kind)
        })
    };
    let Some(schema) = schemas.and_then(|s| s.values().find(|s| is_kind(s))) else { return false };
    // Built-in kinds refer to their spec's schema, custom ones hold it.
    let spec = &schema["properties"]["spec"];
    let reference = spec["$ref"].as_str().or_else(|| spec["allOf"][0]["$ref"].as_str());
    let spec = match reference.and_then(|r| r.strip_prefix("#/components/schemas/")) {
        Some(name) => schemas.and_then(|s| s.get(name)).unwrap_or(&Value::Null),
        None => spec,
    };
    let replicas = &spec["properties"]["replicas"];
    replicas["type"] == "integer" && replicas["format"] == "int32"
}
