//! The federation's account on a member, and what it may do there.

use federation_model::{KubeFedCluster, Scope};
use kube::ResourceExt as _;
use kube::core::{ApiResource, GroupVersionKind};
use propagation_engine::rights::MemberRights;
use serde_json::{Value, json};

use super::host::JOINED_AS;
use crate::manifest::Manifest;
use crate::rotation::step;

/// The federation's account on a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its namespace: the federation's.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What an account is given. See docs/adr/0013.
#[derive(Clone, Debug, PartialEq)]
pub enum Grant {
    /// What the federated types take, and no more.
    Types(MemberRights),
    /// Everything, as KubeFed has it.
    Everything,
}

impl Grant {
    /// Its word in annotation [`GRANTED`](super::GRANTED).
    pub fn word(&self) -> &'static str {
        match self {
            Self::Types(_) => "federated-types",
            Self::Everything => "everything",
        }
    }
}

/// On what `join` made: that it did, so that `unjoin` takes away what is its own alone.
pub(super) const MADE_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "fedd-join");

impl Account {
    /// The account by which a cluster has joined; none if kubefedctl joined it, or people by hand.
    pub fn joined(cluster: &KubeFedCluster) -> Option<Self> {
        let (namespace, name) = cluster.annotations().get(JOINED_AS)?.split_once('/')?;
        Some(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// Name of its role and of the binding (KubeFed's).
    pub fn role(&self) -> String {
        format!("kubefed-controller-manager:{}", self.name)
    }

    /// Name of the role for what has no namespace, where the federation is of one namespace (KubeFed's).
    pub fn health_role(&self) -> String {
        format!("kubefed-controller-manager:{}:healthcheck-{}", self.namespace, self.name)
    }

    /// Name of the role by which it renews its own token.
    pub fn credentials_role(&self) -> String {
        format!("{}:credentials", self.role())
    }

    /// What it consists of on the member, in the order in which it can be applied.
    pub fn objects(&self, scope: Scope, grant: &Grant) -> Vec<Manifest> {
        // It is nobody's inside the member: no pod gets its token.
        let no_pods = json!({"automountServiceAccountToken": false});
        let namespace = Some(self.namespace.as_str());
        let mut objects = vec![
            object("v1", "Namespace", "namespaces", None, &self.namespace, json!({})),
            object("v1", "ServiceAccount", "serviceaccounts", namespace, &self.name, no_pods),
        ];
        for role in self.roles(scope, grant) {
            let (kind, plural) =
                (role.resource.kind.clone(), format!("{}bindings", role.resource.kind.to_lowercase()));
            let binding = self.binding(&kind, &plural, role.namespace.as_deref(), &role.name);
            objects.extend([role, binding]);
        }
        objects
    }

    /// Its roles. What they give is all that changes while it is a member.
    ///
    /// It may ask for tokens of its own, and make and delete the Secrets that these are bound to: they are renewed and
    /// revoked while the federation runs.
    pub fn roles(&self, scope: Scope, grant: &Grant) -> Vec<Manifest> {
        let (everywhere, in_namespace) = match grant {
            Grant::Types(rights) => (json!(rights.everywhere), json!(rights.in_namespace)),
            Grant::Everything => everything(scope, &self.namespace),
        };
        let cluster_role = |name: &str, rules: &Value| {
            object(RBAC, "ClusterRole", "clusterroles", None, name, json!({"rules": rules}))
        };
        let role = |name: &str, rules: &Value| {
            object(RBAC, "Role", "roles", Some(&self.namespace), name, json!({"rules": rules}))
        };
        let of_types = match scope {
            Scope::Cluster => vec![cluster_role(&self.role(), &everywhere)],
            Scope::Namespaced => {
                vec![role(&self.role(), &in_namespace), cluster_role(&self.health_role(), &everywhere)]
            }
        };
        let [first, second] = step::slots(&self.name);
        let anchors = [self.name.clone(), first, second];
        let credentials = json!([
            {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": [self.name],
             "verbs": ["create"]},
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": anchors, "verbs": ["get", "delete"]},
        ]);
        of_types.into_iter().chain([role(&self.credentials_role(), &credentials)]).collect()
    }

    fn binding(&self, kind: &str, plural: &str, namespace: Option<&str>, role: &str) -> Manifest {
        let rest = json!({
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": self.name, "namespace": self.namespace}],
        });
        object(RBAC, &format!("{kind}Binding"), plural, namespace, role, rest)
    }
}

/// Everything that there is, everywhere and in the namespace, as KubeFed gives it.
fn everything(scope: Scope, namespace: &str) -> (Value, Value) {
    let all = json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]});
    match scope {
        Scope::Cluster => (json!([all, {"nonResourceURLs": ["*"], "verbs": ["get"]}]), json!([])),
        Scope::Namespaced => {
            let health = json!([
                {"nonResourceURLs": ["/healthz", "/version"], "verbs": ["get"]},
                {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]},
                {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": [namespace],
                 "verbs": ["get", "list", "watch"]},
                {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]},
            ]);
            (health, json!([all]))
        }
    }
}

