//! SIGTERM and SIGINT: the first asks, the second insists.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Whether the process is to end.
pub(crate) struct Shutdown {
    /// When what is under way is done.
    pub(crate) gently: CancellationToken,
    /// At once.
    pub(crate) now: CancellationToken,
    _listening: tokio_util::task::AbortOnDropHandle<()>,
}

impl Shutdown {
    /// By signals.
    pub(crate) fn on_signals() -> std::io::Result<Self> {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (gently, now) = (CancellationToken::new(), CancellationToken::new());
        let told = [gently.clone(), now.clone()];
        let listening = tokio::spawn(async move {
            for token in told {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                info!("told to stop");
                token.cancel();
            }
        });
        Ok(Self { gently, now, _listening: tokio_util::task::AbortOnDropHandle::new(listening) })
    }
}
