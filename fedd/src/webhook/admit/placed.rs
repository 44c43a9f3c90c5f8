//! What is placed on a cell: a cell that holds something must not be deleted.

use federation_model::{FederatedObject, FederatedTypeConfig, ObjectKey, Placement, cell_cluster_name};
use kube::Client;
use kube::api::{Api, ListParams};
use tenancy::Labels;

use crate::webhook::review::Verdict;

/// Objects of one page of a list: bounds the memory of the question.
const PAGE: u32 = 500;

/// Objects of these types in a namespace that are placed on a cluster, or run there by their status. At most `most` of
/// them; a type whose definition is gone has none.
pub async fn placed_on(
    client: &Client,
    types: &[FederatedTypeConfig],
    namespace: &str,
    cluster: &str,
    labels: &Labels,
    most: usize,
) -> kube::Result<Vec<String>> {
    let mut placed = Vec::new();
    for config in types.iter().filter(|c| c.is_federated_namespaced()) {
        let ty = config.spec.federated_type.api_resource();
        let api: Api<FederatedObject> = Api::namespaced_with(client.clone(), namespace, &ty);
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let page = match api.list(&params).await {
                Ok(page) => page,
                Err(kube::Error::Api(status)) if status.code == 404 => break,
                Err(error) => return Err(error),
            };
            for object in &page.items {
                if is_on(object, cluster, labels) {
                    placed.push(format!("{} {}", ty.kind, ObjectKey::of(&object.metadata)));
                    if placed.len() >= most {
                        return Ok(placed);
                    }
                }
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => break,
            }
        }
    }
    Ok(placed)
}

/// Whether an object is placed on a cluster, or runs there by its status.
pub fn is_on(object: &FederatedObject, cluster: &str, labels: &Labels) -> bool {
    Placement::compile(object.spec.placement.as_ref()).is_ok_and(|p| p.selects(cluster, labels))
        || object.status.iter().flat_map(|s| &s.clusters).any(|c| c.name == cluster && c.revision.is_some())
}

/// Whether a cell may be deleted, given what is placed on it.
pub fn cell_deletion(cell: &str, namespace: &str, placed: &[String]) -> Verdict {
    if placed.is_empty() {
        return Verdict::Allow;
    }
    Verdict::from_findings(&[format!(
        "metadata.deletionTimestamp: cell {cell} (cluster {}) still holds {}; take the cell out of their placements first",
        cell_cluster_name(cell, namespace),
        placed.join(", ")
    )])
}
