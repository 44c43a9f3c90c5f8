//! The tables, and what is in them from the start.

use mysql_async::{Conn, prelude::Queryable};

use super::{
    batch,
    connector::{Connector, Flavour},
    fault::{Fault, NO_SUCH_TABLE, UNKNOWN_DATABASE, within},
};
use crate::{
    Revision, StoreError,
    row::{COMPACTED, HEALTH},
};

/// The version of the tables. An older one is brought up to it; a newer one is refused.
const VERSION: u64 = 1;

/// The row whose lock every writer holds until its commit: so revisions follow each other, and show in their order.
pub(super) const WRITERS: &str = "writers";

/// Takes that lock.
pub(super) const LOCK: &str = "SELECT number FROM fedd_store WHERE name = 'writers' FOR UPDATE";

/// The row whose lock the one holds who compacts.
pub(super) const COMPACTION: &str = "compaction";

/// kine's table and the store's own.
///
/// kine takes a table that exists as it is. Names are bytes, so that they are told apart and ordered by their bytes: a
/// text's comparison pads with blanks. The numbers of rows are given by the writers; that the column could count by
/// itself is for kine alone, and OceanBase is told not to jump then.
fn tables(flavour: Flavour) -> [String; 2] {
    let counting = match flavour {
        Flavour::InnoDb => "ENGINE = InnoDB",
        Flavour::OceanBase => "AUTO_INCREMENT_CACHE_SIZE = 1",
    };
    [
        format!(
            "CREATE TABLE IF NOT EXISTS kine (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARBINARY(630),
  created INTEGER,
  deleted INTEGER,
  create_revision BIGINT UNSIGNED,
  prev_revision BIGINT UNSIGNED,
  lease INTEGER,
  value MEDIUMBLOB,
  old_value MEDIUMBLOB,
  INDEX kine_name_index (name),
  INDEX kine_name_id_index (name, id),
  INDEX kine_id_deleted_index (id, deleted),
  INDEX kine_prev_revision_index (prev_revision),
  UNIQUE INDEX kine_name_prev_revision_uindex (name, prev_revision)
) {counting} DEFAULT CHARACTER SET utf8mb4"
        ),
        "CREATE TABLE IF NOT EXISTS fedd_store (
  name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  number BIGINT UNSIGNED NOT NULL,
  changed TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
)"
        .to_owned(),
    ]
}

/// A table that kine made has names in a character set that is compared without regard to case.
const NAMES_AS_BYTES: &str = "ALTER TABLE kine MODIFY name VARBINARY(630)";

/// Makes what is missing, and returns the newest and the oldest revision. `seen` is a row in which it is noted that they
/// were seen, which makes them durable.
pub(super) async fn prepare(connector: &Connector, seen: &str) -> Result<(Revision, Revision), Fail> {
    let mut connection = match connector.connect().await {
        Err(fault) if fault.code() == Some(UNKNOWN_DATABASE) => {
            let mut connection = connector.connect_to(false).await?;
            let statement = create_database(connector);
            allowed(connector, Flavour::InnoDb, run(connector, &mut connection, &statement).await)?;
            connector.connect().await?
        }
        Err(fault) if fault.is_denied() && !fault.is_unknown_user() => {
            return Err(no_rights(connector, Flavour::InnoDb, &fault).into());
        }
        other => other?,
    };
    let flavour = connector.flavour(&mut connection).await?;
    match version(connector, &mut connection).await? {
        Some(VERSION) => {}
        Some(newer) if newer > VERSION => {
            let (place, found, known) = (connector.place.clone(), newer, VERSION);
            return Err(StoreError::NewerSchema { place, found, known }.into());
        }
        _ => {
            for statement in tables(flavour) {
                allowed(connector, flavour, run(connector, &mut connection, &statement).await)?;
            }
        }
    }
    if !has_byte_names(connector, &mut connection).await? {
        allowed(connector, flavour, run(connector, &mut connection, NAMES_AS_BYTES).await)?;
    }
    let (newest, oldest) = fill(connector, &mut connection).await?;
    batch::confirm(&mut connection, connector.options.statement_timeout, seen, newest).await?;
    Ok((newest, oldest))
}

/// Why a store could not be opened: for good, or for the moment.
pub(super) enum Fail {
    Store(StoreError),
    Fault(Fault),
}

