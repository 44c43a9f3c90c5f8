//! `fedd join`: registers a member cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use federation_model::{Cell, CellSpec, KubeFedCluster, KubeFedClusterSpec, LocalSecretReference, Settings, TOKEN_KEY, is_dns_subdomain, parse_duration};
use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{Api, PostParams};
use kube::Client;
use serde_json::json;

use crate::access::{self, Access};
use crate::apply::{apply, await_object};
use crate::args::{HostArgs, ObjectFormat, label};
use crate::manifest::{Manifest, namespace_object};
use crate::output::{note, print_objects};
use crate::settings;

/// Register a member cluster: a service account on the member, its token and a KubeFedCluster on the federation's API server.
///
/// Joining again renews the token and what is said here; labels and cells that are not named stay.
///
/// The token is a bound one (TokenRequest) that expires after --token-duration, or earlier if the member's API server
/// caps it; join again before. With --token-secret it is one that never expires, as KubeFed has it, which needs the
/// member's kube-controller-manager to be running.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  fedd join m1 --cluster-context m1-admin --tenant bank --workspace-group prod\n  fedd join m1 --cluster-kubeconfig m1.yaml --cell bank-prod/rz00a --cell bank-prod/rz00b")]
pub struct JoinArgs {
    /// Name of the cluster in the federation
    pub name: String,
    /// The federation's API server.
    #[command(flatten)]
    pub host: HostArgs,
    /// The member.
    #[command(flatten)]
    pub member: MemberArgs,
    /// Label of the KubeFedCluster; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
    /// Tenant that the cluster belongs to; with --workspace-group
    #[arg(long, requires = "workspace_group")]
    pub tenant: Option<String>,
    /// Workspace group that the cluster belongs to; with --tenant
    #[arg(long, requires = "tenant")]
    pub workspace_group: Option<String>,
    /// Cell on this cluster; may be given several times. Its namespace must exist
    #[arg(long = "cell", value_name = "NAMESPACE/CELL", value_parser = namespace_name)]
    pub cells: Vec<(String, String)>,
    /// Name of the Secret on the federation's API server [default: the cluster's]
    #[arg(long)]
    pub secret_name: Option<String>,
    /// How long the token is to be valid
    #[arg(long, default_value = "8760h", value_parser = parse_duration)]
    pub token_duration: Duration,
    /// Use a token that never expires
    #[arg(long, conflicts_with = "token_duration")]
    pub token_secret: bool,
    /// How long to wait for the member
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// Print what would be applied on the federation's API server, without the token, and change nothing anywhere
    #[arg(long)]
    pub dry_run: bool,
    /// How a dry run prints
    #[arg(short, long, value_enum, default_value = "yaml")]
    pub output: ObjectFormat,
}

/// Which member.
#[derive(Args, Clone, Debug, Default)]
pub struct MemberArgs {
    /// Context of the member [default: the cluster's name with the federation's kubeconfig, else the current one]
    #[arg(long, value_name = "CONTEXT")]
    pub cluster_context: Option<String>,
    /// Kubeconfig of the member [default: the federation's]
    #[arg(long, value_name = "FILE")]
    pub cluster_kubeconfig: Option<PathBuf>,
    /// Name of the federation in the service account's name, <cluster>-<host name>
    #[arg(long, default_value = "fedd", value_name = "NAME")]
    pub host_cluster_name: String,
}

impl MemberArgs {
    pub(super) fn service_account(&self, name: &str) -> String {
        format!("{name}-{}", self.host_cluster_name)
    }

    /// Connects as the kubeconfig's user.
    pub(super) async fn access(&self, name: &str, host: &HostArgs) -> anyhow::Result<Access> {
        let file = self.cluster_kubeconfig.as_ref().or(host.kubeconfig.as_ref());
        let own_context = self.cluster_kubeconfig.is_none().then(|| name.to_owned());
        let context = self.cluster_context.clone().or(own_context);
        access::connect(file.map(PathBuf::as_path), context.as_deref()).await.with_context(|| {
            format!("member {name} (name its context by --cluster-context, or its kubeconfig by --cluster-kubeconfig)")
        })
    }
}

/// Reads `namespace/name`.
fn namespace_name(text: &str) -> Result<(String, String), String> {
    let (namespace, name) = text.split_once('/').ok_or_else(|| format!("{text:?} is no NAMESPACE/CELL"))?;
    Ok((namespace.to_owned(), name.to_owned()))
}

/// Joins a member.
pub async fn run(args: JoinArgs) -> anyhow::Result<()> {
    if !is_dns_subdomain(&args.name) {
        bail!("{:?} is no name for a cluster: lower-case letters, digits, - and . only", args.name);
    }
    let host = access::host(&args.host).await?.client;
    let member = args.member.access(&args.name, &args.host).await?;
    let secret_name = args.secret_name.clone().unwrap_or_else(|| args.name.clone());
    let labels = labels(&args, &host).await?;
    let cluster = cluster(&args, &member, &secret_name, labels);
    let cells: Vec<Cell> = args.cells.iter().map(|(namespace, name)| cell(&args.name, namespace, name)).collect();
    if args.dry_run {
        let mut objects = vec![Manifest::of(&cluster)?];
        for cell in &cells {
            objects.push(Manifest::of(cell)?);
        }
        return print_objects(&objects, args.output);
    }
    let token = tokio::time::timeout(args.timeout, credentials(&args, &member.client))
        .await
        .map_err(|_| anyhow!("the member has not answered within {:?}; --timeout waits longer", args.timeout))??;
    let namespace = &args.host.federation_namespace;
    let mut secret = Secret { data: Some(BTreeMap::from([(TOKEN_KEY.to_owned(), ByteString(token.into_bytes()))])), ..Secret::default() };
    secret.metadata.name = Some(secret_name);
    secret.metadata.namespace = Some(namespace.clone());
    put(&host, "", &Manifest::of(&secret)?).await?;
    put(&host, "", &Manifest::of(&cluster)?).await?;
    for cell in &cells {
        put(&host, "", &Manifest::of(cell)?).await?;
    }
    note(&format!("cluster {} joined", args.name));
    Ok(())
}

