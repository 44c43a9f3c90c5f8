//! The testbed: one etcd and the API servers on it.

use std::{collections::HashSet, path::Path, sync::Arc};

use parking_lot::Mutex;

use crate::{
    ApiServer, ApiServerOptions, Binary, Error, Result, blocking::blocking, etcd::Etcd,
    supervisor::Supervisor,
};

/// One etcd for any number of API servers, and the temporary folder of them all.
///
/// A clone is another handle on the same testbed. When the last handle and the last [`ApiServer`] are dropped, or
/// when this process ends in any way (a panic, an abort, SIGKILL), the processes are killed and the folder is removed.
#[derive(Clone)]
pub struct Testbed {
    shared: Arc<Shared>,
}

struct Shared {
    etcd: Etcd,
    supervisor: Arc<Supervisor>,
    /// The names given so far. None is given twice, since the data of an ended server stays in etcd.
    names: Mutex<HashSet<String>>,
}

impl Testbed {
    /// Finds or builds the binaries and starts etcd.
    ///
    /// Fails if the binaries can be neither found nor built, or etcd does not start.
    pub async fn start() -> Result<Self> {
        install_crypto_provider();
        let etcd = blocking(|| {
            Binary::KubeApiserver.path()?;
            Binary::Etcd.path()
        })
        .await?;
        let supervisor = Arc::new(blocking(Supervisor::start).await?);
        Ok(Self {
            shared: Arc::new(Shared {
                etcd: Etcd::start(&supervisor, &etcd).await?,
                supervisor,
                names: Mutex::new(HashSet::new()),
            }),
        })
    }

    /// Starts an API server and waits until it is ready. Several may be started at once.
    ///
    /// The name is a DNS label of at most 40 characters and new in this testbed.
    pub async fn api_server(&self, name: &str) -> Result<ApiServer> {
        self.api_server_with(name, ApiServerOptions::default()).await
    }

    /// As [`Testbed::api_server`], with options.
    pub async fn api_server_with(&self, name: &str, options: ApiServerOptions) -> Result<ApiServer> {
        if !is_server_name(name) {
            return Err(Error::Name(name.to_owned()));
        }
        if !self.shared.names.lock().insert(name.to_owned()) {
            return Err(Error::NameInUse(name.to_owned()));
        }
        Box::pin(ApiServer::start(self.clone(), name, options)).await
    }

    /// The temporary folder, for files that should go when the testbed goes. Every server has a folder of its name
    /// in it, with its `log`.
    pub fn folder(&self) -> &Path {
        self.shared.supervisor.root()
    }

    /// The address of the testbed's etcd: `unix:///PATH`.
    pub fn etcd_address(&self) -> String {
        self.shared.etcd.address()
    }

    pub(crate) fn supervisor(&self) -> &Arc<Supervisor> {
        &self.shared.supervisor
    }

    pub(crate) fn etcd(&self) -> &Etcd {
        &self.shared.etcd
    }
}

/// kube takes the TLS implementation from the process; whoever chose one before keeps it.
fn install_crypto_provider() {
    let _chosen_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The name is an etcd prefix, a folder, a shell word, a kubeconfig context and part of a certificate's name of at
/// most 64 characters: a short DNS label is good for all.
fn is_server_name(name: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&name.len())
        && name.bytes().all(inside)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name != "etcd"
}

#[cfg(test)]
mod tests {
    use super::is_server_name;

    #[test]
    fn server_names_are_short_dns_labels() {
        for good in ["host", "m1", "rz00-a", "0", &"a".repeat(40)] {
            assert!(is_server_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a/b", "a b", "etcd", "ä", &"a".repeat(41)] {
            assert!(!is_server_name(bad), "{bad}");
        }
    }
}
