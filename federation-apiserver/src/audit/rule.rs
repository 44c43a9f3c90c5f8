//! Which requests a rule of an audit policy is for.

use serde::Deserialize;

use super::{Level, Stage};
use crate::auth::{Attributes, ResourceTarget, Target, User};

/// A rule: the first that matches a request decides what is recorded of it. What is empty matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// How much is recorded.
    #[serde(default)]
    pub level: Level,
    /// Names of users.
    #[serde(default)]
    pub users: Vec<String>,
    /// Groups, one of which the user must be in.
    #[serde(default)]
    pub user_groups: Vec<String>,
    /// Verbs.
    #[serde(default)]
    pub verbs: Vec<String>,
    /// Resources; the rule then matches no other paths.
    #[serde(default)]
    pub resources: Vec<GroupResources>,
    /// Namespaces; the empty one is the cluster's scope. The rule then matches no other paths.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Paths that are no resources; a `*` at the end stands for anything.
    #[serde(default, rename = "nonResourceURLs")]
    pub non_resource_urls: Vec<String>,
    /// Stages of which no event is written, beside the policy's.
    #[serde(default)]
    pub omit_stages: Vec<Stage>,
    /// Managed fields are left out of bodies; the policy's if it is not said.
    #[serde(default)]
    pub omit_managed_fields: Option<bool>,
}

/// Resources of one API group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupResources {
    /// The group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// `pods`, `pods/log`, `pods/*`, `*/scale` or `*`; none for all of the group.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Names of objects; none for all.
    #[serde(default)]
    pub resource_names: Vec<String>,
}

/// A request, as far as rules look at it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Who asks, before they act as somebody else; absent where nobody has been recognised.
    pub user: Option<&'a User>,
    /// What for.
    pub attributes: Attributes<'a>,
}

impl Rule {
    /// Whether the rule is for a request.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.matches_user(subject.user)
            && any(&self.verbs, |verb| verb == subject.attributes.verb)
            && self.matches_target(&subject.attributes.target)
    }

    fn matches_user(&self, user: Option<&User>) -> bool {
        any(&self.users, |name| user.is_some_and(|user| user.name == *name))
            && any(&self.user_groups, |group| user.is_some_and(|user| user.is_in(group)))
    }

    fn matches_target(&self, target: &Target<'_>) -> bool {
        let of_resources = !self.resources.is_empty() || !self.namespaces.is_empty();
        match target {
            Target::Resource(target) if of_resources => {
                any(&self.namespaces, |namespace| namespace == target.namespace)
                    && any(&self.resources, |resources| resources.has(target))
            }
            Target::Resource(_) => self.non_resource_urls.is_empty(),
            Target::Path(_) if of_resources => false,
            Target::Path(path) => any(&self.non_resource_urls, |pattern| match pattern.strip_suffix('*') {
                Some(beginning) => path.starts_with(beginning),
                None => pattern == path,
            }),
        }
    }
}

impl GroupResources {
    fn has(&self, target: &ResourceTarget<'_>) -> bool {
        self.group == target.group
            && (self.resources.is_empty()
                || any(&self.resource_names, |name| name == target.name)
                    && self.resources.iter().any(|pattern| is_resource(pattern, target)))
    }
}

/// Whether a pattern such as `pods`, `pods/*` or `*/scale` is for a resource.
fn is_resource(pattern: &str, target: &ResourceTarget<'_>) -> bool {
    let ResourceTarget { resource, subresource, .. } = *target;
    match pattern.split_once('/') {
        _ if pattern == "*" => true,
        Some((parent, "*")) if parent == resource => true,
        Some(("*", part)) => !subresource.is_empty() && part == subresource,
        Some((parent, part)) => parent == resource && part == subresource,
        None => pattern == resource && subresource.is_empty(),
    }
}

/// Whether one of them holds, or there are none.
fn any<T>(of: &[T], holds: impl Fn(&T) -> bool) -> bool {
    of.is_empty() || of.iter().any(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        serde_json::from_str(text).unwrap()
    }

    fn pods<'a>(subresource: &'a str, namespace: &'a str, name: &'a str) -> Attributes<'a> {
        let target = ResourceTarget { group: "", resource: "pods", subresource, namespace, name };
        Attributes::resource("get", target)
    }

    fn matches(text: &str, attributes: Attributes<'_>) -> bool {
        let user = User::new("alice", ["devs"]);
        rule(text).matches(&Subject { user: Some(&user), attributes })
    }

    #[test]
    fn users_groups_and_verbs_must_all_match() {
        let pod = pods("", "a", "p");
        for (text, expected) in [
            ("{}", true),
            (r#"{"users":["alice"]}"#, true),
            (r#"{"users":["bob"]}"#, false),
            (r#"{"userGroups":["ops","devs"]}"#, true),
            (r#"{"userGroups":["ops"]}"#, false),
            (r#"{"users":["alice"],"userGroups":["ops"]}"#, false),
            (r#"{"verbs":["get","list"]}"#, true),
            (r#"{"verbs":["list"]}"#, false),
        ] {
            assert_eq!(matches(text, pod), expected, "{text}");
        }
        let nobody = Subject { user: None, attributes: pod };
        assert!(rule("{}").matches(&nobody));
        assert!(!rule(r#"{"users":["alice"]}"#).matches(&nobody));
        assert!(!rule(r#"{"userGroups":["devs"]}"#).matches(&nobody));
    }

    #[test]
    fn resources_are_named_with_their_parts() {
        let of = |patterns: &str| format!(r#"{{"resources":[{{"resources":{patterns}}}]}}"#);
        for (patterns, whole, log) in [
            ("[]", true, true),
            (r#"["*"]"#, true, true),
            (r#"["pods"]"#, true, false),
            (r#"["pods/log"]"#, false, true),
            (r#"["pods/*"]"#, true, true),
            (r#"["*/log"]"#, false, true),
            (r#"["*/scale"]"#, false, false),
            (r#"["services"]"#, false, false),
        ] {
            assert_eq!(matches(&of(patterns), pods("", "a", "p")), whole, "{patterns}");
            assert_eq!(matches(&of(patterns), pods("log", "a", "p")), log, "{patterns}");
        }
        assert!(!matches(r#"{"resources":[{"group":"apps"}]}"#, pods("", "a", "p")));
        let named = r#"{"resources":[{"resources":["pods"],"resourceNames":["p"]}]}"#;
        assert!(matches(named, pods("", "a", "p")));
        assert!(!matches(named, pods("", "a", "q")));
    }

    #[test]
    fn namespaces_and_paths_exclude_each_other() {
        assert!(matches(r#"{"namespaces":["a"]}"#, pods("", "a", "p")));
        assert!(!matches(r#"{"namespaces":["a"]}"#, pods("", "b", "p")));
        assert!(matches(r#"{"namespaces":[""]}"#, pods("", "", "")), "all namespaces");
        let healthz = Attributes::path("get", "/healthz/etcd");
        assert!(!matches(r#"{"namespaces":[""]}"#, healthz));
        for (pattern, expected) in
            [("*", true), ("/healthz*", true), ("/healthz/etcd", true), ("/healthz", false), ("/v*", false)]
        {
            let text = format!(r#"{{"nonResourceURLs":["{pattern}"]}}"#);
            assert_eq!(matches(&text, healthz), expected, "{pattern}");
            assert!(!matches(&text, pods("", "a", "p")));
        }
    }
}
