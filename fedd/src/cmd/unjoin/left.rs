//! What would be left behind: cells and federated objects on a cluster, managed objects on its member.

use anyhow::Context as _;
use federation_model::{Cell, FederatedTypeConfig, KubeFedCluster, ObjectKey, Scope, label};
use kube::api::{Api, DynamicObject, ListParams};
use kube::{Client, ResourceExt as _};

use crate::pages::{self, PAGE};
use crate::{placed, settings};

/// `one` or `many`, for people.
pub(super) fn count(number: usize) -> String {
    if number == 1 { "1 object is".to_owned() } else { format!("{number} objects are") }
}

/// Cells and federated objects on a cluster, as kubectl says: `cell/bank/rz00a`.
pub(super) async fn on_cluster(
    host: &Client,
    namespace: &str,
    cluster: &KubeFedCluster,
) -> anyhow::Result<Vec<String>> {
    let name = cluster.name_any();
    let cells: Vec<Cell> = pages::all(&Api::all(host.clone())).await.context("cannot list cells")?;
    let cells = cells
        .iter()
        .filter(|c| c.spec.cluster_name == name)
        .map(|c| format!("cell/{}", ObjectKey::of(&c.metadata)));
    let settings = settings::read(host, namespace).await?;
    let types = type_configs(host, namespace).await?;
    let within = (settings.scope == Scope::Namespaced).then_some(namespace);
    let placed = placed::on_cluster(host, &types, &settings, cluster, within, usize::MAX)
        .await
        .context("cannot list federated objects")?;
    let placed = placed.iter().map(|p| format!("{}/{}", p.kind.to_lowercase(), p.key));
    Ok(cells.chain(placed).collect())
}

/// How many objects of each type the federation manages on a member; types without any are left out.
pub(super) async fn managed_on_member(
    host: &Client,
    member: &Client,
    namespace: &str,
) -> anyhow::Result<Vec<(String, usize)>> {
    let mut found = Vec::new();
    for config in type_configs(host, namespace).await? {
        let api: Api<DynamicObject> = Api::all_with(member.clone(), &config.spec.target_type.api_resource());
        let params = ListParams::default().labels(&format!("{}=true", label::MANAGED)).limit(PAGE);
        match api.list_metadata(&params).await {
            Ok(list) if !list.items.is_empty() => {
                let more =
                    list.metadata.remaining_item_count.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
                found.push((config.name_any(), list.items.len() + more));
            }
            // A type that the member does not serve has no objects there.
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(error).with_context(|| format!("cannot list {}", config.name_any())),
        }
    }
    Ok(found)
}

async fn type_configs(host: &Client, namespace: &str) -> anyhow::Result<Vec<FederatedTypeConfig>> {
    let configs =
        pages::all(&Api::namespaced(host.clone(), namespace)).await.context("cannot list type configs")?;
    Ok(configs.into_iter().map(FederatedTypeConfig::with_defaults).collect())
}
