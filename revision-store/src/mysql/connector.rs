//! New connections, each set up the same way.

use std::sync::{Arc, OnceLock};

use mysql_async::{Conn, Error, IoError, prelude::Queryable};
use parking_lot::Mutex;

use super::{
    MysqlAddress, MysqlOptions,
    fault::{Fault, within},
};
use crate::{Place, StoreError};

/// After how many seconds without a word the server ends the connection of a writer. A writer that is gone, or stopped
/// in the middle of a transaction, so holds the others up for that long at most.
pub(super) const WRITER_SILENCE: u64 = 15;

/// Whose server it is, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// MySQL, MariaDB and what stores its tables as they do.
    InnoDb,
    OceanBase,
}

/// Makes connections, and remembers what was wrong last.
pub(super) struct Connector {
    pub(super) address: MysqlAddress,
    pub(super) options: MysqlOptions,
    pub(super) place: Place,
    flavour: OnceLock<Flavour>,
    problem: Mutex<Arc<str>>,
}

impl Connector {
    pub(super) fn new(address: MysqlAddress, options: MysqlOptions) -> Self {
        let place = Place::from(address.to_string().as_str());
        let (flavour, problem) = (OnceLock::new(), Mutex::new("it was not tried".into()));
        Self { address, options, place, flavour, problem }
    }

    /// A connection to the database.
    pub(super) async fn connect(&self) -> Result<Conn, Fault> {
        let mut connection = self.connect_to(true).await?;
        self.set_up(&mut connection).await?;
        Ok(connection)
    }

    /// A connection to the server, with or without the database.
    pub(super) async fn connect_to(&self, database: bool) -> Result<Conn, Fault> {
        let options = self.address.options(database).await;
        let options = options.map_err(|error| Fault::Said(Error::Io(IoError::Io(error))))?;
        within(self.options.connect_timeout, Conn::new(options)).await
    }

    /// Whose server it is.
    pub(super) async fn flavour(&self, connection: &mut Conn) -> Result<Flavour, Fault> {
        if let Some(flavour) = self.flavour.get() {
            return Ok(*flavour);
        }
        let version =
            within(self.options.statement_timeout, connection.query_first::<String, _>("SELECT version()"));
        let oceanbase = version.await?.is_some_and(|version| version.contains("OceanBase"));
        let flavour = if oceanbase { Flavour::OceanBase } else { Flavour::InnoDb };
        Ok(*self.flavour.get_or_init(|| flavour))
    }

    async fn set_up(&self, connection: &mut Conn) -> Result<(), Fault> {
        let limit = self.options.statement_timeout;
        // So that the server gives up too when nobody waits any more; at least a second, its unit.
        let seconds = limit.as_secs().max(1);
        let limits = match self.flavour(connection).await? {
            Flavour::InnoDb => format!("innodb_lock_wait_timeout = {seconds}"),
            Flavour::OceanBase => {
                let (statement, silence) = (limit.as_micros(), WRITER_SILENCE * 1_000_000);
                format!(
                    "ob_query_timeout = {statement}, ob_trx_timeout = {silence}, ob_trx_idle_timeout = {silence}"
                )
            }
        };
        let statements = format!(
            "SET NAMES utf8mb4; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
             SET autocommit = 1, sql_mode = 'STRICT_ALL_TABLES', wait_timeout = 28800, {limits}"
        );
        within(limit, connection.query_drop(statements)).await
    }

    /// Remembers what was wrong, for answers to those who could not wait longer.
    pub(super) fn note(&self, fault: &Fault) {
        *self.problem.lock() = fault.to_string().into();
    }

    /// What was wrong last.
    pub(super) fn problem(&self) -> Arc<str> {
        Arc::clone(&self.problem.lock())
    }

    /// What somebody is told who has waited this long for nothing.
    pub(super) fn unavailable(&self, attempt: &'static str, waited: std::time::Duration) -> StoreError {
        StoreError::Unavailable { place: self.place.clone(), attempt, waited, problem: self.problem() }
    }
}
