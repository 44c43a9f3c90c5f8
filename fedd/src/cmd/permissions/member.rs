//! `fedd permissions member`: what the federation's account on a member consists of, for the member's administrator.

use anyhow::Context as _;
use clap::Args;
use federation_model::KubeFedCluster;
use kube::api::Api;

use crate::args::{HostArgs, ObjectFormat};
use crate::cmd::join::{Account, Grant, MemberArgs};
use crate::output::print_objects;
use crate::{access, apply, member_roles, settings};

/// Flags of `fedd permissions member`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd permissions member rz00 | kubectl --context rz00 apply -f -\n  \
        fedd permissions member rz00 | kubectl --context rz00 diff -f -")]
pub struct MemberPermissionsArgs {
    /// Name of the cluster in the federation, or that it will have there
    pub name: String,
    /// Print every right instead of those that the federated types take
    #[arg(long)]
    pub cluster_admin: bool,
    /// The federation's name on the member, for a cluster that has not joined yet: the service account is called
    /// `NAME-THIS` [default: as `fedd join` calls it]
    #[arg(long, value_name = "NAME")]
    pub host_cluster_name: Option<String>,
    /// How to print
    #[arg(long, short, value_name = "FORMAT", default_value = "yaml")]
    pub output: ObjectFormat,
    /// Where the types are federated.
    #[command(flatten)]
    pub host: HostArgs,
}

pub(super) async fn run(args: &MemberPermissionsArgs) -> anyhow::Result<()> {
    let host = access::host(&args.host).await?;
    let namespace = args.host.federation_namespace.as_str();
    let settings = settings::read(&host.client, namespace).await?;
    let grant = if args.cluster_admin {
        Grant::Everything
    } else {
        member_roles::of_types(&host.client, namespace, &settings).await?
    };
    let clusters: Api<KubeFedCluster> = Api::namespaced(host.client.clone(), namespace);
    let cluster = apply::read(&clusters, &args.name)
        .await
        .with_context(|| format!("cannot read KubeFedCluster {}", args.name))?;
    let account = match cluster.as_ref().and_then(Account::joined) {
        Some(account) => account,
        None => {
            let host_cluster_name = args.host_cluster_name.clone();
            let member = MemberArgs { cluster_context: None, cluster_kubeconfig: None, host_cluster_name };
            member.account(&args.name, namespace, host.context.as_deref())?
        }
    };
    print_objects(&account.objects(settings.scope, &grant), args.output)
}
