//! Work that blocks, off the threads that run the tests.

use crate::Result;

/// Runs `work` on a thread that may block. A panic in it goes on here.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down cancels such work.
            Err(_) => Err(crate::Error::Supervisor(std::io::ErrorKind::Interrupted.into())),
        },
    }
}
