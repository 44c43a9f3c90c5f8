//! Kubernetes KMS plugins, version 2: any vendor's, over a Unix socket.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use self::protocol::key_management_service_client::KeyManagementServiceClient;
use crate::SecretBytes;
use crate::provider::{KeyProvider, ProviderError, WrappedKey, hex, quoted};

/// The messages and the client, made from the protocol's text.
#[allow(missing_docs, unreachable_pub, clippy::pedantic, reason = "generated")]
mod protocol {
    tonic::include_proto!("v2");
}

/// The longest ciphertext and key id, in bytes (k8s.io/apiserver, `envelope/kmsv2`).
const LONGEST: usize = 1024;
/// The most that annotations may have together, in bytes.
const ANNOTATIONS: usize = 32 * 1024;
/// How long kube-apiserver waits for a plugin where nothing is said.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// A KMS plugin. It connects at the first call, and again whenever the connection is lost.
pub struct KmsPlugin {
    name: String,
    client: KeyManagementServiceClient<Channel>,
    timeout: Duration,
}

/// Why no plugin can be at an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("endpoint {0:?} is no Unix socket: write unix:///PATH")]
pub struct EndpointError(String);

/// The path of an endpoint as an EncryptionConfiguration writes it, `unix:///PATH`.
///
/// # Errors
/// It is not written so.
pub fn socket_path(endpoint: &str) -> Result<PathBuf, EndpointError> {
    let path = endpoint.strip_prefix("unix://").filter(|path| path.starts_with('/') && path.len() > 1);
    path.map(PathBuf::from).ok_or_else(|| EndpointError(endpoint.to_owned()))
}

impl KmsPlugin {
    /// The plugin at a socket. Nothing is asked yet.
    ///
    /// Must be called within a Tokio runtime.
    pub fn new(name: impl Into<String>, socket: &Path, timeout: Duration) -> Self {
        let socket = socket.to_owned();
        let connect = tower::service_fn(move |_| {
            let socket = socket.clone();
            async move { Ok::<_, io::Error>(TokioIo::new(UnixStream::connect(socket).await?)) }
        });
        // The host becomes `:authority`, which plugins expect to be this.
        let channel = Endpoint::from_static("http://localhost").connect_with_connector_lazy(connect);
        // No answer that keeps the rules is longer.
        let client = KeyManagementServiceClient::new(channel).max_decoding_message_size(128 * 1024);
        Self { name: name.into(), client, timeout }
    }

    /// One call. A connection that was lost in the meantime is told by a failed call, so it is tried once more.
    async fn call<T, F>(
        &self,
        once: impl Fn(KeyManagementServiceClient<Channel>) -> F + Send,
    ) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>> + Send,
    {
        let calls = async {
            match once(self.client.clone()).await {
                Err(status) if status.code() == Code::Unavailable => once(self.client.clone()).await,
                answer => answer,
            }
        };
        match tokio::time::timeout(self.timeout, calls).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(told(&status)),
            Err(_) => Err(ProviderError::Away(format!("no answer within {:?}", self.timeout))),
        }
    }
}

fn told(status: &Status) -> ProviderError {
    let mut words = quoted(status.message());
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        words = format!("{words}: {}", quoted(&error.to_string()));
        source = error.source();
    }
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => ProviderError::Away(words),
        code => ProviderError::Refused(format!("{code:?}: {words}")),
    }
}

/// Names a call in the plugin's log.
fn uid() -> String {
    hex(&crate::data_key::random(16).unwrap_or_default())
}

fn checked_id(key_id: String) -> Result<String, ProviderError> {
    match key_id.len() {
        1..=LONGEST => Ok(key_id),
        length => {
            Err(ProviderError::Nonsense(format!("a key id of {length} bytes; 1 to {LONGEST} are allowed")))
        }
    }
}

fn checked_annotations(
    annotations: BTreeMap<String, Vec<u8>>,
) -> Result<BTreeMap<String, Vec<u8>>, ProviderError> {
    let bytes: usize = annotations.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > ANNOTATIONS {
        return Err(ProviderError::Nonsense(format!(
            "annotations of {bytes} bytes; {ANNOTATIONS} are allowed"
        )));
    }
    match annotations.keys().find(|name| !is_domain(name)) {
        Some(name) => Err(ProviderError::Nonsense(format!(
            "annotation {:?} is no domain name with a dot",
            quoted(name)
        ))),
        None => Ok(annotations),
    }
}

/// Whether a name is a fully qualified domain name, as annotations must be called.
fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}

#[async_trait]
impl KeyProvider for KmsPlugin {
    fn name(&self) -> &str {
        &self.name
    }

    async fn wrap(&self, key: &SecretBytes) -> Result<WrappedKey, ProviderError> {
        let request = protocol::EncryptRequest { plaintext: key.expose().to_vec(), uid: uid() };
        let encrypt = |mut client: KeyManagementServiceClient<_>| {
            let request = request.clone();
            async move { client.encrypt(request).await }
        };
        let answer = self.call(encrypt).await?;
        match answer.ciphertext.len() {
            1..=LONGEST => {}
            length => {
                return Err(ProviderError::Nonsense(format!(
                    "a ciphertext of {length} bytes; 1 to {LONGEST} are allowed"
                )));
            }
        }
        if answer.ciphertext == key.expose() {
            return Err(ProviderError::Nonsense("the ciphertext is the plaintext".to_owned()));
        }
        Ok(WrappedKey {
            key_id: checked_id(answer.key_id)?,
            ciphertext: answer.ciphertext,
            annotations: checked_annotations(answer.annotations.into_iter().collect())?,
        })
    }

    async fn unwrap_key(&self, wrapped: &WrappedKey) -> Result<SecretBytes, ProviderError> {
        let request = protocol::DecryptRequest {
            ciphertext: wrapped.ciphertext.clone(),
            uid: uid(),
            key_id: wrapped.key_id.clone(),
            annotations: wrapped.annotations.clone().into_iter().collect(),
        };
        let decrypt = |mut client: KeyManagementServiceClient<_>| {
            let request = request.clone();
            async move { client.decrypt(request).await }
        };
        let answer = self.call(decrypt).await?;
        Ok(SecretBytes::new(answer.plaintext))
    }

    async fn status(&self) -> Result<String, ProviderError> {
        let ask = |mut client: KeyManagementServiceClient<_>| async move {
            client.status(protocol::StatusRequest {}).await
        };
        let answer = self.call(ask).await?;
        if !matches!(answer.version.as_str(), "v2" | "v2beta1") {
            return Err(ProviderError::Nonsense(format!(
                "version {:?}; v2 is understood",
                quoted(&answer.version)
            )));
        }
        if answer.healthz != "ok" {
            return Err(ProviderError::Away(format!("it says of its health: {}", quoted(&answer.healthz))));
        }
        checked_id(answer.key_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_unix_socket() {
        assert_eq!(socket_path("unix:///run/kms.sock"), Ok(PathBuf::from("/run/kms.sock")));
        for bad in ["/run/kms.sock", "unix://run/kms.sock", "tcp://localhost:1", "unix:///", ""] {
            assert!(socket_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn annotations_are_called_after_domains() {
        for good in ["a.b", "kms.example.com", "x-1.y2"] {
            assert!(is_domain(good), "{good}");
        }
        for bad in ["plain", "A.b", "a..b", "-a.b", "a_b.c", ""] {
            assert!(!is_domain(bad), "{bad}");
        }
    }
}
