//! Certificates that users bring: `tls.crt`, `tls.key` and, optionally, `ca.crt` in a directory, as for KubeFed's webhook.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{CertificateError, CurrentCertificate, certified_key};

/// How often the files are read again. Mounted Secrets are exchanged by links within links, which no watch of one file
/// sees; reading three small files is cheaper than getting that right.
const REREAD: Duration = Duration::from_secs(30);

/// Serves what is in a directory, and follows it.
pub struct CertificateDirectory {
    path: PathBuf,
    current: Arc<CurrentCertificate>,
    bundle: watch::Sender<Option<Vec<u8>>>,
    read: Option<Files>,
}

#[derive(PartialEq, Eq)]
struct Files {
    chain: Vec<u8>,
    key: Vec<u8>,
    authorities: Option<Vec<u8>>,
}

impl CertificateDirectory {
    /// Serves the directory's certificate through `current`, and says its `ca.crt` on `bundle`: `None` when there is no
    /// such file, and then the API server's own roots must do.
    pub fn new(
        path: PathBuf,
        current: Arc<CurrentCertificate>,
        bundle: watch::Sender<Option<Vec<u8>>>,
    ) -> Self {
        Self { path, current, bundle, read: None }
    }

    /// Reads the files; changes nothing when they are as before, or not good.
    pub async fn load(&mut self) -> Result<(), CertificateError> {
        let files = Files {
            chain: read(&self.path.join("tls.crt")).await?,
            key: read(&self.path.join("tls.key")).await?,
            authorities: match tokio::fs::try_exists(self.path.join("ca.crt")).await {
                Ok(true) => Some(read(&self.path.join("ca.crt")).await?),
                _ => None,
            },
        };
        if self.read.as_ref() == Some(&files) {
            return Ok(());
        }
        let what = self.path.join("tls.crt").display().to_string();
        let unreadable = |e: rustls::pki_types::pem::Error| CertificateError::Unreadable {
            what: what.clone(),
            problem: format!("not a PEM certificate with its key in tls.key: {e:?}"),
        };
        let chain = CertificateDer::pem_slice_iter(&files.chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(unreadable)?;
        let key = PrivateKeyDer::from_pem_slice(&files.key).map_err(unreadable)?;
        if chain.is_empty() {
            return Err(unreadable(rustls::pki_types::pem::Error::NoItemsFound));
        }
        self.current.set(Arc::new(certified_key(chain, key, &what)?));
        self.bundle.send_if_modified(|known| {
            let changed = *known != files.authorities;
            known.clone_from(&files.authorities);
            changed
        });
        self.read = Some(files);
        info!(directory = %self.path.display(), "the webhook's certificate is read");
        Ok(())
    }

    /// Follows the directory until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(REREAD) => {}
            }
            if let Err(error) = self.load().await {
                warn!(%error, "the webhook goes on with the certificate that it holds");
            }
        }
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    tokio::fs::read(path).await.map_err(|e| CertificateError::Unreadable {
        what: path.display().to_string(),
        problem: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Authority, pem};
    use super::*;

    #[tokio::test]
    async fn files_are_served_and_followed_and_bad_ones_change_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let current = Arc::new(CurrentCertificate::default());
        let (bundle, seen) = watch::channel(None);
        let mut served = CertificateDirectory::new(directory.path().to_owned(), Arc::clone(&current), bundle);
        assert!(served.load().await.unwrap_err().to_string().contains("tls.crt"));

        let day = Duration::from_secs(86_400);
        let write = |authority: &Authority| {
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate =
                rcgen::CertificateParams::new(vec!["h".into()]).unwrap().self_signed(&key).unwrap();
            std::fs::write(directory.path().join("tls.crt"), certificate.pem()).unwrap();
            std::fs::write(directory.path().join("tls.key"), key.serialize_pem()).unwrap();
            std::fs::write(directory.path().join("ca.crt"), pem("CERTIFICATE", &authority.certificate))
                .unwrap();
        };
        write(&Authority::make(std::time::SystemTime::now(), day).unwrap());
        served.load().await.unwrap();
        let first = current.0.load_full().unwrap();
        assert!(seen.borrow().as_ref().unwrap().starts_with(b"-----BEGIN CERTIFICATE"));
        served.load().await.unwrap();
        assert!(Arc::ptr_eq(&first, &current.0.load_full().unwrap()), "unchanged files change nothing");

        std::fs::write(directory.path().join("tls.key"), "nonsense").unwrap();
        served.load().await.unwrap_err();
        assert!(Arc::ptr_eq(&first, &current.0.load_full().unwrap()));
        write(&Authority::make(std::time::SystemTime::now(), day).unwrap());
        served.load().await.unwrap();
        assert!(!Arc::ptr_eq(&first, &current.0.load_full().unwrap()));
    }
}
