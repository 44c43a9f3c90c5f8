//! Connections that only read.

use std::time::Duration;

use futures::future::BoxFuture;
use mysql_async::Conn;
use parking_lot::Mutex;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout_at},
};

use super::{
    connector::Connector,
    fault::{Fault, within},
};
use crate::StoreError;

/// How long to wait before a read is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// A bounded number of connections, each used by one read at a time, made when they are needed.
pub(super) struct Readers {
    idle: Mutex<Vec<Conn>>,
    /// A permit for each connection; none after closing.
    free: Semaphore,
}

impl Readers {
    pub(super) fn new(connections: usize) -> Self {
        Self { idle: Mutex::default(), free: Semaphore::new(connections.max(1)) }
    }

    /// Runs a read, again and again while the database cannot be asked, for a read's time.
    pub(super) async fn run<T: Send>(
        &self,
        connector: &Connector,
        read: impl for<'a> Fn(&'a mut Conn) -> BoxFuture<'a, mysql_async::Result<T>> + Send,
    ) -> Result<T, StoreError> {
        let begin = Instant::now();
        let end = begin + connector.options.read_timeout;
        let too_late = || connector.unavailable("a read", begin.elapsed());
        let permit = timeout_at(end, self.free.acquire()).await.map_err(|_late| too_late())?;
        let _permit = permit.map_err(|_closed| StoreError::Closed)?;
        loop {
            let fault = match timeout_at(end, self.once(connector, &read)).await {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(fault)) => fault,
                Err(_) => return Err(too_late()),
            };
            if let Some(error) = fault.lasting(&connector.place) {
                return Err(error);
            }
            connector.note(&fault);
            if timeout_at(end, sleep(PAUSE)).await.is_err() {
                return Err(too_late());
            }
        }
    }

    async fn once<T>(
        &self,
        connector: &Connector,
        read: &impl for<'a> Fn(&'a mut Conn) -> BoxFuture<'a, mysql_async::Result<T>>,
    ) -> Result<T, Fault> {
        let kept = self.idle.lock().pop();
        let fresh = kept.is_none();
        let mut connection = match kept {
            Some(connection) => connection,
            None => connector.connect().await?,
        };
        let found = within(connector.options.statement_timeout, read(&mut connection)).await;
        match found {
            Ok(found) => {
                self.idle.lock().push(connection);
                Ok(found)
            }
            Err(fault) => {
                // If one connection broke while it was idle, so did the others.
                if !fresh && fault.code().is_none() {
                    self.idle.lock().clear();
                }
                Err(fault)
            }
        }
    }

    /// Refuses reads from now on and closes the connections that are not in use.
    pub(super) async fn close(&self) {
        self.free.close();
        let idle = std::mem::take(&mut *self.idle.lock());
        for connection in idle {
            // Whether the server is told or not, the connection ends.
            let _told = within(Duration::from_secs(1), connection.disconnect()).await;
        }
    }
}
