//! From a `KubeFedCluster` and its Secret to a client.

use std::sync::Arc;
use std::time::Duration;

use federation_model::{KubeFedCluster, TOKEN_KEY, annotation};
use k8s_openapi::api::core::v1::Secret;
use kube::config::AuthInfo;
use kube::{Client, Config};

use super::destination::destination;
use super::dial::{DialConnector, Dialer};
use super::dialled_client::dialled_client;
use super::member::KubeMember;
use super::token::Token;

/// How long a member may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeouts {
    /// To connect (default 5 s).
    pub connect: Duration,
    /// To answer a read or a write (default 30 s: what KubeFed waits for all of an object's clusters together).
    pub request: Duration,
    /// To pass a health check (KubeFedConfig's `clusterHealthCheck.timeout`, default 3 s).
    pub probe: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(30),
            probe: Duration::from_secs(3),
        }
    }
}

/// Everything that decides how a member is reached. Two clusters with the same access share one client.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MemberAccess {
    endpoint: String,
    ca: Option<Vec<u8>>,
    token: Token,
    insecure: bool,
    proxy: Option<String>,
    /// The cluster whose tunnel leads there.
    tunnel: Option<String>,
}

impl std::fmt::Debug for MemberAccess {
    /// Where it leads, and no more.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemberAccess").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Why there is no access.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The Secret does not exist.
    #[error(
        "Secret {0} does not exist in the cluster's namespace; join the cluster again, or create it with key {TOKEN_KEY}"
    )]
    NoSecret(String),
    /// The Secret has no token.
    #[error("Secret {0} has no key {TOKEN_KEY}, or an empty one; join the cluster again")]
    NoToken(String),
    /// The Secret is sealed, and nobody was named to open it.
    #[error("Secret {0} is sealed, and no keys to open it are configured; name them by --sealing-config")]
    Sealed(String),
    /// The Secret is not sealed, and has to be.
    #[error(
        "Secret {0} holds its token unsealed, and the gate SealedCredentialsOnly is on; seal it by `fedd credentials seal`"
    )]
    Plain(String),
    /// The cluster is not where its token was sealed for.
    #[error(
        "the token in Secret {secret} is sealed for {sealed_for}, and the cluster is at {now}; if that is right, join it again,          or `fedd credentials seal CLUSTER --accept-destination`"
    )]
    OtherDestination {
        /// Name of the Secret.
        secret: String,
        /// Where the token may be sent.
        sealed_for: String,
        /// Where it would be sent.
        now: String,
    },
    /// The address is none.
    #[error("spec.apiEndpoint {0:?} is no host, host:port or http/https URL")]
    Endpoint(String),
    /// The CA bundle is none.
    #[error("spec.caBundle holds no PEM certificate")]
    CaBundle,
    /// The proxy is none.
    #[error("spec.proxyURL {0:?} is no http, https or socks5 URL")]
    Proxy(String),
    /// A proxy and a tunnel.
    #[error("spec.proxyURL and annotation {TUNNEL} exclude each other: remove one of them", TUNNEL = annotation::TUNNEL)]
    ProxyAndTunnel,
    /// A tunnel is asked for, and there are none.
    #[error(
        "annotation {TUNNEL} asks for the tunnel of {0}, and this control plane has no tunnels; start it with --tunnel-listen",
        TUNNEL = annotation::TUNNEL
    )]
    NoTunnels(String),
    /// The client cannot be made.
    #[error("no client can be made: {0}")]
    Client(String),
}

impl MemberAccess {
    /// The access that a cluster and its Secret describe.
    pub fn of(cluster: &KubeFedCluster, secret: Option<&Secret>) -> Result<Self, AccessError> {
        let spec = &cluster.spec;
        if secret.is_some_and(|secret| super::sealed_token(secret).is_some()) {
            return Err(AccessError::Sealed(spec.secret_ref.name.clone()));
        }
        let secret = secret.ok_or_else(|| AccessError::NoSecret(spec.secret_ref.name.clone()))?;
        let token =
            Token::of_secret(secret).ok_or_else(|| AccessError::NoToken(spec.secret_ref.name.clone()))?;
        Self::with_token(cluster, token)
    }

    /// The access that a cluster describes, with a token that was sealed. This is the only way from a token to a client.
    ///
    /// # Errors
    /// The token was sealed for another destination.
    pub fn with_token(cluster: &KubeFedCluster, token: Token) -> Result<Self, AccessError> {
        let spec = &cluster.spec;
        let now = destination(cluster);
        if let Some(sealed_for) = token.sole_destination().filter(|only| *only != now) {
            let secret = spec.secret_ref.name.clone();
            return Err(AccessError::OtherDestination { secret, sealed_for: sealed_for.to_owned(), now });
        }
        Ok(Self {
            endpoint: spec.api_endpoint.clone(),
            ca: spec.ca_bundle.as_ref().map(|b| b.0.clone()),
            token,
            // rustls has no switch for a single check: leaving any out leaves all out, which admission warns of.
            insecure: !spec.disabled_tls_validations.is_empty(),
            proxy: spec.proxy_url.clone(),
            tunnel: cluster.tunnel().map(str::to_owned),
        })
    }

    /// A client for it. No request is made. `dialer` makes the connections of those that are reached by tunnel.
    pub fn connect(
        &self,
        timeouts: Timeouts,
        dialer: Option<&Arc<dyn Dialer>>,
    ) -> Result<KubeMember, AccessError> {
        let endpoint = || AccessError::Endpoint(self.endpoint.clone());
        let url = if self.endpoint.contains("://") {
            self.endpoint.clone()
        } else {
            format!("https://{}", self.endpoint)
        };
        let uri: http::Uri = url.parse().map_err(|_| endpoint())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(endpoint());
        }
        let mut config = Config::new(uri);
        config.connect_timeout = Some(timeouts.connect);
        // Requests have time-outs of their own; a watch may be silent for long.
        config.read_timeout = None;
        config.default_retry = false;
        config.accept_invalid_certs = self.insecure;
        config.auth_info = AuthInfo { token: Some(self.token.expose().into()), ..AuthInfo::default() };
        if let Some(ca) = &self.ca {
            config.root_cert = Some(certificates(ca).ok_or(AccessError::CaBundle)?);
        }
        if let Some(proxy) = &self.proxy {
            config.proxy_url = Some(proxy.parse().map_err(|_| AccessError::Proxy(proxy.clone()))?);
        }
        if let Some(tunnel) = &self.tunnel {
            if self.proxy.is_some() {
                return Err(AccessError::ProxyAndTunnel);
            }
            let dialer = dialer.ok_or_else(|| AccessError::NoTunnels(tunnel.clone()))?.clone();
            let connector = DialConnector { dialer, cluster: tunnel.as_str().into() };
            let client = dialled_client(&config, self.token.expose(), connector, timeouts.connect)?;
            return Ok(KubeMember::new(client, timeouts));
        }
        let client = Client::try_from(config).map_err(|e| AccessError::Client(super::chain(&e)))?;
        Ok(KubeMember::new(client, timeouts))
    }
}

/// The DER certificates of a PEM bundle; none when it holds none, or something that is not base64.
fn certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    use base64::Engine as _;
    let text = std::str::from_utf8(pem).ok()?;
    let mut found = Vec::new();
    for block in text.split("-----BEGIN CERTIFICATE-----").skip(1) {
        let body: String = block.split("-----END CERTIFICATE-----").next()?.split_whitespace().collect();
        found.push(base64::engine::general_purpose::STANDARD.decode(body).ok()?);
    }
    (!found.is_empty()).then_some(found)
}
