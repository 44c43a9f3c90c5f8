//! What a member is on the federation's API server: a `KubeFedCluster`, its Secret, and its cells.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use federation_model::{Cell, CellSpec, KubeFedCluster, KubeFedClusterSpec, LocalSecretReference, TOKEN_KEY};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::Api;
use kube::{Client, ResourceExt as _};
use tenancy::{Labels, Scope, ScopeKeys};

use super::account::{Account, Grant, MADE_BY};
use super::token::Token;
use crate::access::Access;
use crate::rotation::record::TOKEN_LIFE;

/// Annotation of a `KubeFedCluster`: the federation's service account on the member, `namespace/name`.
pub const JOINED_AS: &str = "fedd.io/joined-as";
/// Annotation of a `KubeFedCluster`: what that account was given, `federated-types` or `everything`.
pub const GRANTED: &str = "fedd.io/granted";
/// Annotation of a `KubeFedCluster` and its Secret: when the token expires, RFC 3339; absent for one that does not.
pub const TOKEN_EXPIRES: &str = "fedd.io/token-expires";

/// What `join` knows of a member once it is through there.
pub(super) struct Membership<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: &'a str,
    pub(super) labels: Labels,
    pub(super) member: &'a Access,
    pub(super) account: &'a Account,
    pub(super) grant: &'a Grant,
    pub(super) token: &'a Token,
    pub(super) secret: String,
}

impl Membership<'_> {
    fn expires(&self) -> BTreeMap<String, String> {
        self.token.expires.iter().map(|expires| (TOKEN_EXPIRES.to_owned(), expires.clone())).collect()
    }

    /// The Secret with the token.
    pub(super) fn secret(&self) -> Secret {
        let mut secret = Secret { type_: Some("Opaque".to_owned()), ..Secret::default() };
        secret.metadata.name = Some(self.secret.clone());
        secret.metadata.namespace = Some(self.namespace.to_owned());
        secret.metadata.labels = Some(BTreeMap::from([(MADE_BY.0.to_owned(), MADE_BY.1.to_owned())]));
        let mut annotations = self.expires();
        annotations.extend(self.token.life.map(|life| (TOKEN_LIFE.to_owned(), life.text())));
        secret.metadata.annotations = Some(annotations);
        secret.data =
            Some(BTreeMap::from([(TOKEN_KEY.to_owned(), ByteString(self.token.text.clone().into_bytes()))]));
        secret
    }

    /// The `KubeFedCluster`.
    pub(super) fn cluster(&self) -> KubeFedCluster {
        let spec = KubeFedClusterSpec {
            api_endpoint: self.member.server.trim_end_matches('/').to_owned(),
            ca_bundle: self.member.ca_bundle.as_ref().map(|pem| ByteString(pem.clone().into_bytes())),
            secret_ref: LocalSecretReference { name: self.secret.clone() },
            disabled_tls_validations: if self.member.insecure { vec!["*".to_owned()] } else { Vec::new() },
            proxy_url: self.member.proxy.clone(),
        };
        let mut cluster = KubeFedCluster::new(self.name, spec);
        cluster.metadata.namespace = Some(self.namespace.to_owned());
        cluster.metadata.labels = Some(self.labels.clone());
        let mut annotations = self.expires();
        annotations.insert(JOINED_AS.to_owned(), format!("{}/{}", self.account.namespace, self.account.name));
        annotations.insert(GRANTED.to_owned(), self.grant.word().to_owned());
        cluster.metadata.annotations = Some(annotations);
        cluster
    }
}

/// Name of a member's Secret: the one asked for, else the one in use, else one after the cluster.
pub(super) fn secret_name(cluster: &str, asked: Option<&str>, existing: Option<&KubeFedCluster>) -> String {
    let used = existing.map(|c| c.spec.secret_ref.name.as_str()).filter(|n| !n.is_empty());
    asked.or(used).map_or_else(|| format!("{cluster}-token"), str::to_owned)
}

/// The labels of a cluster: those that it has, and those that are asked for, but never another scope: its objects would
/// be out of reach and left behind.
///
/// # Errors
/// The labels make half a scope, or another than it has.
pub(super) fn labels(
    existing: Option<&KubeFedCluster>,
    asked: &Labels,
    keys: &ScopeKeys,
) -> anyhow::Result<Labels> {
    let mut labels = existing.map(|c| c.labels().clone()).unwrap_or_default();
    let before = keys.of_labels(&labels);
    labels.extend(asked.clone());
    let after = keys.of_labels(&labels);
    if after == Scope::Incomplete {
        bail!(
            "half a scope: a cluster has both labels, {} and {}, with a value, or neither; say --tenant and --workspace-group",
            keys.tenant,
            keys.workspace_group
        );
    }
    if existing.is_some() && before != Scope::Shared && before != after {
        bail!(
            "the cluster is {before}'s, and a scope does not change; unjoin it first, then join it as {after}'s"
        );
    }
    Ok(labels)
}

