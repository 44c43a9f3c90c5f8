//! `fedd join`: registers a member cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use federation_model::{Cell, CellSpec, KubeFedCluster, KubeFedClusterSpec, LocalSecretReference, Settings, TOKEN_KEY, is_dns_subdomain, parse_duration};
use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{Api, PostParams};
use kube::config::Kubeconfig;
use kube::runtime::wait::await_condition;
use kube::{Client, Config};
use serde_json::{Value, json};

use super::apply::apply_object;
use crate::connection::{self, HostArgs};
use crate::output::{Format, print_objects, step, value};
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
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = key_value)]
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
    pub output: Format,
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

/// A member, by its kubeconfig.
pub(super) struct Access {
    /// An administrator's client.
    pub(super) client: Client,
    config: Config,
    insecure: bool,
    proxy: Option<String>,
    ca: Option<Vec<u8>>,
}

impl MemberArgs {
    /// The context that names the member.
    fn context(&self, name: &str) -> Option<String> {
        self.cluster_context.clone().or_else(|| self.cluster_kubeconfig.is_none().then(|| name.to_owned()))
    }

    pub(super) fn service_account(&self, name: &str) -> String {
        format!("{name}-{}", self.host_cluster_name)
    }

    /// Connects as the kubeconfig's user.
    pub(super) async fn access(&self, name: &str, host: &HostArgs) -> anyhow::Result<Access> {
        let file = self.cluster_kubeconfig.as_ref().or(host.kubeconfig.as_ref());
        let context = self.context(name);
        let config = connection::config(file, context.as_deref())
            .await
            .with_context(|| format!("member {name}: name its context with --cluster-context or its kubeconfig with --cluster-kubeconfig"))?;
        let kubeconfig = connection::read(file)?;
        let cluster = cluster_of(&kubeconfig, context.as_deref());
        Ok(Access {
            client: Client::try_from(config.clone()).context("cannot make a client of the member")?,
            insecure: cluster.as_ref().and_then(|c| c.insecure_skip_tls_verify).unwrap_or(false),
            proxy: cluster.and_then(|c| c.proxy_url),
            ca: ca_pem(&config),
            config,
        })
    }
}

fn cluster_of(kubeconfig: &Kubeconfig, context: Option<&str>) -> Option<kube::config::Cluster> {
    let context = context.or(kubeconfig.current_context.as_deref())?;
    let cluster = &kubeconfig.contexts.iter().find(|c| c.name == context)?.context.as_ref()?.cluster;
    kubeconfig.clusters.iter().find(|c| c.name == *cluster)?.cluster.clone()
}

/// The CA certificates of a configuration, as PEM.
fn ca_pem(config: &Config) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let certificates = config.root_cert.as_ref()?;
    let mut pem = String::new();
    for der in certificates {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    Some(pem.into_bytes())
}

/// Reads `key=value`.
fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is no KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
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
    let host = args.host.client().await?;
    let member = args.member.access(&args.name, &args.host).await?;
    let secret_name = args.secret_name.clone().unwrap_or_else(|| args.name.clone());
    let labels = labels(&args, &host).await?;
    let cluster = cluster(&args, &member, &secret_name, labels);
    let cells: Vec<Cell> = args.cells.iter().map(|(namespace, name)| cell(&args.name, namespace, name)).collect();
    if args.dry_run {
        let mut objects = vec![value(&cluster)?];
        for cell in &cells {
            objects.push(value(cell)?);
        }
        return print_objects(&objects, args.output);
    }
    let token = tokio::time::timeout(args.timeout, credentials(&args, &member.client))
        .await
        .map_err(|_| anyhow!("the member has not answered within {:?}; --timeout waits longer", args.timeout))??;
    let namespace = &args.host.federation_namespace;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": secret_name, "namespace": namespace},
        "data": {TOKEN_KEY: ByteString(token.into_bytes())},
    });
    apply_object(&host, &secret, "secrets", false).await?;
    apply_object(&host, &value(&cluster)?, "kubefedclusters", false).await?;
    for cell in &cells {
        apply_object(&host, &value(cell)?, "cells", false).await?;
    }
    step(format!("cluster {} joined", args.name));
    Ok(())
}