pub(super) const RBAC: &str = "rbac.authorization.k8s.io/v1";

fn object(
    api_version: &str,
    kind: &str,
    plural: &str,
    namespace: Option<&str>,
    name: &str,
    rest: Value,
) -> Manifest {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let mut value = rest;
    value["apiVersion"] = json!(api_version);
    value["kind"] = json!(kind);
    value["metadata"] = json!({"name": name});
    if let Some(namespace) = namespace {
        value["metadata"]["namespace"] = json!(namespace);
    }
    // A namespace is often there before, and is then not join's.
    if kind != "Namespace" {
        value["metadata"]["labels"] = json!({MADE_BY.0: MADE_BY.1});
    }
    Manifest {
        resource: ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        value,
    }
}

#[cfg(test)]
mod tests {
    use federation_model::{Settings, default_types, type_config};

    use super::*;

    const ROLE: &str = "kubefed-controller-manager:rz00-host";

    fn account() -> Account {
        Account { namespace: "fed".to_owned(), name: "rz00-host".to_owned() }
    }

    fn types(scope: Scope) -> Grant {
        let configs: Vec<_> = default_types().iter().map(|ty| type_config(&ty.target, "fed")).collect();
        Grant::Types(MemberRights::of(&configs, &Settings { scope, ..Settings::default() }, "fed"))
    }

    #[test]
    fn whatever_is_given_the_objects_are_the_same() {
        let titles = |scope, grant: &Grant| {
            account().objects(scope, grant).iter().map(Manifest::title).collect::<Vec<_>>()
        };
        for grant in [types(Scope::Cluster), Grant::Everything] {
            assert_eq!(
                titles(Scope::Cluster, &grant),
                [
                    "namespace/fed".to_owned(),
                    "serviceaccount/rz00-host".to_owned(),
                    format!("clusterrole.rbac.authorization.k8s.io/{ROLE}"),
                    format!("clusterrolebinding.rbac.authorization.k8s.io/{ROLE}"),
                    format!("role.rbac.authorization.k8s.io/{ROLE}:credentials"),
                    format!("rolebinding.rbac.authorization.k8s.io/{ROLE}:credentials"),
                ]
            );
        }
        let health = account().health_role();
        for grant in [types(Scope::Namespaced), Grant::Everything] {
            assert_eq!(
                titles(Scope::Namespaced, &grant)[2..6],
                [
                    format!("role.rbac.authorization.k8s.io/{ROLE}"),
                    format!("rolebinding.rbac.authorization.k8s.io/{ROLE}"),
                    format!("clusterrole.rbac.authorization.k8s.io/{health}"),
                    format!("clusterrolebinding.rbac.authorization.k8s.io/{health}"),
                ]
            );
        }
    }

    #[test]
    fn everything_is_given_when_it_is_asked_for_alone() {
        let has_all = |scope, grant: &Grant| {
            account().roles(scope, grant).iter().any(|role| role.value["rules"].to_string().contains("\"*\""))
        };
        for scope in [Scope::Cluster, Scope::Namespaced] {
            assert!(has_all(scope, &Grant::Everything) && !has_all(scope, &types(scope)), "{scope:?}");
        }
    }
}
