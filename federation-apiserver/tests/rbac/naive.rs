//! The authorizer as one would write it down from the documentation: every binding, every time, over plain JSON.

use std::collections::BTreeSet;

use serde_json::Value;

use federation_apiserver::auth::{Attributes, RbacKind, Target, User};

use crate::worlds::World;

/// Every reason that may be given.
#[derive(Debug, Default)]
pub(crate) struct Naive {
    pub(crate) allowed: BTreeSet<String>,
    pub(crate) missing: BTreeSet<String>,
}

impl Naive {
    /// Whether an answer is one that may be given.
    pub(crate) fn permits(&self, allowed: bool, reason: &str) -> bool {
        if allowed {
            return self.allowed.contains(reason);
        }
        let text = reason.strip_prefix("RBAC: ").unwrap_or(reason).trim_matches(['[', ']']);
        let missing: BTreeSet<_> =
            text.split(", ").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        self.allowed.is_empty() && missing == self.missing
    }
}

pub(crate) fn ask(world: &World, user: &User, attributes: &Attributes<'_>) -> Naive {
    let mut answer = Naive::default();
    for (kind, binding) in world {
        let own = text(binding, "/metadata/namespace");
        let applies = match kind {
            RbacKind::ClusterRoleBinding => true,
            RbacKind::RoleBinding => own == attributes.namespace(),
            _ => false,
        };
        let subjects = binding["subjects"].as_array().into_iter().flatten();
        let Some(subject) = subjects.into_iter().find(|subject| is(user, subject, own)).filter(|_| applies)
        else {
            continue;
        };
        let (role_kind, role_name) = (text(binding, "/roleRef/kind"), text(binding, "/roleRef/name"));
        let role = world.iter().find(|(kind, role)| {
            text(role, "/metadata/name") == role_name
                && match kind {
                    RbacKind::Role => role_kind == "Role" && text(role, "/metadata/namespace") == own,
                    RbacKind::ClusterRole => role_kind == "ClusterRole",
                    _ => false,
                }
        });
        let Some((_, role)) = role else {
            let plural = role_kind.to_lowercase();
            answer.missing.insert(format!("{plural}.rbac.authorization.k8s.io \"{role_name}\" not found"));
            continue;
        };
        if role["rules"].as_array().into_iter().flatten().any(|rule| allows(rule, attributes)) {
            let name = text(binding, "/metadata/name");
            let what = match kind {
                RbacKind::RoleBinding => format!("RoleBinding \"{name}/{own}\""),
                _ => format!("ClusterRoleBinding \"{name}\""),
            };
            let (subject_kind, mut whom) = (text(subject, "/kind"), text(subject, "/name").to_owned());
            if subject_kind == "ServiceAccount" {
                let namespace =
                    Some(text(subject, "/namespace")).filter(|own| !own.is_empty()).unwrap_or(own);
                whom = format!("{whom}/{namespace}");
            }
            let by = format!("{what} of {role_kind} \"{role_name}\" to {subject_kind} \"{whom}\"");
            answer.allowed.insert(format!("RBAC: allowed by {by}"));
        }
    }
    answer
}

fn is(user: &User, subject: &Value, own: &str) -> bool {
    let name = text(subject, "/name");
    match text(subject, "/kind") {
        "User" => user.name == name,
        "Group" => user.groups.iter().any(|group| group == name),
        _ => {
            let said = text(subject, "/namespace");
            let namespace = if said.is_empty() { own } else { said };
            user.name == format!("system:serviceaccount:{namespace}:{name}")
        }
    }
}

fn allows(rule: &Value, attributes: &Attributes<'_>) -> bool {
    let any = |field: &str, test: &dyn Fn(&str) -> bool| {
        rule[field].as_array().into_iter().flatten().filter_map(Value::as_str).any(test)
    };
    any("verbs", &|verb| verb == "*" || verb == attributes.verb)
        && match attributes.target {
            Target::Path(path) => any("nonResourceURLs", &|url| match url.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => url == path,
            }),
            Target::Resource(target) => {
                let (group, sub) = (target.group, target.subresource);
                let whole = if sub.is_empty() {
                    target.resource.to_owned()
                } else {
                    format!("{}/{sub}", target.resource)
                };
                any("apiGroups", &|own| own == "*" || own == group)
                    && any("resources", &|own| {
                        own == "*" || own == whole || (!sub.is_empty() && own == format!("*/{sub}"))
                    })
                    && (rule["resourceNames"].is_null() || any("resourceNames", &|name| name == target.name))
            }
        }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
