//! How one API server is reached.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;

use crate::{Error, Result, certificates::Certificates};

/// The administrator's address, credentials and kubeconfig.
pub(super) struct Access {
    url: String,
    ca_pem: String,
    kubeconfig: String,
    config: Config,
}

impl Access {
    pub(super) async fn new(name: &str, port: u16, certificates: &Certificates) -> Result<Self> {
        let url = format!("https://127.0.0.1:{port}");
        let administrator = certificates.client("testbed-administrator", "system:masters")?;
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "clusters": [{"name": name, "cluster": {
                "server": url,
                "certificate-authority-data": base64(&certificates.authority),
            }}],
            "users": [{"name": name, "user": {
                "client-certificate-data": base64(&administrator.certificate),
                "client-key-data": base64(&administrator.key),
            }}],
        });
        let kubeconfig = format!("{kubeconfig:#}\n");
        let config = Config::from_custom_kubeconfig(
            Kubeconfig::from_yaml(&kubeconfig)?,
            &KubeConfigOptions::default(),
        )
        .await?;
        // Tried once here, so that `client` cannot fail later.
        Client::try_from(config.clone())?;
        Ok(Self { url, ca_pem: certificates.authority.clone(), kubeconfig, config })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    pub(super) fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    pub(super) fn config(&self) -> Config {
        self.config.clone()
    }

    pub(super) fn client(&self) -> Client {
        Client::try_from(self.config()).expect("a client was made from this configuration before")
    }

    /// Where the kubeconfig is in a server's folder.
    pub(super) fn path(folder: &Path) -> PathBuf {
        folder.join("kubeconfig")
    }

    /// Writes the kubeconfig into a server's folder.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let path = Self::path(folder);
        fs::write(&path, &self.kubeconfig).map_err(|source| Error::file(&path, source))
    }
}

/// Whether the server is ready and its first namespace is there, without which a test's first write would fail.
pub(super) async fn serves(client: &Client) -> Result<(), String> {
    for path in ["/readyz", "/api/v1/namespaces/default"] {
        let request = http::Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
        let answer = client.request_text(request).await;
        answer.map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}

fn base64(text: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.encode(text)
}
