//! What would be left behind: cells and federated objects on a cluster, managed objects on its member.

use anyhow::Context as _;
use federation_model::{
    Cell, FederatedObject, FederatedTypeConfig, KubeFedCluster, ObjectKey, Placement, label,
};
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::ObjectList;
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

/// Objects of one page of a list.
const PAGE: u32 = 500;

/// `one` or `many`, for people.
pub(super) fn count(number: usize) -> String {
    if number == 1 { "1 object is".to_owned() } else { format!("{number} objects are") }
}

/// Cells and federated objects on a cluster, as kubectl says: `cell/bank/rz00a`.
///
/// An object is on it when its placement selects it (whatever its namespace's placement says: that may be widened at any
/// time) or its status names it.
pub(super) async fn on_cluster(
    host: &Client,
    namespace: &str,
    cluster: &KubeFedCluster,
) -> anyhow::Result<Vec<String>> {
    let name = cluster.name_any();
    let cells: Vec<Cell> = all(&Api::all(host.clone()), "").await.context("cannot list cells")?;
    let mut found: Vec<_> = cells
        .iter()
        .filter(|c| c.spec.cluster_name == name)
        .map(|c| format!("cell/{}", ObjectKey::of(&c.metadata)))
        .collect();
    for config in type_configs(host, namespace).await? {
        let ty = config.spec.federated_type.api_resource();
        let api: Api<FederatedObject> = Api::all_with(host.clone(), &ty);
        let objects = all(&api, "").await.with_context(|| format!("cannot list {}", ty.plural))?;
        let kind = ty.kind.to_lowercase();
        found.extend(
            objects
                .iter()
                .filter(|o| is_on(o, cluster))
                .map(|o| format!("{kind}/{}", ObjectKey::of(&o.metadata))),
        );
    }
    Ok(found)
}

fn is_on(object: &FederatedObject, cluster: &KubeFedCluster) -> bool {
    let name = cluster.name_any();
    let placed =
        Placement::compile(object.spec.placement.as_ref()).is_ok_and(|p| p.selects(&name, cluster.labels()));
    placed || object.status.iter().flat_map(|s| &s.clusters).any(|c| c.name == name)
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
        all(&Api::namespaced(host.clone(), namespace), "").await.context("cannot list type configs")?;
    Ok(configs.into_iter().map(FederatedTypeConfig::with_defaults).collect())
}

/// Everything of a kind, page by page; nothing where the kind is not served.
async fn all<K>(api: &Api<K>, labels: &str) -> kube::Result<Vec<K>>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let mut params = ListParams::default().labels(labels).limit(PAGE);
    let mut items = Vec::new();
    loop {
        let list: ObjectList<K> = match api.list(&params).await {
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(Vec::new()),
            other => other?,
        };
        let next = list.metadata.continue_.clone().filter(|token| !token.is_empty());
        items.extend(list.items);
        match next {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(items),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_model::KubeFedClusterSpec;
    use serde_json::json;

    #[test]
    fn an_object_is_where_it_is_placed_or_says_that_it_is() {
        let mut cluster = KubeFedCluster::new("c", KubeFedClusterSpec::default());
        cluster.metadata.labels = Some([("zone".to_owned(), "a".to_owned())].into());
        let is_on = |spec: serde_json::Value, status: serde_json::Value| {
            let object = json!({"metadata": {"name": "o"}, "spec": spec, "status": status});
            super::is_on(&serde_json::from_value(object).unwrap(), &cluster)
        };
        let nothing = || json!({"clusters": []});
        assert!(is_on(json!({"placement": {"clusters": [{"name": "c"}]}}), nothing()));
        assert!(is_on(json!({"placement": {"clusterSelector": {"matchLabels": {"zone": "a"}}}}), nothing()));
        assert!(is_on(json!({}), json!({"clusters": [{"name": "c", "status": "WaitingForRemoval"}]})));
        assert!(!is_on(json!({"placement": {"clusters": [{"name": "d"}]}}), nothing()));
        assert!(!is_on(json!({}), nothing()));
    }
}
