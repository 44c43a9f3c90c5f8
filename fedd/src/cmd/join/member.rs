//! What the federation is on a member: an account, and what it may do.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use federation_model::{Scope, is_dns_subdomain};
use kube::config::Kubeconfig;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::access::{self, Access};
use crate::cmd::Usage;
use crate::manifest::Manifest;

/// Which member, and as who.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Member")]
pub struct MemberArgs {
    /// The member's context [default: NAME; of a --cluster-kubeconfig that has none of that name, its current context]
    #[arg(long, value_name = "NAME")]
    pub cluster_context: Option<String>,
    /// The member's kubeconfig [default: the federation's]
    #[arg(long, value_name = "FILE")]
    pub cluster_kubeconfig: Option<PathBuf>,
    /// The federation's name on the member: the service account is called `NAME-THIS` [default: the federation's
    /// context, with '-' for what a name cannot hold; fedd where there is none]
    #[arg(long, value_name = "NAME")]
    pub host_cluster_name: Option<String>,
}

/// The federation's account on a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its namespace: the federation's.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// On what `join` made: that it did, so that `unjoin` takes away what is its own alone.
pub(super) const MADE_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "fedd-join");

impl MemberArgs {
    /// The member's API server, by an administrator's kubeconfig.
    ///
    /// # Errors
    /// There is no such kubeconfig or context.
    pub async fn access(&self, name: &str, host_kubeconfig: Option<&Path>) -> anyhow::Result<Access> {
        let file = self.cluster_kubeconfig.as_deref().or(host_kubeconfig);
        let context = match (&self.cluster_context, &self.cluster_kubeconfig) {
            (Some(context), _) => Some(context.clone()),
            (None, None) => Some(name.to_owned()),
            (None, Some(file)) => {
                let kubeconfig = Kubeconfig::read_from(file)
                    .with_context(|| format!("--cluster-kubeconfig {}", file.display()))?;
                kubeconfig.contexts.into_iter().map(|c| c.name).find(|c| c == name)
            }
        };
        access::connect(file, context.as_deref())
            .await
            .with_context(|| format!("member {name} (choose by --cluster-context or --cluster-kubeconfig)"))
    }

    /// The account of the federation on the member.
    ///
    /// # Errors
    /// No account can be called so.
    pub fn account(
        &self,
        cluster: &str,
        namespace: &str,
        host_context: Option<&str>,
    ) -> Result<Account, Usage> {
        let host = match &self.host_cluster_name {
            Some(name) => name.clone(),
            None => host_context
                .map(name_of_context)
                .filter(|n| !n.is_empty())
                .unwrap_or_else(|| "fedd".to_owned()),
        };
        let name = format!("{cluster}-{host}");
        if is_dns_subdomain(&name) {
            Ok(Account { namespace: namespace.to_owned(), name })
        } else {
            Err(Usage(format!(
                "no service account can be called {name:?}; choose a --host-cluster-name of lower-case letters, digits and '-'"
            )))
        }
    }
}

/// A context's name as a part of an account's: in lower case, `-` for what a name cannot hold.
fn name_of_context(context: &str) -> String {
    let text: String = context
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '-' })
        .collect();
    text.trim_matches('-').to_owned()
}

impl Account {
    /// Name of its role and of the binding (KubeFed's).
    pub fn role(&self) -> String {
        format!("kubefed-controller-manager:{}", self.name)
    }

    /// Name of the role for what has no namespace, where the federation is of one namespace (KubeFed's).
    pub fn health_role(&self) -> String {
        format!("kubefed-controller-manager:{}:healthcheck-{}", self.namespace, self.name)
    }

    /// What it consists of on the member, in the order in which it can be applied.
    ///
    /// # Errors
    /// None in practice: an object cannot be written as JSON.
    pub fn objects(&self, scope: Scope) -> anyhow::Result<Vec<Manifest>> {
        let everything = json!([
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
            {"nonResourceURLs": ["*"], "verbs": ["get"]},
        ]);
        let in_namespace = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
        // Health checks read /healthz, the version, the identity of the member (uid of kube-system), and its zones; and
        // whether the federation's namespace is there is watched, as far as it is federated itself.
        let health = json!([
            {"nonResourceURLs": ["/healthz", "/version"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": [self.namespace], "verbs": ["get", "list", "watch"]},
            {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]},
        ]);
        let (role, health_role) = (self.role(), self.health_role());
        let mut objects = vec![
            object("v1", "Namespace", "namespaces", None, &self.namespace, json!({})),
            object(
                "v1",
                "ServiceAccount",
                "serviceaccounts",
                Some(&self.namespace),
                &self.name,
                // It is nobody's inside the member: no pod gets its token.
                json!({"automountServiceAccountToken": false}),
            ),
        ];
        match scope {
            Scope::Cluster => {
                objects.push(object(
                    RBAC,
                    "ClusterRole",
                    "clusterroles",
                    None,
                    &role,
                    json!({"rules": everything}),
                ));
                objects.push(self.binding("ClusterRole", "clusterrolebindings", None, &role));
            }
            Scope::Namespaced => {
                let namespace = Some(self.namespace.as_str());
                objects.push(object(RBAC, "Role", "roles", namespace, &role, json!({"rules": in_namespace})));
                objects.push(self.binding("Role", "rolebindings", namespace, &role));
                objects.push(object(
                    RBAC,
                    "ClusterRole",
                    "clusterroles",
                    None,
                    &health_role,
                    json!({"rules": health}),
                ));
                objects.push(self.binding("ClusterRole", "clusterrolebindings", None, &health_role));
            }
        }
        Ok(objects)
    }

    fn binding(&self, kind: &str, plural: &str, namespace: Option<&str>, role: &str) -> Manifest {
        let rest = json!({
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": self.name, "namespace": self.namespace}],
        });
        object(RBAC, &format!("{kind}Binding"), plural, namespace, role, rest)
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
    use super::*;

    fn args(host: Option<&str>) -> MemberArgs {
        MemberArgs {
            cluster_context: None,
            cluster_kubeconfig: None,
            host_cluster_name: host.map(str::to_owned),
        }
    }

    #[test]
    fn an_account_is_called_after_cluster_and_federation() {
        let name = |host, context| args(host).account("rz00", "fed", context).map(|a| a.name);
        assert_eq!(name(Some("host"), Some("ctx")).as_deref(), Ok("rz00-host"));
        assert_eq!(name(None, Some("arn:aws:eks/Prod")).as_deref(), Ok("rz00-arn-aws-eks-prod"));
        assert_eq!(name(None, None).as_deref(), Ok("rz00-fedd"));
        assert!(name(Some("a:b"), None).is_err());
    }

    #[test]
    fn rights_follow_the_scope() {
        let account = args(Some("host")).account("rz00", "fed", None).unwrap();
        let titles = |scope| account.objects(scope).unwrap().iter().map(Manifest::title).collect::<Vec<_>>();
        assert_eq!(
            titles(Scope::Cluster),
            [
                "namespace/fed",
                "serviceaccount/rz00-host",
                "clusterrole.rbac.authorization.k8s.io/kubefed-controller-manager:rz00-host",
                "clusterrolebinding.rbac.authorization.k8s.io/kubefed-controller-manager:rz00-host",
            ]
        );
        let namespaced = titles(Scope::Namespaced);
        assert!(
            namespaced
                .contains(&"role.rbac.authorization.k8s.io/kubefed-controller-manager:rz00-host".to_owned())
        );
        assert!(!namespaced.contains(
            &"clusterrole.rbac.authorization.k8s.io/kubefed-controller-manager:rz00-host".to_owned()
        ));
    }
}
