//! What can be set of a store in a database.

use std::time::Duration;

/// Limits of a [`MysqlStore`](crate::MysqlStore).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MysqlOptions {
    /// How many writes wait at most; a further one waits to be let in. Default: 1024.
    pub queue: usize,
    /// How many reads run at once, each on a connection. Default: 8. Beyond these a store has two connections.
    pub readers: usize,
    /// How long a connection may take to be made. Default: 3 s.
    pub connect_timeout: Duration,
    /// How long one statement may take, the wait for locks included. Default: 5 s.
    pub statement_timeout: Duration,
    /// For how long a read is tried, and the opening of the store. Then it is
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable). Default: 10 s.
    pub read_timeout: Duration,
    /// For how long a write is begun anew while the database cannot do it. Then it is
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable). Default: 10 s; the last attempt may end a statement's
    /// time later.
    pub write_timeout: Duration,
    /// For how long it is asked what became of a commit whose connection broke. Then it is
    /// [`StoreError::Unknown`](crate::StoreError::Unknown). Default: 10 s, which come on top of a write's time.
    pub settle_timeout: Duration,
}

impl Default for MysqlOptions {
    fn default() -> Self {
        Self {
            queue: 1024,
            readers: 8,
            connect_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            settle_timeout: Duration::from_secs(10),
        }
    }
}
