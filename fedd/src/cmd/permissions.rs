//! `fedd permissions`: what `fedd run` needs on the federation's API server and on members, and no more.

mod member;

use clap::{Args, Subcommand};
use federation_model::{CORE_GROUP, FEDD_GROUP, TYPES_GROUP};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

pub use self::member::MemberPermissionsArgs;
use super::run::ShardArgs;
use crate::args::ObjectFormat;
use crate::leader::lease_name;
use crate::manifest::Manifest;
use crate::output::print_objects;
use crate::tunnel::tokens::SECRET_NAME as TOKENS;
use crate::webhook::certificate::SECRET_NAME;
use crate::webhook::register::{MUTATING_NAME, VALIDATING_NAME};

/// What `--help` says first.
pub const ABOUT: &str = "Print the service account of `fedd run` on the federation's API server and its rights there, for `kubectl \
    apply`: all that `run`, `controller` and `webhook` need, and no more. The other commands are an administrator's. \
    `fedd permissions member NAME` prints the same for a member.";

/// Flags of `fedd permissions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  \
        fedd permissions | kubectl apply -f -\n  \
        fedd permissions --types-groups types.example.com\n  \
        fedd permissions member rz00 | kubectl --context rz00 apply -f -",
    args_conflicts_with_subcommands = true
)]
pub struct PermissionsArgs {
    /// Where.
    #[command(subcommand)]
    pub on: Option<On>,
    /// Groups of federated types besides types.kubefed.io
    #[arg(long, value_name = "GROUP,…", value_delimiter = ',')]
    pub types_groups: Vec<String>,
    /// The Leases that it needs.
    #[command(flatten)]
    pub sharding: ShardArgs,
    /// How to print
    #[arg(long, short, value_name = "FORMAT", default_value = "yaml")]
    pub output: ObjectFormat,
    /// Namespace that holds clusters, type configs, settings and credentials
    #[arg(long, visible_alias = "kubefed-namespace", value_name = "NAME",
          default_value = federation_model::DEFAULT_FEDERATION_NAMESPACE)]
    pub federation_namespace: String,
}

/// Where the rights are needed, if not on the federation's API server.
#[derive(Debug, Subcommand)]
pub enum On {
    /// Print the federation's account on a member and its rights there: what the types take that are federated now
    Member(MemberPermissionsArgs),
}

/// Prints them.
///
/// # Errors
/// The federation's API server does not answer, or stdout cannot be written.
pub async fn run(args: PermissionsArgs) -> anyhow::Result<()> {
    if let Some(On::Member(args)) = &args.on {
        return member::run(args).await;
    }
    let shards = args.sharding.shards.get();
    print_objects(&objects(&args.federation_namespace, &args.types_groups, shards), args.output)
}

/// Name of the account, its roles and their bindings.
const NAME: &str = "fedd";

/// The account and its rights, in the order in which they can be applied; the namespace has to be there.
fn objects(namespace: &str, types_groups: &[String], shards: u32) -> Vec<Manifest> {
    let account = object("", "ServiceAccount", "serviceaccounts", Some(namespace), json!({}));
    let everywhere = json!({"rules": everywhere(types_groups)});
    let in_namespace = json!({"rules": in_federation_namespace(shards)});
    vec![
        account,
        object(RBAC, "ClusterRole", "clusterroles", None, everywhere),
        binding("ClusterRole", "clusterrolebindings", None, namespace),
        object(RBAC, "Role", "roles", Some(namespace), in_namespace),
        binding("Role", "rolebindings", Some(namespace), namespace),
    ]
}

const RBAC: &str = "rbac.authorization.k8s.io";

