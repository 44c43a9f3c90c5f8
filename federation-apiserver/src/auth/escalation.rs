//! Nobody grants more than they hold.
//!
//! Who writes a role must hold its rules or have the verb `escalate` on it; who writes a binding must hold the rules
//! of its role or have the verb `bind` on that role. Members of `system:masters` may write any.
//! (Kubernetes documentation, "Using RBAC Authorization", Privilege escalation prevention and bootstrapping.)

use serde::Deserialize;
use serde_json::Value;

use crate::auth::{
    Attributes, Binding, Policy, PolicyRule, RbacKind, Refusal, ResourceTarget, Role, RoleRef, User,
    coverage::{described, uncovered},
    policy::joined,
    quote::{quoted, quoted_list},
};

const GROUP: &str = "rbac.authorization.k8s.io";

/// A role or binding that is about to be written.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// Its kind.
    pub kind: RbacKind,
    /// The namespace of the request; empty for cluster kinds.
    pub namespace: &'a str,
    /// The name in the request's path, which a create does not have.
    pub path_name: &'a str,
    /// The object as it shall be, patches applied.
    pub new: &'a Value,
    /// The object as it is; none for a create.
    pub old: Option<&'a Value>,
}

/// Whether the user may write this.
pub fn check(policy: &Policy, user: &User, write: &Write<'_>) -> Result<(), Refusal> {
    if user.is_master() || write.old.is_some_and(|old| only_collection_fields_change(old, write.new)) {
        return Ok(());
    }
    match write.kind {
        RbacKind::Role | RbacKind::ClusterRole => check_role(policy, user, write),
        RbacKind::RoleBinding | RbacKind::ClusterRoleBinding => check_binding(policy, user, write),
    }
}

fn check_role(policy: &Policy, user: &User, write: &Write<'_>) -> Result<(), Refusal> {
    let target = ResourceTarget {
        group: GROUP,
        resource: write.kind.resource(),
        subresource: "",
        namespace: write.namespace,
        name: write.path_name,
    };
    if policy.authorize(user, &Attributes::resource("escalate", target)).allowed {
        return Ok(());
    }
    let role = Role::deserialize(write.new).map_err(|error| Refusal::BadRequest(error.to_string()))?;
    let forbidden = |message| forbidden(write.kind, &role.metadata.name, message);
    confirm(policy, user, write.kind, write.namespace, &role.rules).map_err(forbidden)?;
    if aggregates(&role)
        || write.old.is_some_and(|old| Role::deserialize(old).is_ok_and(|old| aggregates(&old)))
    {
        confirm(policy, user, write.kind, write.namespace, &everything()).map_err(|_| {
            forbidden("must have cluster-admin privileges to use the aggregationRule".to_owned())
        })?;
    }
    Ok(())
}

fn check_binding(policy: &Policy, user: &User, write: &Write<'_>) -> Result<(), Refusal> {
    let binding = Binding::deserialize(write.new).map_err(|error| Refusal::BadRequest(error.to_string()))?;
    let RoleRef { api_group, kind, name } = &binding.role_ref;
    let resource = match kind.as_str() {
        "ClusterRole" => "clusterroles",
        "Role" => "roles",
        other => {
            return Err(Refusal::Internal(format!("unsupported role reference kind: {}", quoted(other))));
        }
    };
    let target =
        ResourceTarget { group: api_group, resource, subresource: "", namespace: write.namespace, name };
    if policy.authorize(user, &Attributes::resource("bind", target)).allowed {
        return Ok(());
    }
    let rules = policy.rules(&binding.role_ref, write.namespace).map_err(|_| not_found(write.kind, name))?;
    confirm(policy, user, write.kind, write.namespace, rules)
        .map_err(|message| forbidden(write.kind, &binding.metadata.name, message))
}

/// Whether the user holds all these rules; if not, the message that lists what is missing.
fn confirm(
    policy: &Policy,
    user: &User,
    kind: RbacKind,
    namespace: &str,
    rules: &[PolicyRule],
) -> Result<(), String> {
    let holdings = policy.holdings(user, namespace);
    let uncovered = uncovered(&holdings.rules, rules);
    if uncovered.is_empty() {
        return Ok(());
    }
    let unresolved = if holdings.missing.is_empty() {
        String::new()
    } else {
        let missing = holdings.missing.iter().map(|role| not_found(kind, &role.role_ref.name));
        format!("; resolution errors: [{}]", joined(&missing.collect::<Vec<_>>()))
    };
    Err(format!(
        "user {} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}{unresolved}",
        quoted(&user.name),
        quoted_list(&user.groups),
        described(uncovered).into_iter().collect::<Vec<_>>().join("\n")
    ))
}

/// kube-apiserver names the resource that is being written where the role is missing that it refers to.
fn not_found(kind: RbacKind, name: &str) -> Refusal {
    Refusal::NotFound { group: GROUP, resource: kind.resource(), name: name.to_owned() }
}

fn forbidden(kind: RbacKind, name: &str, message: String) -> Refusal {
    Refusal::Forbidden {
        group: GROUP.into(),
        resource: kind.resource().into(),
        name: name.to_owned(),
        message,
    }
}

/// An aggregation may gather anything, so it takes the right to everything.
fn aggregates(role: &Role) -> bool {
    role.aggregation_rule.as_ref().is_some_and(|rule| !rule.cluster_role_selectors.is_empty())
}

fn everything() -> [PolicyRule; 2] {
    let star = || vec!["*".to_owned()];
    [
        PolicyRule { verbs: star(), api_groups: star(), resources: star(), ..PolicyRule::default() },
        PolicyRule { verbs: star(), non_resource_urls: star(), ..PolicyRule::default() },
    ]
}

/// Garbage collection must be able to let go of an object whose rules its writer does not hold.
fn only_collection_fields_change(old: &Value, new: &Value) -> bool {
    let without = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object["metadata"].as_object_mut() {
            for field in ["ownerReferences", "finalizers", "selfLink", "managedFields"] {
                metadata.remove(field);
            }
        }
        object
    };
    without(old) == without(new)
}

#[cfg(test)]
mod tests;
