//! Bindings as objects: which role, to whom.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::auth::{User, quote::quoted, role::RoleMeta, rule::null_is_empty, service_account_name};

/// A RoleBinding or, with an empty namespace, a ClusterRoleBinding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Binding {
    /// Name and namespace.
    pub metadata: RoleMeta,
    /// To whom.
    #[serde(deserialize_with = "null_is_empty")]
    pub subjects: Vec<Subject>,
    /// Which role.
    pub role_ref: RoleRef,
}

/// One subject of a binding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subject {
    /// `User`, `Group` or `ServiceAccount`. Anything else is nobody.
    pub kind: String,
    /// The name.
    pub name: String,
    /// A service account's namespace; the binding's if empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

/// The role that a binding gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleRef {
    /// `rbac.authorization.k8s.io`.
    pub api_group: String,
    /// `Role`, in the binding's namespace, or `ClusterRole`.
    pub kind: String,
    /// The name.
    pub name: String,
}

/// Whom a subject stands for, as the index keys it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Principal {
    User(String),
    Group(String),
}

impl Binding {
    /// The first subject that is the user, which is the one that reasons name.
    pub fn subject_of(&self, user: &User) -> Option<&Subject> {
        self.subjects.iter().find(|subject| match subject.principal(&self.metadata.namespace) {
            Some(Principal::User(name)) => name == user.name,
            Some(Principal::Group(name)) => user.is_in(&name),
            None => false,
        })
    }

    /// The binding and the subject in the words of an authorizer's reason.
    pub(super) fn describe(&self, subject: &Subject) -> String {
        let RoleMeta { name, namespace, .. } = &self.metadata;
        let binding = match namespace.as_str() {
            "" => format!("ClusterRoleBinding {}", quoted(name)),
            namespace => format!("RoleBinding {}", quoted(&format!("{name}/{namespace}"))),
        };
        let role = quoted(&self.role_ref.name);
        format!("{binding} of {} {role} to {}", self.role_ref.kind, Described { subject, namespace })
    }
}

impl Subject {
    /// Whom the subject stands for in a binding of this namespace; nobody if the kind is unknown, or if a service
    /// account's namespace is said nowhere.
    pub(super) fn principal(&self, binding_namespace: &str) -> Option<Principal> {
        match self.kind.as_str() {
            "User" => Some(Principal::User(self.name.clone())),
            "Group" => Some(Principal::Group(self.name.clone())),
            "ServiceAccount" => match self.namespace_or(binding_namespace) {
                "" => None,
                namespace => Some(Principal::User(service_account_name(namespace, &self.name))),
            },
            _ => None,
        }
    }

    fn namespace_or<'a>(&'a self, default: &'a str) -> &'a str {
        if self.namespace.is_empty() { default } else { &self.namespace }
    }
}

struct Described<'a> {
    subject: &'a Subject,
    namespace: &'a str,
}

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Subject { kind, name, .. } = self.subject;
        match kind.as_str() {
            "ServiceAccount" => {
                let namespace = self.subject.namespace_or(self.namespace);
                write!(f, "{kind} {}", quoted(&format!("{name}/{namespace}")))
            }
            _ => write!(f, "{kind} {}", quoted(name)),
        }
    }
}
