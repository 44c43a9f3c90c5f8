//! The authority of tunnels: it signs the certificates of servers, engines and agents.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use federation_apiserver::auth::{Identity, certificates};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, PostParams};
use tenancy::Scope;

/// Name of the Secret, in the federation's namespace: `ca.crt` and `ca.key`, PEM.
pub const SECRET_NAME: &str = "fedd-tunnel-authority";
/// The name by which an engine dials.
pub const ENGINE: &str = "engine";
/// The organisation of engines' certificates: agents' have another.
pub const ENGINES: &str = "fedd:engines";
/// What comes before a scope, `tenant/group`, in the name by which its programs dial.
pub const SCOPE_PREFIX: &str = "scope:";
/// The organisation of the certificates of tenants' programs.
pub const TENANTS: &str = "fedd:tenants";
const CERTIFICATE: &str = "ca.crt";
const KEY: &str = "ca.key";
/// How long a server's or an engine's certificate is good. It is made anew each day.
const SERVING_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The authority of a federation; the first that asks makes it.
///
/// # Errors
/// The Secret cannot be read or written, or is no authority.
pub async fn of(client: &Client, namespace: &str) -> anyhow::Result<Identity> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let what = || format!("secret {namespace}/{SECRET_NAME}");
    if let Some(secret) = api.get_opt(SECRET_NAME).await.with_context(what)? {
        return read(&secret).with_context(what);
    }
    let made = certificates::authority("fedd tunnel authority", Timestamp::now())?;
    let mut secret = Secret { type_: Some("Opaque".to_owned()), ..Secret::default() };
    secret.metadata.name = Some(SECRET_NAME.to_owned());
    secret.metadata.namespace = Some(namespace.to_owned());
    secret.data = Some(BTreeMap::from([
        (CERTIFICATE.to_owned(), ByteString(made.certificate.clone().into_bytes())),
        (KEY.to_owned(), ByteString(made.key.clone().into_bytes())),
    ]));
    match api.create(&PostParams::default(), &secret).await {
        Ok(_) => Ok(made),
        // Another replica was first.
        Err(kube::Error::Api(status)) if status.code == 409 => {
            read(&api.get(SECRET_NAME).await.with_context(what)?).with_context(what)
        }
        Err(error) => Err(error).with_context(what),
    }
}

fn read(secret: &Secret) -> anyhow::Result<Identity> {
    let text = |key: &str| {
        let bytes = secret.data.as_ref()?.get(key)?;
        String::from_utf8(bytes.0.clone()).ok().filter(|text| text.contains("-----BEGIN"))
    };
    let (Some(certificate), Some(key)) = (text(CERTIFICATE), text(KEY)) else {
        bail!(
            "{CERTIFICATE} and {KEY} are not both PEM: restore it, or delete it and join tunnelled members again"
        );
    };
    Ok(Identity { certificate, key })
}

/// A certificate for an engine that dials through servers of other processes.
///
/// # Errors
/// The authority cannot sign.
pub fn engine(authority: &Identity) -> anyhow::Result<Identity> {
    Ok(certificates::client(authority, ENGINE, ENGINES, Timestamp::now(), SERVING_LIFE)?)
}

/// A certificate for a tenant's programs, which may dial the clusters of its scope.
///
/// # Errors
/// The authority cannot sign, or the end is beyond what certificates can say.
pub fn tenant(authority: &Identity, scope: &Scope, life: SignedDuration) -> anyhow::Result<Identity> {
    let name = format!("{SCOPE_PREFIX}{scope}");
    Ok(certificates::client(authority, &name, TENANTS, Timestamp::now(), life)?)
}

/// A certificate for the server, under these names and addresses.
///
/// # Errors
/// The authority cannot sign, or a name cannot be one.
pub fn server(authority: &Identity, hosts: &[String]) -> anyhow::Result<Identity> {
    Ok(certificates::serving(authority, "fedd tunnel server", hosts, Timestamp::now(), SERVING_LIFE)?)
}
