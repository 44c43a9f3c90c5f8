//! Connections that only read.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::StoreError;

/// A few connections, each used by one read at a time.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    /// A permit for each connection; none after closing.
    free: Arc<Semaphore>,
    all: u32,
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let all = u32::try_from(connections.len()).unwrap_or(u32::MAX);
        let free = Arc::new(Semaphore::new(connections.len()));
        Self { idle: Arc::new(Mutex::new(connections)), free, all }
    }

    /// Runs a read on a thread that may wait for the disk.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_closed| StoreError::Closed)?;
        let idle = Arc::clone(&self.idle);
        let done = tokio::task::spawn_blocking(move || {
            let mut connection = idle.lock().pop()?;
            let found = read(&mut connection);
            idle.lock().push(connection);
            drop(permit);
            Some(found)
        });
        done.await.ok().flatten().ok_or(StoreError::Closed)
    }

    /// Waits for the reads under way and closes the connections. Reads that wait, or come later, are refused.
    pub(super) async fn close(&self) {
        // An error means that it is closed already.
        if let Ok(permits) = self.free.acquire_many(self.all).await {
            self.free.close();
            permits.forget();
            self.idle.lock().clear();
        }
    }
}
