//! From a kubeconfig to a client, keeping what the client does not show: the address as it is written, the authorities,
//! the proxy.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::args::HostArgs;

/// How long a connection may take to open. A person waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// An API server that can be talked to.
#[derive(Clone)]
pub struct Access {
    /// The client.
    pub client: Client,
    /// Name of the kubeconfig's context; none for a pod's service account.
    pub context: Option<String>,
    /// Address of the API server, as the kubeconfig has it.
    pub server: String,
    /// The authorities that sign its certificate, as PEM; none for the system's.
    pub ca_bundle: Option<String>,
    /// Whether its certificate is not checked.
    pub insecure: bool,
    /// The proxy that the kubeconfig (not the environment) names.
    pub proxy: Option<String>,
    /// The name that its certificate is checked against, where that is not the address's.
    pub tls_server_name: Option<String>,
}

/// The federation's API server.
///
/// # Errors
/// There is no kubeconfig, it has no such context, or it cannot be used.
pub async fn host(args: &HostArgs) -> anyhow::Result<Access> {
    connect(args.kubeconfig.as_deref(), args.context.as_deref()).await.context("federation's API server")
}

/// The API server of a context. Without a file: `$KUBECONFIG`, else `~/.kube/config`, else (when no context is asked for)
/// the pod's service account. No request is made.
///
/// # Errors
/// There is no kubeconfig, it has no such context, or it cannot be used.
pub async fn connect(file: Option<&Path>, context: Option<&str>) -> anyhow::Result<Access> {
    let kubeconfig = match file {
        Some(file) => {
            Kubeconfig::read_from(file).with_context(|| format!("kubeconfig {}", file.display()))?
        }
        None => match Kubeconfig::read() {
            Ok(kubeconfig) => kubeconfig,
            Err(_) if context.is_none() && Config::incluster().is_ok() => return in_pod(),
            Err(error) => {
                return Err(error).context("no kubeconfig; name one by --kubeconfig or $KUBECONFIG");
            }
        },
    };
    from_kubeconfig(kubeconfig, context).await
}

/// The API server of a context of a kubeconfig, or of its current context.
///
/// # Errors
/// It has no such context, or it cannot be used.
pub async fn from_kubeconfig(kubeconfig: Kubeconfig, context: Option<&str>) -> anyhow::Result<Access> {
    let name =
        context.map(str::to_owned).or_else(|| kubeconfig.current_context.clone()).filter(|n| !n.is_empty());
    let known = || {
        let names: Vec<_> = kubeconfig.contexts.iter().map(|c| c.name.as_str()).collect();
        if names.is_empty() { "it has none".to_owned() } else { format!("it has: {}", names.join(", ")) }
    };
    let Some(name) = name else {
        bail!("the kubeconfig has no current context; choose one by name ({})", known());
    };
    let context = kubeconfig
        .contexts
        .iter()
        .find(|c| c.name == name)
        .and_then(|c| c.context.as_ref())
        .ok_or_else(|| anyhow!("the kubeconfig has no context {name:?}; {}", known()))?;
    let cluster =
        kubeconfig.clusters.iter().find(|c| c.name == context.cluster).and_then(|c| c.cluster.clone());
    let (server, proxy) = match cluster {
        Some(cluster) => (cluster.server.unwrap_or_default(), cluster.proxy_url.filter(|p| !p.is_empty())),
        None => (String::new(), None),
    };
    let options = KubeConfigOptions { context: Some(name.clone()), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .with_context(|| format!("context {name:?} of the kubeconfig"))?;
    access(config, Some(name), server, proxy)
}

fn in_pod() -> anyhow::Result<Access> {
    let config = Config::incluster().context("the pod's service account")?;
    let server = config.cluster_url.to_string();
    access(config, None, server, None)
}

fn access(
    mut config: Config,
    context: Option<String>,
    server: String,
    proxy: Option<String>,
) -> anyhow::Result<Access> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let ca_bundle =
        config.root_cert.as_ref().map(|certificates| certificates.iter().map(|c| pem(c)).collect());
    let (insecure, tls_server_name) = (config.accept_invalid_certs, config.tls_server_name.clone());
    let client = Client::try_from(config).with_context(|| format!("no client can be made for {server}"))?;
    Ok(Access { client, context, server, ca_bundle, insecure, proxy, tls_server_name })
}

/// A DER certificate as PEM: RFC 7468, lines of 64.
fn pem(der: &[u8]) -> String {
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "
current-context: b
contexts:
- {name: a, context: {cluster: one, user: u}}
- {name: b, context: {cluster: two, user: u}}
clusters:
- {name: one, cluster: {server: 'https://one:6443'}}
- {name: two, cluster: {server: 'http://127.0.0.1:1', proxy-url: 'http://p:3128', insecure-skip-tls-verify: true}}
users:
- {name: u, user: {}}
";

    async fn of(context: Option<&str>) -> anyhow::Result<Access> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        from_kubeconfig(Kubeconfig::from_yaml(TWO).unwrap(), context).await
    }

    #[tokio::test]
    async fn the_current_context_is_taken_unless_another_is_named() {
        let current = of(None).await.unwrap();
        assert_eq!((current.context.as_deref(), current.server.as_str()), (Some("b"), "http://127.0.0.1:1"));
        assert_eq!((current.proxy.as_deref(), current.insecure), (Some("http://p:3128"), true));
        assert_eq!(of(Some("a")).await.unwrap().server, "https://one:6443");
    }

    #[tokio::test]
    async fn a_context_that_is_not_there_is_answered_with_those_that_are() {
        let error = of(Some("c")).await.err().unwrap().to_string();
        assert!(error.contains("\"c\"") && error.contains("a, b"), "{error}");
    }

    #[test]
    fn certificates_are_written_in_lines_of_64() {
        let text = pem(&[7; 100]);
        assert!(text.lines().all(|l| l.len() <= 64 || l.starts_with("-----")));
        assert!(
            text.starts_with("-----BEGIN CERTIFICATE-----\n")
                && text.ends_with("-----END CERTIFICATE-----\n")
        );
    }
}
