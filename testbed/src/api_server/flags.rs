//! What kube-apiserver is started with.

use std::{fs, path::Path};

use super::ApiServerOptions;
use crate::{Error, Result, audit, certificates::Certificates};

const AUTHORITY: &str = "ca.crt";
const CERTIFICATE: &str = "server.crt";
const KEY: &str = "server.key";
const TOKEN_KEY: &str = "tokens.key";
const TOKEN_PUBLIC_KEY: &str = "tokens.pub";

/// Where a server's data are.
pub(super) struct Store {
    /// Of etcd, or of what stands in its place.
    pub(super) address: String,
    /// What all its keys begin with.
    pub(super) prefix: String,
}

/// Writes the certificates and keys that the flags name.
pub(super) fn write_files(folder: &Path, certificates: &Certificates) -> Result<()> {
    let files = [
        (AUTHORITY, &certificates.authority),
        (CERTIFICATE, &certificates.server.certificate),
        (KEY, &certificates.server.key),
        (TOKEN_KEY, &certificates.token_key),
        (TOKEN_PUBLIC_KEY, &certificates.token_public_key),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|source| Error::file(&path, source))?;
    }
    Ok(())
}

/// The flags of one server. The caller's come last, since the last of a name counts.
pub(super) fn flags(port: u16, store: &Store, folder: &Path, options: &ApiServerOptions) -> Vec<String> {
    let mut flags = vec![
        format!("--etcd-servers={}", store.address),
        format!("--etcd-prefix={}", store.prefix),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        // Otherwise it refuses to advertise a loopback address.
        "--endpoint-reconciler-type=none".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/16".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        // It refuses Pods until a controller has made their service account, and there is none by default.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--profiling=false".to_owned(),
        // Its queues would make what a test measures depend on how many users the test has. Without them the limits
        // of requests at once are fixed, so they are set where a load test does not meet them.
        "--enable-priority-and-fairness=false".to_owned(),
        "--max-requests-inflight=3000".to_owned(),
        "--max-mutating-requests-inflight=1000".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--cert-dir={}", folder.display()),
        file("client-ca-file", folder, AUTHORITY),
        file("service-account-key-file", folder, TOKEN_PUBLIC_KEY),
        file("service-account-signing-key-file", folder, TOKEN_KEY),
    ];
    flags.extend(serving(folder));
    if options.audit_writes {
        flags.extend(audit::flags(folder));
    }
    flags.extend(options.flags.iter().cloned());
    flags
}

/// The flags of a component that serves with the server's certificate.
pub(crate) fn serving(folder: &Path) -> [String; 2] {
    [file("tls-cert-file", folder, CERTIFICATE), file("tls-private-key-file", folder, KEY)]
}

/// The flags of the component that makes service account tokens and gives them the authority's certificate.
pub(crate) fn token_signing(folder: &Path) -> [String; 2] {
    [file("service-account-private-key-file", folder, TOKEN_KEY), file("root-ca-file", folder, AUTHORITY)]
}

fn file(flag: &str, folder: &Path, name: &str) -> String {
    format!("--{flag}={}", folder.join(name).display())
}