impl From<StoreError> for Fail {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for Fail {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn create_database(connector: &Connector) -> String {
    format!("CREATE DATABASE IF NOT EXISTS `{}`", connector.address.database.replace('`', "``"))
}

/// Everything that somebody with the right to make tables has to run.
fn statements(connector: &Connector, flavour: Flavour) -> String {
    let database = connector.address.database.replace('`', "``");
    let user = connector.address.user.replace('\'', "''");
    let mut all = vec![create_database(connector), format!("USE `{database}`")];
    all.extend(tables(flavour));
    // Where the table is kine's; where not, it changes nothing.
    all.push(NAMES_AS_BYTES.to_owned());
    all.push(format!("GRANT SELECT, INSERT, UPDATE, DELETE ON `{database}`.* TO '{user}'"));
    all.join(";\n") + ";\n"
}

fn no_rights(connector: &Connector, flavour: Flavour, fault: &Fault) -> StoreError {
    StoreError::NoRights {
        place: connector.place.clone(),
        problem: fault.to_string().into(),
        statements: statements(connector, flavour),
    }
}

fn allowed(connector: &Connector, flavour: Flavour, done: Result<(), Fault>) -> Result<(), Fail> {
    done.map_err(
        |fault| {
            if fault.is_denied() { no_rights(connector, flavour, &fault).into() } else { fault.into() }
        },
    )
}

/// A change of tables waits for transactions, so it may take longer than other statements.
async fn run(connector: &Connector, connection: &mut Conn, statement: &str) -> Result<(), Fault> {
    within(connector.options.read_timeout, connection.query_drop(statement)).await
}

/// The version of the tables; `None`: there are none, or not all of them. Where somebody else has just made them, it is
/// not noted yet.
async fn version(connector: &Connector, connection: &mut Conn) -> Result<Option<u64>, Fail> {
    let limit = connector.options.statement_timeout;
    let query = "SELECT number FROM fedd_store WHERE name = 'schema' AND (SELECT COUNT(*) FROM kine WHERE id = 0) = 0";
    match within(limit, connection.query_first(query)).await {
        Err(fault) if fault.code() == Some(NO_SUCH_TABLE) => Ok(None),
        // Without any right to a table, it is not even said whether there is one.
        Err(fault) if fault.is_denied() => {
            let flavour = connector.flavour(connection).await?;
            Err(no_rights(connector, flavour, &fault).into())
        }
        found => Ok(Some(found?.unwrap_or(VERSION))),
    }
}

async fn has_byte_names(connector: &Connector, connection: &mut Conn) -> Result<bool, Fault> {
    let query = "SELECT LOWER(DATA_TYPE) FROM information_schema.COLUMNS \
                 WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'kine' AND COLUMN_NAME = 'name'";
    let found =
        within(connector.options.statement_timeout, connection.query_first::<String, _>(query)).await?;
    Ok(found.is_some_and(|found| found == "varbinary"))
}

/// The rows that are there from the start: the store's own, and the two that kine makes at its first start.
async fn fill(connector: &Connector, connection: &mut Conn) -> Result<(Revision, Revision), Fail> {
    let limit = connector.options.statement_timeout;
    let rows = format!(
        "INSERT IGNORE INTO fedd_store (name, number) VALUES \
         ('schema', {VERSION}), ('{WRITERS}', 0), ('{COMPACTION}', 0)"
    );
    within(limit, connection.query_drop(rows)).await?;
    // Rows of those that were last here a month ago are of no use to anybody.
    let old =
        "DELETE FROM fedd_store WHERE name LIKE '%:%' AND changed < CURRENT_TIMESTAMP - INTERVAL 30 DAY";
    within(limit, connection.query_drop(old)).await?;

    batch::lock(connection, limit).await?;
    let newest = "SELECT MAX(id) FROM kine";
    let mut revision: Revision =
        within(limit, connection.query_first::<Option<u64>, _>(newest)).await?.flatten().unwrap_or_default();
    for (key, value) in [(COMPACTED, ""), HEALTH] {
        let known = connection.exec_first::<u64, _, _>("SELECT id FROM kine WHERE name = ? LIMIT 1", (key,));
        if within(limit, known).await?.is_none() {
            revision += 1;
            let insert = "INSERT INTO kine (id, name, created, deleted, create_revision, prev_revision, lease, value) \
                          VALUES (?, ?, 1, 0, 0, 0, 0, ?)";
            within(limit, connection.exec_drop(insert, (revision, key, value.as_bytes()))).await?;
        }
    }
    let oldest = connection
        .exec_first::<Option<u64>, _, _>("SELECT MAX(prev_revision) FROM kine WHERE name = ?", (COMPACTED,));
    let oldest = within(limit, oldest).await?.flatten().unwrap_or_default();
    within(limit, connection.query_drop("COMMIT")).await?;
    Ok((revision, oldest))
}
