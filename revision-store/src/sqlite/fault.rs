//! What SQLite's and the system's errors mean for a store.

use std::{io, path::Path, sync::Arc};

use rusqlite::{Error, ErrorCode, ffi};

use crate::StoreError;

/// What an error of SQLite means.
pub(super) fn of(path: &Path, error: Error) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { path },
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            StoreError::ReadOnly { path }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Locked { path, process: None }
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt { path, detail: error.to_string() }
        }
        // The index of the log is a file too, and the first that does not fit.
        _ if error.sqlite_error().map(|error| error.extended_code) == Some(ffi::SQLITE_IOERR_SHMSIZE) => {
            StoreError::Full { path }
        }
        // A column that has not the type that the table gives it.
        None if is_conversion(&error) => StoreError::Corrupt { path, detail: error.to_string() },
        _ => StoreError::Io { path, source: Arc::new(error) },
    }
}

/// What an error of the file system means.
pub(super) fn io(path: &Path, error: io::Error) -> StoreError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { path },
        _ => StoreError::Io { path, source: Arc::new(error) },
    }
}

fn is_conversion(error: &Error) -> bool {
    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::InvalidColumnType(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..)
    )
}