/// The cells to be made, once their namespaces are seen to be there and of a scope that may use the cluster.
///
/// # Errors
/// A namespace is not there or of another scope, a cell is on another cluster, or the API server does not answer.
pub(super) async fn check_cells(
    host: &Client,
    cluster: &str,
    cells: &[(String, String)],
    cluster_labels: &Labels,
    keys: &ScopeKeys,
) -> anyhow::Result<Vec<Cell>> {
    let namespaces: Api<Namespace> = Api::all(host.clone());
    let cluster_scope = keys.of_labels(cluster_labels);
    let mut made = Vec::new();
    for (namespace, name) in cells {
        let found = namespaces
            .get_opt(namespace)
            .await
            .with_context(|| format!("cannot read namespace {namespace}"))?;
        let Some(found) = found else {
            bail!(
                "--cell {namespace}/{name}: there is no namespace {namespace}; make it first, with its tenant's labels:\n  \
                 kubectl create namespace {namespace}\n  kubectl label namespace {namespace} {}=… {}=…",
                keys.tenant,
                keys.workspace_group
            );
        };
        let scope = keys.of_labels(found.labels());
        if !scope.may_put_a_cell_on(&cluster_scope) {
            bail!(
                "--cell {namespace}/{name}: the namespace is {scope}, and the cluster {cluster_scope}; a cell needs a shared cluster or its tenant's own"
            );
        }
        let api: Api<Cell> = Api::namespaced(host.clone(), namespace);
        let existing =
            api.get_opt(name).await.with_context(|| format!("cannot read cell {namespace}/{name}"))?;
        if let Some(existing) = existing
            && existing.spec.cluster_name != cluster
        {
            bail!(
                "--cell {namespace}/{name}: it is there, on cluster {}, and a cell does not move",
                existing.spec.cluster_name
            );
        }
        let mut cell = Cell::new(name, CellSpec { cluster_name: cluster.to_owned(), ..CellSpec::default() });
        cell.metadata.namespace = Some(namespace.clone());
        made.push(cell);
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn cluster(pairs: &[(&str, &str)]) -> KubeFedCluster {
        let mut cluster = KubeFedCluster::new("c", KubeFedClusterSpec::default());
        cluster.metadata.labels = Some(of(pairs));
        cluster
    }

    const BANK: [(&str, &str); 2] = [("fedd.io/tenant", "bank"), ("fedd.io/workspace-group", "prod")];
    const SHOP: [(&str, &str); 2] = [("fedd.io/tenant", "shop"), ("fedd.io/workspace-group", "prod")];

    #[test]
    fn joining_again_keeps_labels_and_scope() {
        let keys = ScopeKeys::default();
        let mut expected = of(&BANK);
        expected.extend(of(&[("zone", "a"), ("new", "1")]));
        let existing = cluster(&[BANK[0], BANK[1], ("zone", "a")]);
        assert_eq!(labels(Some(&existing), &of(&[("new", "1")]), &keys).unwrap(), expected);
        assert_eq!(labels(None, &of(&BANK), &keys).unwrap(), of(&BANK));
    }

    #[test]
    fn a_scope_does_not_change_and_is_not_halved() {
        let keys = ScopeKeys::default();
        let error = labels(Some(&cluster(&BANK)), &of(&SHOP), &keys).unwrap_err().to_string();
        assert!(error.contains("bank/prod") && error.contains("shop/prod"), "{error}");
        assert!(labels(None, &of(&BANK[..1]), &keys).unwrap_err().to_string().contains("half a scope"));
        assert!(labels(Some(&cluster(&[])), &of(&BANK), &keys).is_ok());
    }

    #[test]
    fn the_secret_in_use_stays_in_use() {
        let mut existing = cluster(&[]);
        assert_eq!(secret_name("c", None, Some(&existing)), "c-token");
        existing.spec.secret_ref.name = "c-x7k2p".to_owned();
        assert_eq!(secret_name("c", None, Some(&existing)), "c-x7k2p");
        assert_eq!(secret_name("c", Some("mine"), Some(&existing)), "mine");
    }
}
