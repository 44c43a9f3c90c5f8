//! `fedd unjoin`: takes a member cluster out.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use federation_model::{Cell, FederatedObject, FederatedTypeConfig, KubeFedCluster, ObjectKey, Placement, annotation, parse_duration};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{Api, DeleteParams, ListParams};
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::join::{MemberArgs, role};
use crate::access;
use crate::args::HostArgs;
use crate::output::note;

/// Take a member cluster out: removes what `join` made, there and here. What was propagated to the member stays on it.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  fedd unjoin m1 --cluster-context m1-admin\n  fedd unjoin m1 --force      # the member is gone for good")]
pub struct UnjoinArgs {
    /// Name of the cluster in the federation
    pub name: String,
    /// The federation's API server.
    #[command(flatten)]
    pub host: HostArgs,
    /// The member.
    #[command(flatten)]
    pub member: MemberArgs,
    /// Take it out though cells or objects are on it, or it cannot be reached; what is left is said
    #[arg(long)]
    pub force: bool,
    /// How long to wait for the member
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Unjoins a member.
pub async fn run(args: UnjoinArgs) -> anyhow::Result<()> {
    let host = access::host(&args.host).await?.client;
    let namespace = &args.host.federation_namespace;
    let clusters: Api<KubeFedCluster> = Api::namespaced(host.clone(), namespace);
    let Some(cluster) = clusters.get_opt(&args.name).await? else {
        bail!("there is no cluster {} in namespace {namespace}; `kubectl get kfc -n {namespace}` lists them", args.name);
    };
    if let Some(of) = cluster.annotations().get(annotation::ACCESS_OF) {
        bail!("{} is a cell on {of}; delete the Cell instead", args.name);
    }
    let cells: Vec<_> = Api::<Cell>::all(host.clone())
        .list(&ListParams::default())
        .await?
        .items
        .into_iter()
        .filter(|c| c.spec.cluster_name == args.name)
        .map(|c| format!("cell {}", ObjectKey::of(&c.metadata)))
        .collect();
    let mut left = cells;
    left.extend(placed_on(&host, namespace, &cluster).await?);
    if !left.is_empty() {
        let some = left.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        if !args.force {
            bail!("{} are on {}, such as {some}; take it out of their placements and delete its cells first, or use --force to leave them", left.len(), args.name);
        }
        note(&format!("left as they are: {} on {}, such as {some}", left.len(), args.name));
    }
    if args.dry_run {
        note(&format!("kubefedcluster.core.kubefed.io/{} would be deleted (dry run)", args.name));
        return Ok(());
    }
    match tokio::time::timeout(args.timeout, clean_member(&args)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if args.force => note(&format!("left on the member, which cannot be reached: service account {}, its role and binding ({error:#})", args.member.service_account(&args.name))),
        Err(_) if args.force => note(&format!("left on the member, which does not answer: service account {}, its role and binding", args.member.service_account(&args.name))),
        Ok(Err(error)) => return Err(error.context("the member cannot be cleaned; use --force to leave what is there")),
        Err(_) => bail!("the member has not answered within {:?}; use --force to leave what is there", args.timeout),
    }
    delete(Api::<KubeFedCluster>::namespaced(host.clone(), namespace), &args.name).await?;
    delete(Api::<Secret>::namespaced(host, namespace), &cluster.spec.secret_ref.name).await?;
    note(&format!("cluster {} left the federation", args.name));
    Ok(())
}

/// Objects that are placed on a cluster by name or selector, or whose status says so.
async fn placed_on(host: &Client, namespace: &str, cluster: &KubeFedCluster) -> anyhow::Result<Vec<String>> {
    let name = cluster.name_any();
    let configs: Api<FederatedTypeConfig> = Api::namespaced(host.clone(), namespace);
    let mut placed = Vec::new();
    for config in configs.list(&ListParams::default()).await? {
        let ty = config.with_defaults().spec.federated_type.api_resource();
        let api: Api<FederatedObject> = Api::all_with(host.clone(), &ty);
        // A type whose definition is gone has no objects.
        let Ok(objects) = api.list(&ListParams::default()).await else { continue };
        for object in objects {
            let selected = Placement::compile(object.spec.placement.as_ref()).is_ok_and(|p| p.selects(&name, cluster.labels()));
            let holds = object.status.iter().flat_map(|s| &s.clusters).any(|c| c.name == name && c.revision.is_some());
            if selected || holds {
                placed.push(format!("{} {}", ty.kind, ObjectKey::of(&object.metadata)));
            }
        }
    }
    Ok(placed)
}

async fn clean_member(args: &UnjoinArgs) -> anyhow::Result<()> {
    let member = args.member.access(&args.name, &args.host).await?.client;
    let account = args.member.service_account(&args.name);
    let role = role(&account);
    let namespace = &args.host.federation_namespace;
    delete(Api::<ClusterRoleBinding>::all(member.clone()), &role).await?;
    delete(Api::<ClusterRole>::all(member.clone()), &role).await?;
    delete(Api::<Secret>::namespaced(member.clone(), namespace), &account).await?;
    delete(Api::<ServiceAccount>::namespaced(member, namespace), &account).await
}

/// Deletes an object; that it is not there is as well.
async fn delete<K>(api: Api<K>, name: &str) -> anyhow::Result<()>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => {
            note(&format!("{}/{name} deleted", K::kind(&()).to_lowercase()));
            Ok(())
        }
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot delete {} {name}", K::kind(&()))),
    }
}
