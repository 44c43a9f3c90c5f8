//! What is in a namespace, deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;

use crate::control::hand::Hand;
use crate::object;
use crate::request::ListOptions;
use crate::resource::Resource;
use crate::rest::At;
use crate::status::ApiError;

/// What was not gone at once.
#[derive(Default)]
pub(super) struct Remaining {
    /// Objects of each resource (`plural.group`, with the dot also where the group is empty, as Kubernetes writes it).
    pub(super) resources: BTreeMap<String, usize>,
    /// Objects that have each finalizer.
    pub(super) finalizers: BTreeMap<String, usize>,
    /// What was refused.
    pub(super) errors: Vec<ApiError>,
}

/// Deletes everything, and counts what remains. Pods go first: nothing that they may need goes before they are gone.
pub(super) async fn delete(hand: &Hand, resources: &[Arc<Resource>], namespace: &str) -> Remaining {
    let is_pod = |resource: &&Arc<Resource>| resource.group.is_empty() && resource.plural == "pods";
    let mut remaining = Remaining::default();
    for resource in resources.iter().filter(is_pod) {
        remaining.add(delete_one(hand, resource, namespace).await);
    }
    if remaining.resources.is_empty() {
        let others = resources.iter().filter(|resource| !is_pod(resource));
        let all = join_all(others.map(|resource| delete_one(hand, resource, namespace))).await;
        all.into_iter().for_each(|one| remaining.add(one));
    }
    remaining
}

async fn delete_one(hand: &Hand, resource: &Resource, namespace: &str) -> Remaining {
    let mut remaining = Remaining::default();
    let at = At { resource, namespace: Some(namespace), name: "", subresource: None };
    // Most collections are empty, and to know that costs no more than a count.
    match hand.rest().store().count(&resource.key(Some(namespace), "")).await {
        Ok(0) => return remaining,
        Ok(_) => {}
        Err(error) => {
            remaining.errors.push(crate::rest::store_error(error));
            return remaining;
        }
    }
    remaining.errors.extend(hand.delete_all(at).await.err());
    match remain(hand, at).await {
        Ok(finalizers) if finalizers.is_empty() => {}
        Ok(finalizers) => {
            let name = format!("{}.{}", resource.plural, resource.group);
            remaining.resources.insert(name, finalizers.len());
            for finalizer in finalizers.into_iter().flatten() {
                *remaining.finalizers.entry(finalizer).or_default() += 1;
            }
        }
        Err(error) => remaining.errors.push(error),
    }
    remaining
}

/// The finalizers of each object that is still there.
async fn remain(hand: &Hand, at: At<'_>) -> Result<Vec<Vec<String>>, ApiError> {
    let listed = hand.rest().list(at, &ListOptions::default()).await?;
    let finalizers = |item: crate::rest::Representable| {
        let object = item.into_value()?;
        Ok(object::finalizers(&object).into_iter().map(str::to_owned).collect())
    };
    listed.items.into_iter().map(finalizers).collect()
}

impl Remaining {
    fn add(&mut self, other: Self) {
        self.resources.extend(other.resources);
        for (finalizer, count) in other.finalizers {
            *self.finalizers.entry(finalizer).or_default() += count;
        }
        self.errors.extend(other.errors);
    }
}