/// The labels that are asked for; the scope's under the keys that the KubeFedConfig says.
async fn labels(args: &JoinArgs, host: &Client) -> anyhow::Result<BTreeMap<String, String>> {
    let mut labels: BTreeMap<_, _> = args.labels.iter().cloned().collect();
    if let (Some(tenant), Some(group)) = (&args.tenant, &args.workspace_group) {
        let settings: Settings = settings::load(host, &args.host.federation_namespace, None).await?;
        labels.insert(settings.tenant_label, tenant.clone());
        labels.insert(settings.workspace_group_label, group.clone());
    }
    Ok(labels)
}

fn cluster(args: &JoinArgs, member: &Access, secret: &str, labels: BTreeMap<String, String>) -> KubeFedCluster {
    let endpoint = member.config.cluster_url.to_string();
    let mut cluster = KubeFedCluster::new(
        &args.name,
        KubeFedClusterSpec {
            api_endpoint: endpoint.trim_end_matches('/').to_owned(),
            ca_bundle: member.ca.clone().map(ByteString),
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

/// What the federation is on the member: a service account and what it may do. Everything, as in KubeFed.
pub(super) fn member_objects(args: &MemberArgs, name: &str, namespace: &str) -> Vec<(Value, &'static str)> {
    let account = args.service_account(name);
    let role = format!("kubefed-controller-manager:{account}");
    let subject = json!([{"kind": "ServiceAccount", "name": account, "namespace": namespace}]);
    vec![
        (json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}), "namespaces"),
        (
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": namespace}, "automountServiceAccountToken": false}),
            "serviceaccounts",
        ),
        (
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": role}, "rules": [
                {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
                {"nonResourceURLs": ["*"], "verbs": ["get"]}]}),
            "clusterroles",
        ),
        (
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": role},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}, "subjects": subject}),
            "clusterrolebindings",
        ),
    ]
}

async fn credentials(args: &JoinArgs, member: &Client) -> anyhow::Result<String> {
    let namespace = &args.host.federation_namespace;
    for (object, plural) in member_objects(&args.member, &args.name, namespace) {
        apply_object(member, &object, plural, false).await.context("on the member")?;
    }
    let account = args.member.service_account(&args.name);
    if args.token_secret {
        return eternal_token(member, namespace, &account).await;
    }
    let api: Api<ServiceAccount> = Api::namespaced(member.clone(), namespace);
    let request = TokenRequest {
        spec: TokenRequestSpec {
            expiration_seconds: Some(i64::try_from(args.token_duration.as_secs()).unwrap_or(i64::MAX)),
            audiences: Vec::new(),
            bound_object_ref: None,
        },
        ..TokenRequest::default()
    };
    let answer = api.create_token_request(&account, &PostParams::default(), &request).await.context("the member gave no token")?;
    let status = answer.status.ok_or_else(|| anyhow!("the member gave no token"))?;
    step(format!("the token is valid until {}", status.expiration_timestamp.0));
    Ok(status.token)
}

/// A token that never expires: kube-controller-manager fills it into a Secret of a type of its own.
async fn eternal_token(member: &Client, namespace: &str, account: &str) -> anyhow::Result<String> {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": account, "namespace": namespace, "annotations": {"kubernetes.io/service-account.name": account}},
    });
    apply_object(member, &secret, "secrets", false).await.context("on the member")?;
    let api: Api<Secret> = Api::namespaced(member.clone(), namespace);
    let token_of = |secret: &Secret| secret.data.as_ref().and_then(|d| d.get(TOKEN_KEY)).map(|t| t.0.clone());
    let filled = await_condition(api, account, |s: Option<&Secret>| s.is_some_and(|s| token_of(s).is_some())).await?;
    let token = filled.as_ref().and_then(token_of).ok_or_else(|| anyhow!("the member gave no token"))?;
    String::from_utf8(token).context("the member's token is no text")
}
