//! A member that is reached by tunnel: what runs its agent.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use federation_model::{KubeFedCluster, parse_duration};
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::api::Api;
use serde_json::{Value, json};

use super::account::{MADE_BY, RBAC};
use crate::output::note;
use crate::tunnel::agent_identity::{AUTHORITIES, TOKEN};
use crate::tunnel::bootstrap::{Record, Token};
use crate::tunnel::tokens::Tokens;
use crate::tunnel::{authority, tls};
use crate::yaml;

/// Flags for members that the federation cannot reach.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Tunnel")]
pub struct TunnelArgs {
    /// Reach the member by tunnel, and print the manifest of its agent. HOST:PORT is where agents reach the federation's
    /// --tunnel-listen
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "output")]
    pub tunnel: Option<String>,
    /// Image that holds fedd, for the agent
    #[arg(long, value_name = "IMAGE", default_value = concat!("fedd:", env!("CARGO_PKG_VERSION")))]
    pub agent_image: String,
    /// How long the agent may take to get its certificate: its token is good until then, and once
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    pub bootstrap_token_duration: Duration,
    /// How long the agent's certificates are valid; it renews them by itself when a third of that is left
    #[arg(long, value_name = "DURATION", default_value = "2160h", value_parser = parse_duration)]
    pub agent_certificate_duration: Duration,
    /// Authorities of the certificate of --tunnel-cert-file, as PEM [default: the federation's own]
    #[arg(long, value_name = "FILE")]
    pub tunnel_ca_file: Option<PathBuf>,
    /// The member's API server, as its agent reaches it
    #[arg(long, value_name = "ADDRESS", default_value = "kubernetes.default.svc:443")]
    pub agent_api_server: String,
}

/// Name of the agent's objects on the member.
pub const AGENT: &str = "fedd-agent";

impl TunnelArgs {
    /// The manifest of the agent of a cluster, which is there by now, with a new token; none without a tunnel.
    ///
    /// # Errors
    /// The federation's authority cannot be read or made, the file of another one cannot be read, or the token cannot be
    /// written.
    pub(super) async fn manifest(
        &self,
        host: &Client,
        namespace: &str,
        cluster: &str,
    ) -> anyhow::Result<Option<String>> {
        let Some(server) = &self.tunnel else { return Ok(None) };
        let authority = authority::of(host, namespace).await?;
        let clusters: Api<KubeFedCluster> = Api::namespaced(host.clone(), namespace);
        let found = clusters.get(cluster).await.with_context(|| format!("KubeFedCluster {cluster}"))?;
        let uid = found.metadata.uid.with_context(|| format!("KubeFedCluster {cluster} has no uid"))?;
        let lasting = SignedDuration::try_from(self.bootstrap_token_duration)?;
        let expires = Timestamp::now().checked_add(lasting).context("--bootstrap-token-duration")?;
        let token = Token::make();
        let record = Record::of(&token, cluster, &uid, expires, self.agent_certificate_duration);
        Tokens::new(host, namespace).add(&token, record).await?;
        note(&format!("the token in the manifest is good once, until {expires}; apply it to the member"));
        let trusted = match &self.tunnel_ca_file {
            Some(file) => tls::read(file).context("--tunnel-ca-file")?,
            None => authority.certificate,
        };
        let objects = self.objects(server, namespace, cluster, &token, &trusted);
        Ok(Some(yaml::print_stream(&objects)?))
    }

    /// The agent may read and write its own Secret. For what it passes on it needs no rights: each request has its own
    /// credentials.
    fn objects(
        &self,
        server: &str,
        namespace: &str,
        cluster: &str,
        token: &Token,
        trusted: &str,
    ) -> [Value; 6] {
        let labels = json!({"app.kubernetes.io/name": AGENT, MADE_BY.0: MADE_BY.1});
        let metadata = json!({"name": AGENT, "namespace": namespace, "labels": labels});
        let selected = json!({"app.kubernetes.io/name": AGENT});
        let probe = |path: &str| json!({"httpGet": {"path": path, "port": 8080}});
        let container = json!({
            "name": "agent",
            "image": self.agent_image,
            "command": ["fedd"],
            "args": [
                "agent",
                format!("--cluster={cluster}"),
                format!("--server={server}"),
                format!("--api-server={}", self.agent_api_server),
                format!("--identity-secret={namespace}/{AGENT}"),
            ],
            "livenessProbe": probe("/healthz"),
            "readinessProbe": probe("/readyz"),
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
        });
        [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata,
                "automountServiceAccountToken": false}),
            json!({"apiVersion": RBAC, "kind": "Role", "metadata": metadata, "rules": [
                {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [AGENT], "verbs": ["get", "update"]},
            ]}),
            json!({"apiVersion": RBAC, "kind": "RoleBinding", "metadata": metadata,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": AGENT},
                "subjects": [{"kind": "ServiceAccount", "name": AGENT, "namespace": namespace}]}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque",
                "stringData": {AUTHORITIES: trusted, TOKEN: token.to_string()}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {
                // Two, so that one can be drained.
                "replicas": 2,
                "selector": {"matchLabels": selected},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "serviceAccountName": AGENT,
                        "automountServiceAccountToken": true,
                        "securityContext": {
                            "runAsNonRoot": true,
                            "runAsUser": 65532,
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "containers": [container],
                    },
                },
            }}),
        ]
    }
}
