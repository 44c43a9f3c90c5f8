//! What SQLite's and the system's errors mean for a store.

use std::{io, path::Path, sync::Arc};

use rusqlite::{Error, ErrorCode, ffi};

use crate::{Place, StoreError};

/// What an error of SQLite means.
pub(super) fn of(path: &Path, error: Error) -> StoreError {
    let place = Place::from(path);
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { place },
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            StoreError::ReadOnly { place }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Locked { place, process: None }
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt { place, detail: error.to_string() }
        }
        // The index of the log is a file too, and the first that does not fit.
        _ if error.sqlite_error().map(|error| error.extended_code) == Some(ffi::SQLITE_IOERR_SHMSIZE) => {
            StoreError::Full { place }
        }
        // A column that has not the type that the table gives it.
        None if is_conversion(&error) => StoreError::Corrupt { place, detail: error.to_string() },
        _ => StoreError::Io { place, source: Arc::new(error) },
    }
}

/// What an error of the file system means.
pub(super) fn io(path: &Path, error: io::Error) -> StoreError {
    let place = Place::from(path);
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { place },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { place },
        _ => StoreError::Io { place, source: Arc::new(error) },
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
