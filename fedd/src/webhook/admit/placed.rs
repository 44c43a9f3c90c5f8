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

/// Whether an object is placed on a cluster, or is, or may be, there by its status. A status says nothing of clusters that
/// have nothing to do with the object; a revision is not looked for, since some installations keep it elsewhere.
pub(super) fn is_on(object: &FederatedObject, cluster: &str, labels: &Labels) -> bool {
    Placement::compile(object.spec.placement.as_ref()).is_ok_and(|p| p.selects(cluster, labels))
        || object.status.iter().flat_map(|s| &s.clusters).any(|c| c.name == cluster)
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn on(object: Value) -> bool {
        let labels = Labels::from([("zone".to_owned(), "a".to_owned())]);
        is_on(&serde_json::from_value(object).unwrap(), "rz00a.bank", &labels)
    }

    #[test]
    fn an_object_is_on_a_cell_by_name_by_selector_and_by_status() {
        let placed = |placement: Value| json!({"metadata": {}, "spec": {"placement": placement}});
        assert!(on(placed(json!({"clusters": [{"name": "rz00a.bank"}]}))));
        assert!(!on(placed(json!({"clusters": [{"name": "rz01a.bank"}]}))));
        assert!(on(placed(json!({"clusterSelector": {"matchLabels": {"zone": "a"}}}))));
        assert!(!on(placed(json!({"clusterSelector": {"matchLabels": {"zone": "b"}}}))));
        assert!(on(placed(json!({"clusterSelector": {}}))));
        let mut left = placed(json!({"clusters": []}));
        left["status"] = json!({"clusters": [{"name": "rz00a.bank", "status": "WaitingForRemoval"}]});
        assert!(on(left));
    }

    #[test]
    fn a_refusal_says_what_is_there_and_what_to_do() {
        let Verdict::Deny(denial) = cell_deletion("rz00a", "bank", &["FederatedConfigMap bank/cm".into()])
        else {
            panic!("allowed")
        };
        assert!(
            denial.message.contains("FederatedConfigMap bank/cm")
                && denial.message.contains("take the cell out")
        );
        assert_eq!(cell_deletion("rz00a", "bank", &[]), Verdict::Allow);
    }
}
