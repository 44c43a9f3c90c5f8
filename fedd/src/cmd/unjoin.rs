//! `fedd unjoin`: takes away what `fedd join` made, on the member and on the federation's API server.

mod left;

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use federation_model::{KubeFedCluster, annotation, parse_duration};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::{Api, ListParams};
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::join::{AGENT, Account, MemberArgs};
use crate::access::{self, Access};
use crate::apply::delete;
use crate::args::{HostArgs, ReportArgs};
use crate::failure;
use crate::output::{HOST, Report, note, warning};
use crate::tunnel::tokens::Tokens;

/// What `--help` says first.
pub const ABOUT: &str = "Take a member out of the federation: what `fedd join` made on it (account, rights, and the federation's \
    namespace where nothing else is in it, and the agent of its tunnel), its KubeFedCluster and its Secret. Agents that \
    are still there are thrown out, and their certificates are good for nothing.\n\n\
    It is refused while cells are on the cluster or objects are placed on it. With --force it is done all the same, also \
    when the member does not answer; what is left, and where, is printed. Objects that the federation put on the \
    member stay there.";

/// Flags of `fedd unjoin`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd unjoin rz00 --cluster-context rz00-admin\n  \
        fedd unjoin rz00 --force               the member is gone for good")]
pub struct UnjoinArgs {
    /// Name of the cluster in the federation
    pub name: String,
    /// Go on though cells or objects are on it, or it does not answer
    #[arg(long)]
    pub force: bool,
    /// How long to wait for the member
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// How to tell.
    #[command(flatten)]
    pub report: ReportArgs,
    /// The member.
    #[command(flatten)]
    pub member: MemberArgs,
    /// Where.
    #[command(flatten)]
    pub host: HostArgs,
}

/// Unjoins a member.
///
/// # Errors
/// There is no such cluster; something is on it, or it cannot be cleaned, and it is not forced; or the federation's API
/// server refused something or did not answer.
pub async fn run(args: UnjoinArgs) -> anyhow::Result<()> {
    let host = access::host(&args.host).await?;
    let namespace = args.host.federation_namespace.as_str();
    let name = args.name.as_str();
    let clusters: Api<KubeFedCluster> = Api::namespaced(host.client.clone(), namespace);
    let cluster =
        clusters.get_opt(name).await.with_context(|| format!("cannot read KubeFedCluster {name}"))?;
    let Some(cluster) = cluster else {
        bail!("there is no cluster {name}; `kubectl get kubefedclusters -n {namespace}` lists them");
    };
    if let Some(of) = cluster.annotations().get(annotation::ACCESS_OF) {
        bail!("{name} is a cell on {of}; delete its Cell instead");
    }
    let on_it = left::on_cluster(&host.client, namespace, &cluster).await?;
    if !on_it.is_empty() && !args.force {
        bail!(
            "{} on {name}, such as {}; take the cluster out of placements and delete its cells first, or leave them behind \
             by --force",
            left::count(on_it.len()),
            on_it.iter().take(5).cloned().collect::<Vec<_>>().join(", ")
        );
    }
    let account = match Account::joined(&cluster) {
        Some(account) => account,
        // Joined by kubefedctl, or by hand.
        None => args.member.account(name, namespace, host.context.as_deref())?,
    };
    let mut report = Report::new(args.report);
    let cleaning = async {
        let member = args.member.access(name, args.host.kubeconfig.as_deref()).await?;
        let is_tunnelled = cluster.tunnel() == Some(name);
        clean_member(&host, &member, &args, &account, is_tunnelled, &mut report).await
    };
    let cleaned = match tokio::time::timeout(args.timeout, cleaning).await {
        Ok(cleaned) => cleaned,
        Err(_) => Err(anyhow::anyhow!("no answer within {} s", args.timeout.as_secs())),
    };
    if let Err(error) = cleaned {
        let error = error.context(format!("member {name} cannot be cleaned"));
        if !args.force {
            return Err(error
                .context("nothing is changed on the federation's side; --force leaves the member as it is"));
        }
        warning(&failure::words(&error));
        report.done(name, format!("serviceaccount/{}/{}", account.namespace, account.name), "left")?;
        for (kind, role) in [("clusterrole", account.role()), ("role", account.credentials_role())] {
            report.done(name, format!("{kind}.rbac.authorization.k8s.io/{role}"), "left")?;
            report.done(name, format!("{kind}binding.rbac.authorization.k8s.io/{role}"), "left")?;
        }
    }
    if cluster.tunnel() == Some(name) && !args.report.dry_run {
        // What was printed and not applied yet is good for nothing now.
        Tokens::new(&host.client, namespace).forget(name).await?;
    }
    // The cluster first: without its Secret it would be reported as malformed meanwhile.
    remove(&mut report, HOST, &clusters, name, args.report.dry_run).await?;
    let secrets: Api<Secret> = Api::namespaced(host.client.clone(), namespace);
    remove(&mut report, HOST, &secrets, &cluster.spec.secret_ref.name, args.report.dry_run).await?;
    for one in on_it {
        report.done(HOST, one, "left")?;
    }
    report.finish()
}

