//! Calls of webhooks by code that cannot wait asynchronously.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, RuntimeFlavor};
use tokio::sync::mpsc::{Sender, channel};

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How many calls may wait to be begun. Who waits for one holds a thread, and of those there are not so many.
const WAITING: usize = 1024;

/// A thread with a runtime of its own. It ends when this is dropped.
///
/// A thread that waits for it gives its place in its own runtime away first, so that whoever it waits for, be it in
/// this process, can run. That is possible in a runtime of several threads only; in one of a single thread, a webhook
/// that is served by the very same thread cannot answer, and the call ends with its timeout.
pub(super) struct Blocking {
    jobs: Sender<Job>,
}

impl Blocking {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has none left.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (jobs, mut waiting) = channel::<Job>(WAITING);
        let run = async move {
            while let Some(job) = waiting.recv().await {
                tokio::spawn(job);
            }
        };
        std::thread::Builder::new().name("webhook-calls".to_owned()).spawn(move || runtime.block_on(run))?;
        Ok(Self { jobs })
    }

    /// Runs a future on the thread, and waits for its end, but not longer than `timeout`.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        timeout: Duration,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, RecvTimeoutError> {
        let (done, result) = sync_channel(1);
        let job = async move {
            let _ = done.send(future.await);
        };
        self.jobs.try_send(Box::pin(job)).map_err(|_| RecvTimeoutError::Disconnected)?;
        let wait = || result.recv_timeout(timeout);
        match Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
            _ => wait(),
        }
    }
}
