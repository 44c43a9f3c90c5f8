//! The Secret in which replicas share their authorities. Optimistic concurrency: who comes second reads the first's.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, ResourceExt as _};

use super::{Authority, CertificateError, bundle_pem, keys_pem, read_authorities};

/// Name of the Secret, in the federation's namespace: `ca.crt` and `ca.key`, PEM, newest first, in the same order.
pub const SECRET_NAME: &str = "fedd-webhook-certificate";
const CERTIFICATES: &str = "ca.crt";
const KEYS: &str = "ca.key";

/// The Secret that replicas share.
#[derive(Clone, Debug)]
pub struct SharedAuthorities {
    api: Api<Secret>,
    namespace: String,
}

/// The Secret's content, and the version that a write must name.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) authorities: Vec<Authority>,
    pub(super) version: Option<String>,
}

/// How a write ended.
#[derive(Debug)]
pub(super) enum Saved {
    /// It was done; the Secret has this version now.
    Done(Option<String>),
    /// Somebody else has written meanwhile: read again.
    Overtaken,
}

impl SharedAuthorities {
    /// The Secret in a namespace.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), namespace: namespace.to_owned() }
    }

    pub(super) fn api(&self) -> Api<Secret> {
        self.api.clone()
    }

    fn display(&self) -> String {
        format!("{}/{SECRET_NAME}", self.namespace)
    }

    fn error(&self, source: kube::Error) -> CertificateError {
        CertificateError::Secret { secret: self.display(), source: Box::new(source) }
    }

    /// Reads the authorities; `None` when there is no Secret.
    pub(super) async fn load(&self) -> Result<Option<Stored>, CertificateError> {
        let secret = self.api.get_opt(SECRET_NAME).await.map_err(|e| self.error(e))?;
        secret.map(|secret| self.read(&secret)).transpose()
    }

    /// Reads the authorities in a Secret.
    pub(super) fn read(&self, secret: &Secret) -> Result<Stored, CertificateError> {
        let what = format!("secret {} (delete it to have a new one made)", self.display());
        let bytes = |key| secret.data.as_ref().and_then(|d| d.get(key)).map_or(&[][..], |b| b.0.as_slice());
        let authorities = read_authorities(&what, bytes(CERTIFICATES), bytes(KEYS))?;
        Ok(Stored { authorities, version: secret.resource_version() })
    }

    /// Writes authorities over the version that was read, or creates the Secret when none was there.
    pub(super) async fn save(&self, stored: &Stored) -> Result<Saved, CertificateError> {
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(SECRET_NAME.to_owned()),
                namespace: Some(self.namespace.clone()),
                resource_version: stored.version.clone(),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([
                (CERTIFICATES.to_owned(), ByteString(bundle_pem(&stored.authorities))),
                (KEYS.to_owned(), ByteString(keys_pem(&stored.authorities))),
            ])),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        };
        let params = PostParams::default();
        let written = if stored.version.is_some() {
            self.api.replace(SECRET_NAME, &params, &secret).await
        } else {
            self.api.create(&params, &secret).await
        };
        match written {
            Ok(secret) => Ok(Saved::Done(secret.resource_version())),
            // Conflict or already exists; or, for a replace, gone.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Saved::Overtaken),
            Err(kube::Error::Api(status)) if status.code == 404 && stored.version.is_some() => {
                Ok(Saved::Overtaken)
            }
            Err(e) => Err(self.error(e)),
        }
    }
}
