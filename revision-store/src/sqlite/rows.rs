//! The table as it is, for checks and copies.

use std::path::{Path, PathBuf};

use futures::{StreamExt as _, stream};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use tokio::sync::mpsc;

use super::{fault, lock::Lock, table};
use crate::{
    Row, Rows, StoreError,
    rows::{Present, is_data},
};

/// How many rows come at once.
const PAGE: usize = 500;

/// All rows of a file. It may be in use.
///
/// The first item is an error where the file is not there, or is no database of this kind.
pub(crate) fn rows(path: PathBuf) -> Rows {
    let (pages, told) = mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = read(&path, |page| pages.blocking_send(Ok(page)).is_ok()) {
            // Nobody may be there to be told.
            let _ = pages.blocking_send(Err(error));
        }
    });
    stream::unfold(told, async |mut told| Some((told.recv().await?, told))).boxed()
}

/// Reads pages for as long as they are wanted, all in one statement and so of one moment.
fn read(path: &Path, mut wanted: impl FnMut(Vec<Row>) -> bool) -> Result<(), StoreError> {
    path.metadata().map_err(|error| fault::io(path, error))?;
    let mut read = || -> rusqlite::Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        let mut statement = connection.prepare(
            "SELECT id, name, created, deleted, create_revision, prev_revision, lease, value, old_value
             FROM kine ORDER BY id",
        )?;
        let mut rows = statement.query(())?;
        let mut page = Vec::with_capacity(PAGE);
        while let Some(row) = rows.next()? {
            page.push(table::row(row)?);
            if page.len() == PAGE && !wanted(std::mem::take(&mut page)) {
                return Ok(());
            }
        }
        wanted(page);
        Ok(())
    };
    read().map_err(|error| fault::of(path, error))
}

/// Takes rows in place of the table's own.
pub(crate) async fn import(path: PathBuf, mut rows: Rows, present: Present) -> Result<(), StoreError> {
    let (pages, told) = mpsc::channel(2);
    let written = tokio::task::spawn_blocking(move || write(&path, told, present));
    while let Some(page) = rows.next().await {
        // An error is told as well, so that nothing is committed.
        let failed = page.is_err();
        if pages.send(page).await.is_err() || failed {
            break;
        }
    }
    drop(pages);
    written.await.map_err(|_ended| StoreError::Closed)?
}

fn write(
    path: &Path,
    mut pages: mpsc::Receiver<Result<Vec<Row>, StoreError>>,
    present: Present,
) -> Result<(), StoreError> {
    let of = |error| fault::of(path, error);
    let _lock = Lock::take(path)?;
    let mut connection = Connection::open(path).map_err(of)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(of)?;
    let count = format!("SELECT count(*) FROM kine WHERE {}", is_data());
    let there: u64 = transaction.query_row(&count, (), |row| row.get(0)).map_err(of)?;
    if there > 0 && present == Present::Refuse {
        return Err(StoreError::NotEmpty { place: path.into(), rows: there });
    }
    transaction.execute("DELETE FROM kine", ()).map_err(of)?;
    while let Some(page) = pages.blocking_recv() {
        for row in page? {
            table::insert(&transaction, &row).map_err(of)?;
        }
    }
    transaction.commit().map_err(of)
}
