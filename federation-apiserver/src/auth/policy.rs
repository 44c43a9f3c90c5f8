//! All roles and bindings, indexed by subject, and the authorizer over them.
//!
//! A decision looks only at bindings that name the user or one of the user's groups, first the cluster's, then the
//! namespace's, each in the order of their names. kube-apiserver looks at all of them in no order: the decision is the
//! same, and where several bindings allow something, the reason is one of those that it might give.

use std::{collections::HashMap, fmt};

use serde::{Deserialize, de::Error as _};
use serde_json::Value;

use crate::auth::{
    Attributes, Binding, PolicyRule, Role, RoleRef, User, aggregation, binding_index::BindingIndex,
    quote::quoted,
};

/// The four kinds that make a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RbacKind {
    /// `roles`
    Role,
    /// `clusterroles`
    ClusterRole,
    /// `rolebindings`
    RoleBinding,
    /// `clusterrolebindings`
    ClusterRoleBinding,
}

impl RbacKind {
    /// The kind with this plural name in the group `rbac.authorization.k8s.io`.
    pub fn of_resource(resource: &str) -> Option<Self> {
        [Self::Role, Self::ClusterRole, Self::RoleBinding, Self::ClusterRoleBinding]
            .into_iter()
            .find(|kind| kind.resource() == resource)
    }

    /// The plural name.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Role => "roles",
            Self::ClusterRole => "clusterroles",
            Self::RoleBinding => "rolebindings",
            Self::ClusterRoleBinding => "clusterrolebindings",
        }
    }

    /// Whether its objects are in namespaces.
    pub fn is_namespaced(self) -> bool {
        matches!(self, Self::Role | Self::RoleBinding)
    }
}

/// An answer of the authorizer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request may go on.
    pub allowed: bool,
    /// What allowed it, or why bindings that might have could not be used. Empty for members of `system:masters`, and
    /// where nothing is to be said.
    pub reason: String,
}

/// A binding's role that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MissingRole {
    /// What the binding refers to.
    pub role_ref: RoleRef,
}

impl fmt::Display for MissingRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RoleRef { kind, name, .. } = &self.role_ref;
        match kind.as_str() {
            "Role" => write!(f, "role.rbac.authorization.k8s.io {} not found", quoted(name)),
            "ClusterRole" => write!(f, "clusterrole.rbac.authorization.k8s.io {} not found", quoted(name)),
            kind => write!(f, "unsupported role reference kind: {}", quoted(kind)),
        }
    }
}

/// What holds for a user in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings<'a> {
    /// Every rule of every role that is bound to the user.
    pub rules: Vec<&'a PolicyRule>,
    /// The bound roles that are not there.
    pub missing: Vec<MissingRole>,
}

/// Roles and bindings. Kept up to date with [`Policy::apply`] and [`Policy::remove`]; asked with
/// [`Policy::authorize`].
#[derive(Clone, Debug, Default)]
pub struct Policy {
    roles: HashMap<String, HashMap<String, Role>>,
    cluster_roles: HashMap<String, Role>,
    /// By namespace; the empty one has the cluster's.
    bindings: HashMap<String, BindingIndex>,
}

impl Policy {
    /// Puts an object in, in place of the one of that name.
    ///
    /// An object that cannot be read is an error, and nothing of its name is left: it grants nothing.
    pub fn apply(&mut self, kind: RbacKind, object: &Value) -> Result<(), serde_json::Error> {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        let namespace = if kind.is_namespaced() { text("namespace") } else { "" };
        self.remove(kind, namespace, text("name"));
        if kind.is_namespaced() && namespace.is_empty() {
            // Otherwise it would hold for the whole cluster.
            return Err(serde_json::Error::custom("metadata.namespace: required for roles and rolebindings"));
        }
        match kind {
            RbacKind::Role => {
                let role = Role::deserialize(object)?;
                let roles = self.roles.entry(namespace.to_owned()).or_default();
                roles.insert(role.metadata.name.clone(), role);
            }
            RbacKind::ClusterRole => {
                let role = Role::deserialize(object)?;
                self.cluster_roles.insert(role.metadata.name.clone(), role);
            }
            RbacKind::RoleBinding | RbacKind::ClusterRoleBinding => {
                let mut binding = Binding::deserialize(object)?;
                namespace.clone_into(&mut binding.metadata.namespace);
                self.bindings.entry(namespace.to_owned()).or_default().insert(binding);
            }
        }
        Ok(())
    }

