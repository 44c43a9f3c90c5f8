//! The table as it is, for checks and copies.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{fault, table};
use crate::{Row, StoreError};

/// Reads all rows of a file in the order of their ids, as they are at one moment. It may be in use. Blocks.
///
/// # Errors
/// The file is not there, or is no database of this kind.
pub fn sqlite_rows(path: &Path, mut each: impl FnMut(Row)) -> Result<(), StoreError> {
    path.metadata().map_err(|error| fault::io(path, error))?;
    let mut read = || -> rusqlite::Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        let mut statement = connection.prepare(
            "SELECT id, name, created, deleted, create_revision, prev_revision, lease, value, old_value
             FROM kine ORDER BY id",
        )?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            each(table::row(row)?);
        }
        Ok(())
    };
    read().map_err(|error| fault::of(path, error))
}
