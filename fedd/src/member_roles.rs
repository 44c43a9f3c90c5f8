//! The federation's roles on its members follow the federated types: they are written by an administrator's hand, since
//! an account cannot widen its own rights. See docs/adr/0013.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use federation_model::{FederatedTypeConfig, KubeFedCluster, Settings};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::{Client, ResourceExt as _};
use propagation_engine::rights::MemberRights;

use crate::access;
use crate::apply::{Outcome, apply};
use crate::args::HostArgs;
use crate::cmd::join::{Account, GRANTED, Grant};
use crate::failure;
use crate::output::{Report, warning};
use crate::pages;

/// How the members' roles are brought up to date.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Members")]
pub struct MemberRolesArgs {
    /// Kubeconfig that opens members for their administrators, by contexts called like the clusters [default: the
    /// federation's]
    #[arg(long, value_name = "FILE")]
    pub members_kubeconfig: Option<PathBuf>,
    /// Leave the federation's rights on members as they are
    #[arg(long)]
    pub skip_members: bool,
}

/// Members that are written to at once.
const AT_ONCE: usize = 8;

/// How long a member may take. A person waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the types that are federated now take.
///
/// # Errors
/// The type configs cannot be read.
pub async fn of_types(host: &Client, namespace: &str, settings: &Settings) -> anyhow::Result<Grant> {
    let configs: Vec<FederatedTypeConfig> =
        pages::all(&Api::namespaced(host.clone(), namespace)).await.context("cannot list type configs")?;
    Ok(Grant::Types(MemberRights::of(&configs, settings, namespace)))
}

/// Whether a cluster has joined with the rights that federated types take, so that they follow the types.
pub fn are_of_types(cluster: &KubeFedCluster) -> bool {
    cluster.annotations().get(GRANTED).is_some_and(|granted| granted == "federated-types")
}

/// Brings the roles on the members up to date with these types, and tells of each. Of members that it cannot write to,
/// it tells how somebody else does: they stay as they are, and the command goes on.
///
/// # Errors
/// The clusters cannot be listed, or stdout cannot be written.
pub async fn follow(
    host: &Client,
    host_args: &HostArgs,
    args: &MemberRolesArgs,
    settings: &Settings,
    configs: &[FederatedTypeConfig],
    report: &mut Report,
) -> anyhow::Result<()> {
    if args.skip_members {
        return Ok(());
    }
    let namespace = host_args.federation_namespace.as_str();
    let clusters: Vec<KubeFedCluster> =
        pages::all(&Api::namespaced(host.clone(), namespace)).await.context("cannot list clusters")?;
    let grant = Grant::Types(MemberRights::of(configs, settings, namespace));
    let dry_run = report.is_dry_run();
    let mut members = futures::stream::iter(clusters.iter().filter(|cluster| are_of_types(cluster)))
        .map(async |cluster| {
            let written = write(cluster, host_args, args, settings, &grant, dry_run);
            let outcome = tokio::time::timeout(PATIENCE, written).await;
            (
                cluster.name_any(),
                outcome.unwrap_or_else(|_| bail!("no answer within {} s", PATIENCE.as_secs())),
            )
        })
        .buffered(AT_ONCE);
    while let Some((name, outcome)) = members.next().await {
        match outcome {
            Ok(roles) => {
                for (title, outcome) in roles {
                    report.done(&name, title, outcome.word())?;
                }
            }
            Err(error) => warning(&format!(
                "{name}: the federation's rights there stay as they are: {}; an administrator of {name} brings them up to date \
                 by:\n  {}",
                failure::words(&error),
                by_hand(&name, namespace)
            )),
        }
    }
    Ok(())
}

/// What an administrator of a member runs, whose context is called like the cluster.
fn by_hand(cluster: &str, namespace: &str) -> String {
    let of = if namespace == federation_model::DEFAULT_FEDERATION_NAMESPACE {
        String::new()
    } else {
        format!(" --federation-namespace {namespace}")
    };
    format!("fedd permissions member {cluster}{of} | kubectl --context {cluster} apply -f -")
}

async fn write(
    cluster: &KubeFedCluster,
    host_args: &HostArgs,
    args: &MemberRolesArgs,
    settings: &Settings,
    grant: &Grant,
    dry_run: bool,
) -> anyhow::Result<Vec<(String, Outcome)>> {
    let name = cluster.name_any();
    let account = Account::joined(cluster).context("its account there is not known")?;
    let file = args.members_kubeconfig.as_deref().or(host_args.kubeconfig.as_deref());
    let member = access::connect(file, Some(&name)).await?;
    // A context of that name may lead anywhere.
    let system = Api::<Namespace>::all(member.client.clone()).get("kube-system").await;
    let uid = system.context("cannot read its namespace kube-system")?.uid();
    if cluster.cluster_uid().is_some_and(|known| uid.as_deref() != Some(known)) {
        bail!("context {name:?} of the kubeconfig leads to another cluster, at {}", member.server);
    }
    let mut done = Vec::new();
    for role in account.roles(settings.scope, grant) {
        done.push((role.title(), apply(&member.client, &role, dry_run).await?));
    }
    Ok(done)
}
