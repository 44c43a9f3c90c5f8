//! Random roles, bindings, users and questions, of few words so that they meet. A real API server takes all objects.

use std::{collections::HashSet, ops::RangeInclusive};

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use federation_apiserver::auth::{Attributes, RbacKind, ResourceTarget, Target, User};

/// Objects by kind; no two have the same kind, namespace and name.
pub(crate) type World = Vec<(RbacKind, Value)>;

/// A question that owns its words.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    Resource {
        verb: String,
        group: String,
        resource: String,
        subresource: String,
        namespace: String,
        name: String,
    },
    Path {
        verb: String,
        path: String,
    },
}

impl Question {
    pub(crate) fn attributes(&self) -> Attributes<'_> {
        match self {
            Self::Path { verb, path } => Attributes { verb, target: Target::Path(path) },
            Self::Resource { verb, group, resource, subresource, namespace, name } => {
                Attributes::resource(verb, ResourceTarget { group, resource, subresource, namespace, name })
            }
        }
    }
}

pub(crate) const NAMESPACES: [&str; 2] = ["n1", "n2"];
const VERBS: [&str; 4] = ["get", "list", "create", "*"];
const GROUPS: [&str; 3] = ["", "apps", "*"];
const RESOURCES: [&str; 7] =
    ["pods", "pods/log", "*/log", "deployments", "deployments/scale", "*/scale", "*"];
const PATHS: [&str; 5] = ["/healthz", "/metrics", "/metrics/*", "/api*", "*"];
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
const ACCOUNTS: [&str; 2] = ["s1", "s2"];

pub(crate) fn worlds(size: RangeInclusive<usize>) -> impl Strategy<Value = World> {
    vec(object(), size).prop_map(|objects| {
        let mut seen = HashSet::new();
        let name =
            |object: &Value| format!("{}/{}", object["metadata"]["namespace"], object["metadata"]["name"]);
        objects.into_iter().filter(|(kind, object)| seen.insert((*kind, name(object)))).collect()
    })
}

pub(crate) fn users() -> impl Strategy<Value = User> {
    let groups = vec(words(&["g1", "g2", "g3"]), 0..=2);
    let people = (words(&["u1", "u2", "u3"]), groups).prop_map(|(name, groups)| User::new(name, groups));
    let accounts = (words(&NAMESPACES), words(&ACCOUNTS))
        .prop_map(|(namespace, name)| User::service_account(&namespace, &name, ""));
    prop_oneof![3 => people, 1 => accounts]
}

pub(crate) fn questions() -> impl Strategy<Value = Question> {
    let resource = (
        words(&["get", "list", "create", "watch", "*"]),
        words(&["", "apps", "batch"]),
        words(&["pods", "deployments", "*"]),
        words(&["", "", "log", "scale"]),
        words(&["", "n1", "n2"]),
        words(&["", "x", "y", "z"]),
    )
        .prop_map(|(verb, group, resource, subresource, namespace, name)| Question::Resource {
            verb,
            group,
            resource,
            subresource,
            namespace,
            name,
        });
    let paths = ["/healthz", "/metrics", "/metrics/a", "/api", "/apis/apps", "/"];
    let path =
        (words(&["get", "create"]), words(&paths)).prop_map(|(verb, path)| Question::Path { verb, path });
    prop_oneof![4 => resource, 1 => path]
}

/// Rules of a Role, which has no paths.
pub(crate) fn resource_rules() -> impl Strategy<Value = Vec<Value>> {
    vec(resource_rule(), 0..=4)
}

pub(crate) fn cluster_rules() -> impl Strategy<Value = Vec<Value>> {
    let path = (some(&VERBS), some(&PATHS))
        .prop_map(|(verbs, urls)| json!({"verbs": verbs, "nonResourceURLs": urls}));
    vec(prop_oneof![3 => resource_rule(), 1 => path], 0..=4)
}

fn resource_rule() -> impl Strategy<Value = Value> {
    let names = prop_oneof![2 => Just(Vec::new()), 1 => some(&["x", "y"])];
    (some(&VERBS), some(&GROUPS), some(&RESOURCES), names).prop_map(|(verbs, groups, resources, names)| {
        let mut rule = json!({"verbs": verbs, "apiGroups": groups, "resources": resources});
        if !names.is_empty() {
            rule["resourceNames"] = json!(names);
        }
        rule
    })
}

fn object() -> impl Strategy<Value = (RbacKind, Value)> {
    let role = (words(&NAMES), words(&NAMESPACES), resource_rules()).prop_map(|(name, namespace, rules)| {
        let meta = json!({"name": name, "namespace": namespace});
        (RbacKind::Role, json!({"metadata": meta, "rules": rules}))
    });
    let cluster_role = (words(&NAMES), cluster_rules()).prop_map(|(name, rules)| {
        (RbacKind::ClusterRole, json!({"metadata": {"name": name}, "rules": rules}))
    });
    let binding =
        (words(&NAMES), words(&NAMESPACES), words(&["Role", "ClusterRole"]), role_name(), subjects(false))
            .prop_map(|(name, namespace, kind, role, subjects)| {
                let meta = json!({"name": name, "namespace": namespace});
                (RbacKind::RoleBinding, bound(meta, &kind, &role, &subjects))
            });
    let cluster_binding = (words(&NAMES), role_name(), subjects(true)).prop_map(|(name, role, subjects)| {
        (RbacKind::ClusterRoleBinding, bound(json!({"name": name}), "ClusterRole", &role, &subjects))
    });
    prop_oneof![role, cluster_role, binding, cluster_binding]
}

fn bound(metadata: Value, kind: &str, role: &str, subjects: &[Value]) -> Value {
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role});
    json!({"metadata": metadata, "roleRef": role, "subjects": subjects})
}

fn role_name() -> impl Strategy<Value = String> {
    words(&["a", "b", "c", "d", "e", "missing"])
}

/// A service account of a RoleBinding may leave its namespace out.
fn subjects(cluster: bool) -> impl Strategy<Value = Vec<Value>> {
    let group = "rbac.authorization.k8s.io";
    let user = words(&["u1", "u2", "u3", "system:serviceaccount:n1:s1"])
        .prop_map(move |name| json!({"kind": "User", "apiGroup": group, "name": name}));
    let groups = words(&["g1", "g2", "g3", "system:serviceaccounts:n2"])
        .prop_map(move |name| json!({"kind": "Group", "apiGroup": group, "name": name}));
    let account = (words(&ACCOUNTS), words(&["n1", "n2", ""])).prop_map(move |(name, namespace)| {
        let mut subject = json!({"kind": "ServiceAccount", "name": name});
        if cluster || !namespace.is_empty() {
            subject["namespace"] = json!(if namespace.is_empty() { "n1" } else { &namespace });
        }
        subject
    });
    vec(prop_oneof![user, groups, account], 0..=3)
}

fn some(from: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    vec(words(from), 1..=2)
}

fn words(from: &[&str]) -> impl Strategy<Value = String> + use<> {
    select(from.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
}
