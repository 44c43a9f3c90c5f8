//! What a request asks for, as roles see it.

use crate::auth::{Refusal, User, quote::quoted};

/// A verb and what it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection` or a verb that only roles
    /// know, such as `escalate`; for a path the HTTP method in lower case.
    pub verb: &'a str,
    /// What the verb is done to.
    pub target: Target<'a>,
}

/// What a verb is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// An object, or a collection of them.
    Resource(ResourceTarget<'a>),
    /// A path outside the API's resources, such as `/healthz`.
    Path(&'a str),
}

/// One resource's object or collection. A version is no part of it: roles do not tell versions apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceTarget<'a> {
    /// The API group; empty for the core group.
    pub group: &'a str,
    /// The plural name.
    pub resource: &'a str,
    /// Empty for the object itself.
    pub subresource: &'a str,
    /// Empty at the cluster's scope, or for all namespaces.
    pub namespace: &'a str,
    /// Empty for a collection.
    pub name: &'a str,
}

impl<'a> Attributes<'a> {
    /// A verb on a resource.
    pub fn resource(verb: &'a str, target: ResourceTarget<'a>) -> Self {
        Self { verb, target: Target::Resource(target) }
    }

    /// A method, in lower case, on a path.
    pub fn path(verb: &'a str, path: &'a str) -> Self {
        Self { verb, target: Target::Path(path) }
    }

    /// The namespace whose bindings apply beside the cluster's; empty if none.
    pub fn namespace(&self) -> &'a str {
        match self.target {
            Target::Resource(target) => target.namespace,
            Target::Path(_) => "",
        }
    }

    /// The 403 that answers a denied request; with the authorizer's reason, if it has one.
    pub fn refusal(&self, user: &User, reason: &str) -> Refusal {
        let sentence = self.sentence(user).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let message = if reason.is_empty() { sentence } else { format!("{sentence}: {reason}") };
        let target = match self.target {
            Target::Resource(target) => target,
            Target::Path(_) => ResourceTarget::default(),
        };
        Refusal::Forbidden {
            group: target.group.to_owned().into(),
            resource: target.resource.to_owned().into(),
            name: target.name.to_owned(),
            message,
        }
    }

    fn sentence(&self, user: &User) -> String {
        let (user, verb) = (quoted(&user.name), self.verb);
        match self.target {
            Target::Path(path) => format!("User {user} cannot {verb} path {}", quoted(path)),
            Target::Resource(target) => {
                let resource = match target.subresource {
                    "" => quoted(target.resource),
                    subresource => quoted(&format!("{}/{subresource}", target.resource)),
                };
                let group = quoted(target.group);
                let scope = match target.namespace {
                    "" => "at the cluster scope".to_owned(),
                    namespace => format!("in the namespace {}", quoted(namespace)),
                };
                format!("User {user} cannot {verb} resource {resource} in API group {group} {scope}")
            }
        }
    }
}

/// A resource with its group, as messages write it: `roles.rbac.authorization.k8s.io`, `pods`.
pub(crate) fn qualified(group: &str, resource: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_user_verb_resource_and_scope() {
        let user = User::new("x", ["g"]);
        let pods = ResourceTarget { resource: "pods", namespace: "default", ..Default::default() };
        let cases = [
            (
                Attributes::resource("list", pods),
                "pods is forbidden: User \"x\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"",
            ),
            (
                Attributes::resource("get", ResourceTarget { name: "a", subresource: "log", ..pods }),
                "pods \"a\" is forbidden: User \"x\" cannot get resource \"pods/log\" in API group \"\" in the namespace \"default\"",
            ),
            (
                Attributes::resource(
                    "create",
                    ResourceTarget { group: "apps", resource: "deployments", ..Default::default() },
                ),
                "deployments.apps is forbidden: User \"x\" cannot create resource \"deployments\" in API group \"apps\" at the cluster scope",
            ),
            (
                Attributes::path("get", "/metrics<1>"),
                "forbidden: User \"x\" cannot get path \"/metrics&lt;1&gt;\"",
            ),
        ];
        for (attributes, message) in cases {
            assert_eq!(attributes.refusal(&user, "").to_string(), message);
        }
        let missing = "RBAC: role.rbac.authorization.k8s.io \"r\" not found";
        assert!(
            Attributes::path("get", "/")
                .refusal(&user, missing)
                .to_string()
                .ends_with("cannot get path \"/\": RBAC: role.rbac.authorization.k8s.io \"r\" not found")
        );
    }
}