/// The labels that are asked for; the scope's under the keys that the KubeFedConfig says.
async fn labels(args: &JoinArgs, host: &Client) -> anyhow::Result<BTreeMap<String, String>> {
    let mut labels: BTreeMap<_, _> = args.labels.iter().cloned().collect();
    if let (Some(tenant), Some(group)) = (&args.tenant, &args.workspace_group) {
        let settings: Settings = settings::read(host, &args.host.federation_namespace).await?;
        labels.insert(settings.tenant_label, tenant.clone());
        labels.insert(settings.workspace_group_label, group.clone());
    }
    Ok(labels)
}

fn cluster(args: &JoinArgs, member: &Access, secret: &str, labels: BTreeMap<String, String>) -> KubeFedCluster {
    let mut cluster = KubeFedCluster::new(
        &args.name,
        KubeFedClusterSpec {
            api_endpoint: member.server.trim_end_matches('/').to_owned(),
            ca_bundle: member.ca_bundle.clone().map(|pem| ByteString(pem.into_bytes())),
            secret_ref: LocalSecretReference { name: secret.to_owned() },
            disabled_tls_validations: if member.insecure { vec!["*".to_owned()] } else { Vec::new() },
            proxy_url: member.proxy.clone(),
        },
    );
    cluster.metadata.namespace = Some(args.host.federation_namespace.clone());
    cluster.metadata.labels = (!labels.is_empty()).then_some(labels);
    cluster
}

fn cell(cluster: &str, namespace: &str, name: &str) -> Cell {
    let mut cell = Cell::new(name, CellSpec { cluster_name: cluster.to_owned(), ..CellSpec::default() });
    cell.metadata.namespace = Some(namespace.to_owned());
    cell
}

/// Applies an object and says so.
async fn put(client: &Client, on: &str, manifest: &Manifest) -> anyhow::Result<()> {
    let outcome = apply(client, manifest, false).await?;
    note(&format!("{on}{} {}", manifest.title(), outcome.word()));
    Ok(())
}

/// Name of the role, and of its binding, that the federation has on a member (KubeFed's).
pub(super) fn role(account: &str) -> String {
    format!("kubefed-controller-manager:{account}")
}

/// What the federation is on the member: a service account and what it may do. Everything, as in KubeFed.
fn member_objects(account: &str, namespace: &str) -> anyhow::Result<Vec<Manifest>> {
    let role = role(account);
    let account: ServiceAccount = serde_json::from_value(json!({
        "metadata": {"name": account, "namespace": namespace}, "automountServiceAccountToken": false}))?;
    let cluster_role: ClusterRole = serde_json::from_value(json!({"metadata": {"name": role}, "rules": [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["get"]}]}))?;
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account.metadata.name, "namespace": namespace}]}))?;
    Ok(vec![
        Manifest::of(&namespace_object(namespace))?,
        Manifest::of(&account)?,
        Manifest::of(&cluster_role)?,
        Manifest::of(&binding)?,
    ])
}

async fn credentials(args: &JoinArgs, member: &Client) -> anyhow::Result<String> {
    let namespace = &args.host.federation_namespace;
    let account = args.member.service_account(&args.name);
    for manifest in member_objects(&account, namespace)? {
        put(member, &format!("{}: ", args.name), &manifest).await.context("on the member")?;
    }
    if args.token_secret {
        return eternal_token(member, namespace, &account, args.timeout).await;
    }
    let api: Api<ServiceAccount> = Api::namespaced(member.clone(), namespace);
    let request: TokenRequest = serde_json::from_value(json!({
        "metadata": {}, "spec": {"audiences": [], "expirationSeconds": args.token_duration.as_secs()}}))?;
    let answer = api.create_token_request(&account, &PostParams::default(), &request).await.context("the member gave no token")?;
    // Read as JSON: what is optional in the type differs between Kubernetes versions.
    let answer = serde_json::to_value(answer)?;
    let token = answer["status"]["token"].as_str().ok_or_else(|| anyhow!("the member gave no token"))?;
    note(&format!("{}: the token is valid until {}", args.name, answer["status"]["expirationTimestamp"].as_str().unwrap_or("it is revoked")));
    Ok(token.to_owned())
}

/// A token that never expires: kube-controller-manager fills it into a Secret of a type of its own.
async fn eternal_token(member: &Client, namespace: &str, account: &str, within: Duration) -> anyhow::Result<String> {
    let secret: Secret = serde_json::from_value(json!({
        "type": "kubernetes.io/service-account-token",
        "metadata": {"name": account, "namespace": namespace, "annotations": {"kubernetes.io/service-account.name": account}},
    }))?;
    apply(member, &Manifest::of(&secret)?, false).await.context("on the member")?;
    let api: Api<Secret> = Api::namespaced(member.clone(), namespace);
    let token_of = |secret: &Secret| secret.data.as_ref().and_then(|d| d.get(TOKEN_KEY)).map(|t| t.0.clone());
    await_object(api.clone(), account, |s: Option<&Secret>| s.is_some_and(|s| token_of(s).is_some()), within)
        .await
        .context("the member's kube-controller-manager has not filled the token in; is it running?")?;
    let filled = api.get(account).await?;
    String::from_utf8(token_of(&filled).unwrap_or_default()).context("the member's token is no text")
}
