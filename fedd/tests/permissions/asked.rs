//! What an account asked of an API server, by its audit log, beside what its roles grant.

use std::collections::BTreeSet;

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The audit log of what one account asks.
pub(crate) struct AuditLog {
    folder: TempDir,
}

/// What was asked: a resource with its subresource, or a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    verb: String,
    path: Option<String>,
    group: String,
    resource: String,
    namespace: String,
    name: String,
}

/// A rule, and the namespace in which it holds if that is not everywhere.
pub(crate) struct Granted {
    namespace: Option<String>,
    rule: PolicyRule,
}

impl AuditLog {
    pub(crate) fn of(account: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policy = json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
            "rules": [{"level": "Metadata", "users": [account]}, {"level": "None"}]});
        std::fs::write(folder.path().join("policy"), policy.to_string()).unwrap();
        Self { folder }
    }

    /// Of kube-apiserver. What it has answered is in the log.
    pub(crate) fn flags(&self) -> Vec<String> {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            format!("--audit-policy-file={}", file("policy")),
            format!("--audit-log-path={}", file("log")),
            "--audit-log-mode=blocking".to_owned(),
        ]
    }

    /// Each of its requests once, and none that was refused.
    pub(crate) fn asked(&self) -> BTreeSet<Asked> {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        // The last line may still be written.
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        events
            .map(|event| {
                assert_ne!(event["responseStatus"]["code"], 403, "{event}");
                let object = &event["objectRef"];
                let resource = [text(&object["resource"]), text(&object["subresource"])];
                let uri = text(&event["requestURI"]);
                Asked {
                    verb: text(&event["verb"]),
                    path: object.is_null().then(|| uri.split('?').next().unwrap_or_default().to_owned()),
                    group: text(&object["apiGroup"]),
                    resource: resource.join("/").trim_end_matches('/').to_owned(),
                    namespace: text(&object["namespace"]),
                    name: text(&object["name"]),
                }
            })
            .collect()
    }
}

/// The rules of roles, as they are printed.
pub(crate) fn granted(printed: &[Value]) -> Vec<Granted> {
    let roles =
        printed.iter().filter(|object| ["Role", "ClusterRole"].contains(&object["kind"].as_str().unwrap()));
    roles
        .flat_map(|role| {
            let rules: Vec<PolicyRule> = serde_json::from_value(role["rules"].clone()).unwrap();
            let namespace = role["metadata"]["namespace"].as_str().map(str::to_owned);
            rules.into_iter().map(move |rule| Granted { namespace: namespace.clone(), rule })
        })
        .collect()
}

impl Granted {
    fn allows(&self, asked: &Asked) -> bool {
        let has = |list: &Option<Vec<String>>, one: &str| list.iter().flatten().any(|other| other == one);
        if !self.rule.verbs.contains(&asked.verb) {
            return false;
        }
        if let Some(path) = &asked.path {
            return has(&self.rule.non_resource_urls, path);
        }
        self.namespace.as_ref().is_none_or(|namespace| *namespace == asked.namespace)
            && has(&self.rule.api_groups, &asked.group)
            && has(&self.rule.resources, &asked.resource)
            && (self.rule.resource_names.is_none() || has(&self.rule.resource_names, &asked.name))
    }

    /// What of it was used by none of these requests: verbs, resources, names and paths, each by itself. A rule has many types
    /// in it, all with the same verbs.
    fn unused(&self, asked: &BTreeSet<Asked>) -> Vec<String> {
        let of_this: Vec<_> = asked.iter().filter(|asked| self.allows(asked)).collect();
        let lists: [(_, &dyn Fn(&Asked) -> Option<&str>); 4] = [
            (Some(&self.rule.verbs), &|asked| Some(&asked.verb)),
            (self.rule.resources.as_ref(), &|asked| Some(&asked.resource)),
            (self.rule.resource_names.as_ref(), &|asked| Some(&asked.name)),
            (self.rule.non_resource_urls.as_ref(), &|asked| asked.path.as_deref()),
        ];
        let mut unused = Vec::new();
        for (list, part) in lists {
            let parts = list.into_iter().flatten();
            let is_unused = |one: &&String| of_this.iter().all(|asked| part(asked) != Some(one.as_str()));
            let whose = self.rule.resources.iter().flatten().cloned().collect::<Vec<_>>().join(",");
            unused.extend(parts.filter(is_unused).map(|one| format!("{whose} {one}")));
        }
        unused
    }
}

/// What was asked that nothing grants.
pub(crate) fn not_granted<'a>(granted: &[Granted], asked: &'a BTreeSet<Asked>) -> Vec<&'a Asked> {
    asked.iter().filter(|asked| !granted.iter().any(|granted| granted.allows(asked))).collect()
}

/// What is granted and was never asked for.
pub(crate) fn unused(granted: &[Granted], asked: &BTreeSet<Asked>) -> Vec<String> {
    granted.iter().flat_map(|granted| granted.unused(asked)).collect()
}
