//! What a database's errors mean for a store.

use std::{fmt, sync::Arc, time::Duration};

use mysql_async::Error;

use crate::{Place, StoreError};

/// Why something that was asked of the database did not succeed.
#[derive(Debug)]
pub(super) enum Fault {
    /// It, or the way to it, said so.
    Said(Error),
    /// There was no answer in this time.
    Silent(Duration),
}

// https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html. OceanBase uses the same numbers for the
// same things, and its own, from 4000 on, for others.
const ACCESS_DENIED_TO_DATABASE: u16 = 1044;
const ACCESS_DENIED: u16 = 1045;
pub(super) const UNKNOWN_DATABASE: u16 = 1049;
const UNKNOWN_COLUMN: u16 = 1054;
const TABLE_FULL: u16 = 1114;
const DISK_FULL: u16 = 1021;
const TABLE_DENIED: u16 = 1142;
const COLUMN_DENIED: u16 = 1143;
pub(super) const NO_SUCH_TABLE: u16 = 1146;
const NEEDS_PRIVILEGE: u16 = 1227;
const OUT_OF_DISK_SPACE: u16 = 4184;

impl Fault {
    /// The number of the server's error.
    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Said(Error::Server(error)) => Some(error.code),
            _ => None,
        }
    }

    /// Whether the user lacks a right.
    pub(super) fn is_denied(&self) -> bool {
        matches!(
            self.code(),
            Some(ACCESS_DENIED_TO_DATABASE | ACCESS_DENIED | TABLE_DENIED | COLUMN_DENIED | NEEDS_PRIVILEGE)
        )
    }

    /// Whether the user itself was not let in.
    pub(super) fn is_unknown_user(&self) -> bool {
        self.code() == Some(ACCESS_DENIED)
    }

    /// What it means where it makes no sense to try again; everything else, deadlocks, lock time-outs, serialisation
    /// errors and servers that stop or only read among them, may pass.
    pub(super) fn lasting(&self, place: &Place) -> Option<StoreError> {
        let place = place.clone();
        let problem = || Arc::from(self.to_string());
        match (self.code(), self) {
            (Some(TABLE_FULL | DISK_FULL | OUT_OF_DISK_SPACE), _) => Some(StoreError::Full { place }),
            (Some(NO_SUCH_TABLE | UNKNOWN_COLUMN | UNKNOWN_DATABASE), _) => {
                Some(StoreError::Corrupt { place, detail: self.to_string() })
            }
            _ if self.is_denied() => {
                Some(StoreError::NoRights { place, problem: problem(), statements: String::new() })
            }
            // A column that has not the type that the table gives it.
            (
                None,
                Self::Said(Error::Driver(
                    mysql_async::DriverError::FromRow { .. } | mysql_async::DriverError::FromValue { .. },
                )),
            ) => Some(StoreError::Corrupt { place, detail: "a row has columns of other types".to_owned() }),
            _ => None,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Said(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(Error::Server(error)) => {
                write!(formatter, "error {}: {}", error.code, error.message.trim())
            }
            Self::Said(Error::Io(error)) => error.fmt(formatter),
            Self::Said(error) => error.fmt(formatter),
            Self::Silent(limit) => write!(formatter, "no answer within {:.1} s", limit.as_secs_f64()),
        }
    }
}

/// Waits for an answer of the database, not for ever. Whoever gets no answer must not use the connection again.
pub(super) async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Fault> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answered) => answered.map_err(Fault::Said),
        Err(_) => Err(Fault::Silent(limit)),
    }
}