    /// Takes an object out. The namespace of cluster kinds is empty.
    pub fn remove(&mut self, kind: RbacKind, namespace: &str, name: &str) {
        match kind {
            RbacKind::Role => {
                if let Some(roles) = self.roles.get_mut(namespace) {
                    roles.remove(name);
                    if roles.is_empty() {
                        self.roles.remove(namespace);
                    }
                }
            }
            RbacKind::ClusterRole => {
                self.cluster_roles.remove(name);
            }
            RbacKind::RoleBinding | RbacKind::ClusterRoleBinding => {
                if let Some(bindings) = self.bindings.get_mut(namespace) {
                    bindings.remove(name);
                    if bindings.is_empty() {
                        self.bindings.remove(namespace);
                    }
                }
            }
        }
    }

    /// May the user do this?
    pub fn authorize(&self, user: &User, attributes: &Attributes<'_>) -> Decision {
        if user.is_master() {
            return Decision { allowed: true, reason: String::new() };
        }
        let mut missing = Vec::new();
        for binding in self.bindings_of(user, attributes.namespace()) {
            match self.rules(&binding.role_ref, &binding.metadata.namespace) {
                Err(role) => missing.push(role),
                Ok(rules) if rules.iter().any(|rule| rule.allows(attributes)) => {
                    let source = binding.subject_of(user).map(|subject| binding.describe(subject));
                    let reason = format!("RBAC: allowed by {}", source.unwrap_or_default());
                    return Decision { allowed: true, reason };
                }
                Ok(_) => {}
            }
        }
        let reason = if missing.is_empty() { String::new() } else { format!("RBAC: {}", joined(&missing)) };
        Decision { allowed: false, reason }
    }

    /// All that the user holds in the namespace, or at the cluster's scope if it is empty.
    pub fn holdings(&self, user: &User, namespace: &str) -> Holdings<'_> {
        let mut holdings = Holdings::default();
        for binding in self.bindings_of(user, namespace) {
            match self.rules(&binding.role_ref, &binding.metadata.namespace) {
                Ok(rules) => holdings.rules.extend(rules),
                Err(role) => holdings.missing.push(role),
            }
        }
        holdings
    }

    /// The rules of the role that a binding of this namespace refers to.
    pub fn rules(&self, role_ref: &RoleRef, namespace: &str) -> Result<&[PolicyRule], MissingRole> {
        let role = match role_ref.kind.as_str() {
            "Role" => self.roles.get(namespace).and_then(|roles| roles.get(&role_ref.name)),
            "ClusterRole" => self.cluster_roles.get(&role_ref.name),
            _ => None,
        };
        role.map(|role| role.rules.as_slice()).ok_or_else(|| MissingRole { role_ref: role_ref.clone() })
    }

    /// The aggregated ClusterRoles whose rules are not what their selectors make of the others, and what they should
    /// be. A role that aggregates aggregated roles settles after as many rounds as they are deep.
    pub fn stale_aggregates(&self) -> Vec<(String, Vec<PolicyRule>)> {
        let mut stale: Vec<_> = self
            .cluster_roles
            .values()
            .filter_map(|role| {
                let rules = aggregation::rules(role, self.cluster_roles.values())?;
                (rules != role.rules).then(|| (role.metadata.name.clone(), rules))
            })
            .collect();
        stale.sort_by(|(a, _), (b, _)| a.cmp(b));
        stale
    }

    fn bindings_of<'p, 'u>(
        &'p self,
        user: &'u User,
        namespace: &str,
    ) -> impl Iterator<Item = &'p Binding> + use<'p, 'u> {
        let cluster = self.bindings.get("");
        let local = if namespace.is_empty() { None } else { self.bindings.get(namespace) };
        cluster.into_iter().chain(local).flat_map(|bindings| bindings.of(user))
    }
}

/// Several errors as one text: each once, in brackets if there are several.
pub(super) fn joined<T: fmt::Display>(errors: &[T]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for error in errors {
        let text = error.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    if texts.len() == 1 { texts.concat() } else { format!("[{}]", texts.join(", ")) }
}

#[cfg(test)]
mod tests;
