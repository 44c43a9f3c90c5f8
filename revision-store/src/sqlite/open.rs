//! Opens the file: everything that may be wrong with it is found here, before anybody relies on it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, config::DbConfig,
};

use super::{
    SqliteOptions, fault,
    lock::Lock,
    table::{INSERT, SCHEMA},
};
use crate::{
    Revision, StoreError,
    row::{COLUMNS, COMPACTED, HEALTH},
};

/// What every SQLite file begins with (https://www.sqlite.org/fileformat.html#the_database_header).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// How long a statement waits for another connection. Only a program that does not know the lock file can be one.
const BUSY: Duration = Duration::from_secs(5);

/// An open file.
pub(super) struct Opened {
    pub(super) lock: Lock,
    pub(super) writer: Connection,
    pub(super) readers: Vec<Connection>,
    /// The newest revision.
    pub(super) revision: Revision,
    /// The oldest that can be read.
    pub(super) oldest: Revision,
}

/// Opens or makes a file. Blocks.
pub(super) fn open(path: &Path, options: &SqliteOptions) -> Result<Opened, StoreError> {
    let lock = Lock::take(path)?;
    check_beginning(path)?;
    keep_private(path)?;
    let writer = writer(path, options).map_err(|error| fault::of(path, error))?;
    check_whole(path, &writer)?;
    check_columns(path, &writer)?;
    let (revision, oldest) = prepare(&writer).map_err(|error| fault::of(path, error))?;
    let readers = (0..options.readers.max(1)).map(|_| reader(path)).collect::<rusqlite::Result<_>>();
    let readers = readers.map_err(|error| fault::of(path, error))?;
    Ok(Opened { lock, writer, readers, revision, oldest })
}

/// Whether it is an SQLite file at all, asked before SQLite touches it.
fn check_beginning(path: &Path) -> Result<(), StoreError> {
    let mut beginning = [0; MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut beginning));
    match read {
        Ok(()) if &beginning == MAGIC => Ok(()),
        // It is made, or filled, below.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && is_empty(path) => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(fault::io(path, error)),
        _ => Err(corrupt(path, "it does not begin as an SQLite file does")),
    }
}

/// A new file is its owner's alone, and so are those that SQLite makes beside it: Secrets are in them.
fn keep_private(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(fault::io(path, error)),
        Ok(_) => Ok(()),
    }
}

fn is_empty(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() == 0)
}

fn writer(path: &Path, options: &SqliteOptions) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // Read first: a file that is no sound database is not to be changed.
    connection.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // Each commit waits for the disk: what is acknowledged is durable.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -8 * 1024)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    keep_plans(&connection)?;
    if let Some(bytes) = options.max_bytes {
        let page: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        connection.pragma_update(None, "max_page_count", (bytes / page).max(1))?;
    }
    Ok(connection)
}

fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -2 * 1024)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    keep_plans(&connection)?;
    Ok(connection)
}

/// A plan must not depend on what is bound to its statement: with kine's partial
/// index in the table, SQLite would else compile each statement anew whenever it is run with another key
/// (<https://www.sqlite.org/c3ref/c_dbconfig_defensive.html#sqlitedbconfigenableqpsg>).
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Whether the file is as long as it says. Its log is put into it first, where there is space for that.
fn check_whole(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let sqlite = |error| fault::of(path, error);
    let checkpoint = connection.query_row("PRAGMA wal_checkpoint(truncate)", (), |row| row.get::<_, i64>(0));
    if !matches!(checkpoint, Ok(0)) {
        return Ok(());
    }
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    let expected = pragma("page_count").map_err(sqlite)? * pragma("page_size").map_err(sqlite)?;
    let actual = path.metadata().map_err(|error| fault::io(path, error))?.len();
    if actual < expected {
        return Err(corrupt(path, &format!("it has {actual} bytes of {expected}")));
    }
    Ok(())
}

/// Whether the table is kine's, where there is one.
fn check_columns(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let names = |sql| -> rusqlite::Result<Vec<String>> {
        connection.prepare(sql)?.query_map((), |row| row.get(0))?.collect()
    };
    let sqlite = |error| fault::of(path, error);
    let columns = names("SELECT name FROM pragma_table_info('kine')").map_err(sqlite)?;
    let others = names("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    if columns.is_empty() && !others.map_err(sqlite)?.is_empty() {
        return Err(corrupt(path, "it is the database of another program: it has tables, but no table kine"));
    }
    if let Some(missing) =
        COLUMNS.iter().find(|&&name| !columns.is_empty() && !columns.iter().any(|c| c == name))
    {
        return Err(corrupt(path, &format!("its table kine has no column {missing}")));
    }
    Ok(())
}

/// Makes what is missing: the table, and the two rows that kine makes at its first start. Returns the newest and the
/// oldest revision.
fn prepare(connection: &Connection) -> rusqlite::Result<(Revision, Revision)> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    let mut revision = newest(&transaction)?;
    for (key, value) in [(COMPACTED, ""), HEALTH] {
        let exists = transaction.query_row("SELECT 1 FROM kine WHERE name = ?1 LIMIT 1", [key], |_| Ok(()));
        if exists.optional()?.is_none() {
            revision += 1;
            let row = (revision, key, 1, 0, None::<Revision>, 0, 0, value.as_bytes(), None::<&[u8]>);
            transaction.execute(INSERT, row)?;
        }
    }
    let oldest =
        transaction.query_row("SELECT max(prev_revision) FROM kine WHERE name = ?1", [COMPACTED], |row| {
            row.get::<_, Option<Revision>>(0)
        })?;
    transaction.commit()?;
    Ok((revision, oldest.unwrap_or_default()))
}

/// The newest revision in the table.
pub(super) fn newest(connection: &Connection) -> rusqlite::Result<Revision> {
    let newest = connection
        .prepare_cached("SELECT max(id) FROM kine")?
        .query_row((), |row| row.get::<_, Option<_>>(0));
    Ok(newest?.unwrap_or_default())
}

fn corrupt(path: &Path, detail: &str) -> StoreError {
    StoreError::Corrupt { place: path.into(), detail: detail.to_owned() }
}
