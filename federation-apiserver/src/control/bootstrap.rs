//! What a new server has, made at every start if it is missing.

use std::sync::Arc;

use futures::future::try_join_all;
use serde_json::{Value, json};

use super::hand::Hand;
use crate::auth::RbacKind;
use crate::auth::default_roles::{cluster_role_bindings, cluster_roles, reconciled};
use crate::builtin::{self, Profile};
use crate::rest::{At, Rest};
use crate::status::ApiError;

/// The namespaces of a new Kubernetes cluster ("Namespaces", section "Initial namespaces").
pub const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// Makes what is missing, and adds to default roles and bindings what they lack, as kube-apiserver does. A second time
/// changes nothing. All writes are under way at once, so that a store can make them durable together.
///
/// # Errors
/// The first write that failed.
pub async fn bootstrap(rest: Arc<Rest>, profile: Profile) -> Result<(), ApiError> {
    let hand = Hand::new(rest, "apiserver");
    let namespaces = NAMESPACES.map(|name| json!({"metadata": {"name": name}}));
    let serves = |group: &str, path: &str| serves(profile, group, path);
    tokio::try_join!(
        ensure(&hand, "", "namespaces", namespaces.into(), |_, _| None),
        ensure(&hand, GROUP, RbacKind::ClusterRole.resource(), cluster_roles(&serves), reconciled),
        ensure(&hand, GROUP, RbacKind::ClusterRoleBinding.resource(), cluster_role_bindings(), reconciled),
    )?;
    Ok(())
}

const GROUP: &str = "rbac.authorization.k8s.io";

/// Makes objects of a kind without namespaces, or changes those that are there to what `next` makes of them.
async fn ensure(
    hand: &Hand,
    group: &str,
    plural: &str,
    wanted: Vec<Value>,
    next: impl Fn(&Value, &Value) -> Option<Value> + Copy + Send + Sync,
) -> Result<(), ApiError> {
    let resource = hand.resource(group, "v1", plural)?;
    let resource = &*resource;
    try_join_all(wanted.into_iter().map(|wanted| async move {
        let name = crate::object::name(&wanted);
        let at = At { resource, namespace: None, name, subresource: None };
        let there = hand
            .edit(at, |object| match next(object, &wanted) {
                Some(next) => {
                    *object = next;
                    true
                }
                None => false,
            })
            .await?;
        if there.is_none() {
            hand.create(at, wanted.clone()).await?;
        }
        Ok::<(), ApiError>(())
    }))
    .await?;
    Ok(())
}

/// Whether the profile has a resource (`plural`, or `plural/subresource`).
fn serves(profile: Profile, group: &str, path: &str) -> bool {
    let (plural, subresource) =
        path.split_once('/').map_or((path, None), |(plural, sub)| (plural, Some(sub)));
    builtin::kinds(profile).any(|kind| {
        kind.group() == group && kind.plural == plural && subresource.is_none_or(|name| kind.has(name))
    })
}
