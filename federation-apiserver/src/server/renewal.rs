//! The server's certificate, renewed while it serves.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::auth::{CertificatesError, Identity, certificates, server_config};

/// Makes the server's certificates. New connections get the newest; those that are open go on with theirs.
pub(crate) struct Renewal {
    pub(crate) authority: Identity,
    /// Names and addresses that certificates are for.
    pub(crate) hosts: Vec<String>,
    /// How long each lasts.
    pub(crate) life: SignedDuration,
    pub(crate) now: fn() -> Timestamp,
}

/// Longest sleep between two looks at the clock, which may be set meanwhile, or stand still while the machine sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(600);
/// Wait after a certificate could not be made.
const RETRY: Duration = Duration::from_secs(5);

impl Renewal {
    /// A new certificate, for TLS.
    pub(crate) fn make(&self) -> Result<ServerConfig, CertificatesError> {
        let Self { authority, hosts, life, now } = self;
        let serving = certificates::serving(authority, "fedd", hosts.iter().cloned(), now(), *life)?;
        server_config(&serving, Some(&authority.certificate))
    }

    /// Renews the certificate that was made at `made` and is in `tls`, and says when on `renewed`.
    pub(crate) async fn run(
        self,
        mut made: Timestamp,
        tls: Arc<ArcSwap<ServerConfig>>,
        renewed: watch::Sender<Timestamp>,
        stop: CancellationToken,
    ) {
        loop {
            let now = (self.now)();
            let mut wait = until_renewal(made, self.life, now).min(LONGEST_SLEEP);
            if wait.is_zero() {
                match self.make() {
                    Ok(config) => {
                        tls.store(Arc::new(config));
                        made = now;
                        renewed.send_replace(made);
                        tracing::info!("the server's certificate is renewed");
                        continue;
                    }
                    Err(error) => {
                        tracing::error!(%error, "the server's certificate cannot be renewed");
                        wait = RETRY;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

/// How long until a certificate is to be renewed: when a third of its life is left. A clock that was set back to before
/// it was made changes nothing: it is good, as far as the clock tells.
fn until_renewal(made: Timestamp, life: SignedDuration, now: Timestamp) -> Duration {
    let age = now.duration_since(made);
    (life / 3 * 2).checked_sub(age).and_then(|left| left.try_into().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_life_is_left() {
        let made = Timestamp::UNIX_EPOCH;
        let life = SignedDuration::from_secs(90);
        let at = |second| until_renewal(made, life, made + SignedDuration::from_secs(second)).as_secs();
        assert_eq!((at(0), at(59), at(60), at(61), at(1000)), (60, 1, 0, 0, 0));
        assert_eq!(at(-10), 70);
    }
}
