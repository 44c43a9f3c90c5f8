//! Which requests a webhook asks for: `rules`.

use serde_json::Value;

/// What a rule looks at in a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    /// `CREATE`, `UPDATE` or `DELETE`.
    pub(super) operation: &'a str,
    pub(super) group: &'a str,
    pub(super) version: &'a str,
    pub(super) resource: &'a str,
    /// Empty for the object itself.
    pub(super) subresource: &'a str,
    /// Empty for what is in no namespace. Of a namespace, its own name.
    pub(super) namespace: &'a str,
}

impl Subject<'_> {
    fn is_namespace(&self) -> bool {
        self.group.is_empty() && self.version == "v1" && self.resource == "namespaces"
    }
}

/// A rule of a webhook (`admissionregistration.k8s.io/v1 RuleWithOperations`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    operations: Vec<String>,
    groups: Vec<String>,
    versions: Vec<String>,
    /// `resource`, or `resource/subresource`.
    resources: Vec<(String, String)>,
    /// `*`, `Namespaced` or `Cluster`.
    scope: String,
}

impl Rule {
    pub(super) fn new(rule: &Value) -> Self {
        let texts = |field: &str| -> Vec<String> {
            let all = rule[field].as_array().into_iter().flatten();
            all.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let split = |resource: String| match resource.split_once('/') {
            Some((resource, subresource)) => (resource.to_owned(), subresource.to_owned()),
            None => (resource, String::new()),
        };
        Self {
            operations: texts("operations"),
            groups: texts("apiGroups"),
            versions: texts("apiVersions"),
            resources: texts("resources").into_iter().map(split).collect(),
            scope: rule["scope"].as_str().unwrap_or("*").to_owned(),
        }
    }

    /// Whether the rule asks for a request. `*` stands for every resource but no subresource, `*/*` for both.
    pub(super) fn matches(&self, subject: &Subject<'_>) -> bool {
        let one_of = |all: &[String], wanted: &str| all.iter().any(|one| one == "*" || one == wanted);
        let in_namespace = !subject.namespace.is_empty() && !subject.is_namespace();
        let scope = match self.scope.as_str() {
            "*" => true,
            "Namespaced" => in_namespace,
            "Cluster" => !in_namespace,
            _ => false,
        };
        scope
            && one_of(&self.operations, subject.operation)
            && one_of(&self.groups, subject.group)
            && one_of(&self.versions, subject.version)
            && self.resources.iter().any(|(resource, subresource)| {
                (resource == "*" || resource == subject.resource)
                    && (subresource == "*" || subresource == subject.subresource)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CONFIG_MAP: Subject<'_> = Subject {
        operation: "CREATE",
        group: "",
        version: "v1",
        resource: "configmaps",
        subresource: "",
        namespace: "default",
    };
    const SCALE: Subject<'_> = Subject {
        operation: "UPDATE",
        group: "apps",
        version: "v1",
        resource: "deployments",
        subresource: "scale",
        namespace: "default",
    };
    const NAMESPACE: Subject<'_> = Subject { resource: "namespaces", namespace: "own", ..CONFIG_MAP };
    const NODE: Subject<'_> = Subject { resource: "nodes", namespace: "", ..CONFIG_MAP };

    #[track_caller]
    fn check(subject: Subject<'_>, change: (&str, Value), wanted: bool) {
        let mut rule =
            json!({"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]});
        rule[change.0] = change.1.clone();
        assert_eq!(Rule::new(&rule).matches(&subject), wanted, "{change:?} and {subject:?}");
    }

    #[test]
    fn each_part_has_to_match() {
        for (subject, field, value, wanted) in [
            (CONFIG_MAP, "operations", json!(["CREATE"]), true),
            (CONFIG_MAP, "operations", json!(["UPDATE", "DELETE"]), false),
            (CONFIG_MAP, "operations", json!(["UPDATE", "CREATE"]), true),
            (CONFIG_MAP, "operations", json!([]), false),
            (CONFIG_MAP, "apiGroups", json!([""]), true),
            (CONFIG_MAP, "apiGroups", json!(["apps"]), false),
            (SCALE, "apiGroups", json!(["apps", ""]), true),
            (SCALE, "apiGroups", json!([""]), false),
            (CONFIG_MAP, "apiVersions", json!(["v1"]), true),
            (CONFIG_MAP, "apiVersions", json!(["v2"]), false),
        ] {
            check(subject, (field, value), wanted);
        }
    }

    #[test]
    fn a_subresource_has_to_be_named() {
        for (subject, resources, wanted) in [
            (CONFIG_MAP, json!(["configmaps"]), true),
            (CONFIG_MAP, json!(["*"]), true),
            (CONFIG_MAP, json!(["*/*"]), true),
            (CONFIG_MAP, json!(["configmaps/*"]), true),
            (CONFIG_MAP, json!(["configmaps/status"]), false),
            (CONFIG_MAP, json!(["*/status"]), false),
            (CONFIG_MAP, json!(["secrets", "configmaps"]), true),
            (SCALE, json!(["deployments"]), false),
            (SCALE, json!(["*"]), false),
            (SCALE, json!(["deployments/scale"]), true),
            (SCALE, json!(["*/scale"]), true),
            (SCALE, json!(["deployments/*"]), true),
            (SCALE, json!(["*/*"]), true),
            (SCALE, json!(["replicasets/*"]), false),
            (SCALE, json!(["deployments/status"]), false),
        ] {
            check(subject, ("resources", resources), wanted);
        }
    }

    #[test]
    fn a_namespace_is_in_no_namespace() {
        for (subject, scope, wanted) in [
            (CONFIG_MAP, json!("*"), true),
            (CONFIG_MAP, json!("Namespaced"), true),
            (CONFIG_MAP, json!("Cluster"), false),
            (NAMESPACE, json!("Namespaced"), false),
            (NAMESPACE, json!("Cluster"), true),
            (NODE, json!("Namespaced"), false),
            (NODE, json!("Cluster"), true),
            (NODE, json!(null), true),
            (NODE, json!("Galaxy"), false),
        ] {
            check(subject, ("scope", scope), wanted);
        }
    }
}