/// What is anywhere, or belongs to no namespace.
fn everywhere(types_groups: &[String]) -> Value {
    let types: Vec<_> = std::iter::once(TYPES_GROUP).chain(types_groups.iter().map(String::as_str)).collect();
    let webhooks = ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"];
    json!([
        // Federated objects: what they say, their finalizer, their status.
        {"apiGroups": types, "resources": ["*"], "verbs": ["get", "list", "watch", "patch"]},
        {"apiGroups": [FEDD_GROUP], "resources": ["cells"], "verbs": ["get", "list", "watch", "patch"]},
        {"apiGroups": [FEDD_GROUP], "resources": ["cells/status"], "verbs": ["patch"]},
        {"apiGroups": [FEDD_GROUP], "resources": ["topologytypes"], "verbs": ["get", "list", "watch"]},
        // With the gate VersionsInStatus off alone.
        {"apiGroups": [CORE_GROUP], "resources": ["propagatedversions", "clusterpropagatedversions"],
         "verbs": ["list", "create", "patch", "delete"]},
        {"apiGroups": [CORE_GROUP], "resources": ["propagatedversions/status", "clusterpropagatedversions/status"],
         "verbs": ["patch"]},
        // Scopes are labels of namespaces; the identity of the host is the uid of its kube-system.
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]},
        // Where the webhooks are.
        {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"],
         "verbs": ["get", "list", "watch", "patch"]},
        {"apiGroups": ["admissionregistration.k8s.io"], "resources": webhooks,
         "resourceNames": [VALIDATING_NAME, MUTATING_NAME], "verbs": ["get", "list", "watch", "create", "patch"]},
    ])
}

fn in_federation_namespace(shards: u32) -> Value {
    let leases: Vec<_> = (0..shards).map(lease_name).collect();
    json!([
        // Created and deleted for cells.
        {"apiGroups": [CORE_GROUP], "resources": ["kubefedclusters"],
         "verbs": ["get", "list", "watch", "create", "patch", "delete"]},
        {"apiGroups": [CORE_GROUP], "resources": ["federatedtypeconfigs"], "verbs": ["get", "list", "watch", "patch"]},
        {"apiGroups": [CORE_GROUP], "resources": ["kubefedclusters/status", "federatedtypeconfigs/status"],
         "verbs": ["patch"]},
        // Patched with --kubefed-config alone.
        {"apiGroups": [CORE_GROUP], "resources": ["kubefedconfigs"], "verbs": ["get", "create", "patch"]},
        // Members' tokens are read, and renewed; the webhooks' authorities are written, and what is known of tunnels' tokens.
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch", "create", "patch"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [SECRET_NAME, TOKENS], "verbs": ["update"]},
        // Servers of tunnels have one each, to be counted.
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
         "verbs": ["list", "create", "patch", "delete"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": leases,
         "verbs": ["get", "watch", "update"]},
    ])
}

fn binding(kind: &str, plural: &str, of: Option<&str>, account_in: &str) -> Manifest {
    let rest = json!({
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": account_in}],
    });
    object(RBAC, &format!("{kind}Binding"), plural, of, rest)
}

fn object(group: &str, kind: &str, plural: &str, namespace: Option<&str>, rest: Value) -> Manifest {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural);
    let mut value = rest;
    value["apiVersion"] = json!(resource.api_version);
    value["kind"] = json!(kind);
    value["metadata"] = json!({"name": NAME});
    if let Some(namespace) = namespace {
        value["metadata"]["namespace"] = json!(namespace);
    }
    Manifest { resource, namespace: namespace.map(str::to_owned), name: NAME.to_owned(), value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_given_whole() {
        for object in objects("fed", &["types.example.com".to_owned()], 2) {
            assert!(object.namespace.as_deref().is_none_or(|n| n == "fed"));
            for rule in object.value["rules"].as_array().into_iter().flatten() {
                let has = |field: &str, what: &str| rule[field].as_array().unwrap().contains(&json!(what));
                assert!(!has("verbs", "*") && !has("apiGroups", "*"), "{rule}");
                assert!(!has("resources", "*") || has("apiGroups", "types.example.com"), "{rule}");
            }
        }
    }
}