/// Takes away what `join` made on the member, the rights first.
async fn clean_member(
    host: &Access,
    member: &Access,
    args: &UnjoinArgs,
    account: &Account,
    is_tunnelled: bool,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (client, on, dry_run) = (&member.client, args.name.as_str(), args.report.dry_run);
    note(&format!("the federation's account is taken from {}", member.server));
    let managed = left::managed_on_member(&host.client, client, &args.host.federation_namespace).await?;
    for (what, count) in &managed {
        warning(&format!("{count} of {what} that the federation manages stay on the member"));
    }
    let namespace = account.namespace.as_str();
    if is_tunnelled {
        remove_agent(report, on, client, namespace, dry_run).await?;
    }
    for role in [account.role(), account.health_role(), account.credentials_role()] {
        remove(report, on, &Api::<ClusterRoleBinding>::all(client.clone()), &role, dry_run).await?;
        remove(report, on, &Api::<ClusterRole>::all(client.clone()), &role, dry_run).await?;
        remove(report, on, &Api::<RoleBinding>::namespaced(client.clone(), namespace), &role, dry_run)
            .await?;
        remove(report, on, &Api::<Role>::namespaced(client.clone(), namespace), &role, dry_run).await?;
    }
    remove(report, on, &Api::<Secret>::namespaced(client.clone(), namespace), &account.name, dry_run).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    remove(report, on, &accounts, &account.name, dry_run).await?;
    // Another federation may have its account in the namespace, managed objects may be in it, and the member may be the
    // host itself.
    let others = accounts.list(&ListParams::default()).await.context("cannot list service accounts")?;
    let others = others.items.iter().any(|a| a.name_any() != "default" && a.name_any() != account.name);
    if !others
        && managed.is_empty()
        && namespace_uid(client, namespace).await? != namespace_uid(&host.client, namespace).await?
    {
        remove(report, on, &Api::<Namespace>::all(client.clone()), namespace, dry_run).await?;
    }
    Ok(())
}

/// Takes away what ran the other end of the member's tunnel.
async fn remove_agent(
    report: &mut Report,
    on: &str,
    client: &Client,
    namespace: &str,
    dry_run: bool,
) -> anyhow::Result<()> {
    remove(report, on, &Api::<Deployment>::namespaced(client.clone(), namespace), AGENT, dry_run).await?;
    remove(report, on, &Api::<RoleBinding>::namespaced(client.clone(), namespace), AGENT, dry_run).await?;
    remove(report, on, &Api::<Role>::namespaced(client.clone(), namespace), AGENT, dry_run).await?;
    remove(report, on, &Api::<Secret>::namespaced(client.clone(), namespace), AGENT, dry_run).await?;
    remove(report, on, &Api::<ServiceAccount>::namespaced(client.clone(), namespace), AGENT, dry_run).await
}

async fn namespace_uid(client: &Client, name: &str) -> anyhow::Result<Option<String>> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let found = namespaces.get_opt(name).await.with_context(|| format!("cannot read namespace {name}"))?;
    Ok(found.and_then(|n| n.metadata.uid))
}

/// Deletes an object, if it is there, and says so.
async fn remove<K>(
    report: &mut Report,
    on: &str,
    api: &Api<K>,
    name: &str,
    dry_run: bool,
) -> anyhow::Result<()>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let kind = K::kind(&()).to_lowercase();
    let group = K::group(&());
    let title = if group.is_empty() { format!("{kind}/{name}") } else { format!("{kind}.{group}/{name}") };
    if delete(api, name, dry_run).await.with_context(|| format!("cannot delete {title}"))? {
        report.done(on, title, "deleted")?;
    }
    Ok(())
}
