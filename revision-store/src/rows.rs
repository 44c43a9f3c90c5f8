//! Whole tables, row by row: for checks and copies.

use futures::stream::BoxStream;

use crate::{Datastore, Row, StoreError, mysql, row::COMPACTED, row::HEALTH, sqlite};

/// All rows of a table in the order of their ids, as they were at one moment, some at a time. After an error it ends.
pub type Rows = BoxStream<'static, Result<Vec<Row>, StoreError>>;

/// What is done to a table that has data already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Present {
    Refuse,
    Delete,
}

impl Datastore {
    /// All rows of the table. It may be in use; what is written after the beginning is not among them.
    pub fn rows(&self) -> Rows {
        match self {
            Self::Sqlite(path) => sqlite::rows(path.clone()),
            Self::Mysql(address) => mysql::rows((**address).clone()),
        }
    }

    /// Takes rows in place of the table's own, all of them or, after an error, none. Revisions stay what they are.
    ///
    /// The table is made if it is missing. With data of somebody in it, it is left alone
    /// ([`StoreError::NotEmpty`]), unless `replace` says that they may go. Nobody may write to it meanwhile.
    pub async fn import(&self, rows: Rows, replace: bool) -> Result<(), StoreError> {
        // Its opening makes the table.
        self.open().await?.close().await;
        let present = if replace { Present::Delete } else { Present::Refuse };
        match self {
            Self::Sqlite(path) => sqlite::import(path.clone(), rows, present).await,
            Self::Mysql(address) => mysql::import((**address).clone(), rows, present).await,
        }
    }
}

/// A condition in SQL: the row is not one that every new table has.
pub(crate) fn is_data() -> String {
    format!("name <> '{COMPACTED}' AND name <> '{}'", HEALTH.0)
}
