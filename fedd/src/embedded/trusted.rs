//! Whom the system trusts.

use std::sync::Arc;

use rustls::RootCertStore;
use tracing::{debug, warn};

/// The authorities that the system trusts. What cannot be read is left out: only webhooks without a `caBundle` would
/// miss it.
pub(super) async fn system_roots() -> Arc<RootCertStore> {
    // Hundreds of files, on some systems.
    let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let mut roots = RootCertStore::empty();
    if let Ok(found) = found {
        for error in &found.errors {
            warn!(%error, "some of the system's authorities cannot be read");
        }
        let (taken, left) = roots.add_parsable_certificates(found.certs);
        debug!(taken, left, "the system's authorities are trusted");
    }
    Arc::new(roots)
}
