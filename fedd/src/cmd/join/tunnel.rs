//! A member that is reached by tunnel: what runs its agent.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use federation_apiserver::auth::Identity;
use federation_model::parse_duration;
use kube::Client;
use serde_json::{Value, json};

use super::account::MADE_BY;
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
    /// How long the agent's certificate is valid
    #[arg(long, value_name = "DURATION", default_value = "8760h", value_parser = parse_duration)]
    pub agent_certificate_duration: Duration,
    /// Authorities of the certificate of --tunnel-cert-file, as PEM [default: the federation's own]
    #[arg(long, value_name = "FILE")]
    pub tunnel_ca_file: Option<PathBuf>,
    /// The member's API server, as its agent reaches it
    #[arg(long, value_name = "ADDRESS", default_value = "kubernetes.default.svc:443")]
    pub agent_api_server: String,
}

/// Name of the agent's objects on the member.
const AGENT: &str = "fedd-agent";

impl TunnelArgs {
    /// The manifest of the agent of a cluster, with a new certificate; none without a tunnel.
    ///
    /// # Errors
    /// The federation's authority cannot be read or made, or the file of another one cannot be read.
    pub(super) async fn manifest(
        &self,
        host: &Client,
        namespace: &str,
        cluster: &str,
    ) -> anyhow::Result<Option<String>> {
        let Some(server) = &self.tunnel else { return Ok(None) };
        let authority = authority::of(host, namespace).await?;
        let certificate = authority::agent(&authority, cluster, self.agent_certificate_duration)?;
        let trusted = match &self.tunnel_ca_file {
            Some(file) => tls::read(file).context("--tunnel-ca-file")?,
            None => authority.certificate,
        };
        let objects = self.objects(server, namespace, cluster, &certificate, &trusted);
        Ok(Some(yaml::print_stream(&objects)?))
    }

    /// The agent needs no rights: it passes bytes on, and each request has its own credentials.
    fn objects(
        &self,
        server: &str,
        namespace: &str,
        cluster: &str,
        certificate: &Identity,
        trusted: &str,
    ) -> [Value; 4] {
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
                "--ca-file=/etc/fedd/ca.crt",
                "--cert-file=/etc/fedd/tls.crt",
                "--key-file=/etc/fedd/tls.key",
            ],
            "livenessProbe": probe("/healthz"),
            "readinessProbe": probe("/readyz"),
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "certificates", "mountPath": "/etc/fedd", "readOnly": true}],
        });
        [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata,
                "automountServiceAccountToken": false}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls",
            "stringData": {
                "ca.crt": trusted, "tls.crt": certificate.certificate, "tls.key": certificate.key,
            }}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {
                // Two, so that one can be drained.
                "replicas": 2,
                "selector": {"matchLabels": selected},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "serviceAccountName": AGENT,
                        "automountServiceAccountToken": false,
                        "securityContext": {
                            "runAsNonRoot": true,
                            "runAsUser": 65532,
                            "fsGroup": 65532,
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "containers": [container],
                        "volumes": [{"name": "certificates",
                            "secret": {"secretName": AGENT, "defaultMode": 0o440}}],
                    },
                },
            }}),
        ]
    }
}
