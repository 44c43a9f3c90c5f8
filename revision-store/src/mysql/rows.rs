//! The table as it is, for checks and copies.

use futures::{StreamExt as _, stream};
use mysql_async::{Conn, Error, prelude::Queryable};

use super::{
    MysqlAddress, MysqlOptions, batch,
    connector::{Connector, Flavour},
    fault::{Fault, within},
    table::{Columns, push_row},
};
use crate::{
    Revision, Row, Rows, StoreError,
    row::COLUMNS,
    rows::{Present, is_data},
};

/// How many rows come at once.
const PAGE: usize = 500;

/// How long a statement may be that inserts rows: servers take 16 MiB and more.
const STATEMENT_BYTES: usize = 1 << 20;

/// How long one statement of a copy may take, in seconds: longer than others, since all rows may be in one transaction.
const PATIENCE: u64 = 3600;

/// All rows of a database's table.
pub(crate) fn rows(address: MysqlAddress) -> Rows {
    let connector = Connector::new(address, MysqlOptions::default());
    stream::try_unfold((connector, None::<Conn>, Some(0)), async |(connector, connection, after)| {
        let Some(after) = after else { return Ok(None) };
        let read = async {
            let mut connection = match connection {
                Some(connection) => connection,
                None => snapshot(&connector).await?,
            };
            let page = page(&connector, &mut connection, after).await?;
            Ok((connection, page))
        };
        let (connection, page) = read.await.map_err(|fault| refused(&connector, "a read", &fault))?;
        let next = page.last().map(|row| row.id);
        Ok(Some((page, (connector, Some(connection), next))))
    })
    .boxed()
}

/// A connection that sees one moment of the table.
async fn snapshot(connector: &Connector) -> Result<Conn, Fault> {
    let mut connection = connector.connect().await?;
    allow_long(connector, &mut connection).await?;
    let begin =
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT";
    within(connector.options.statement_timeout, connection.query_drop(begin)).await?;
    Ok(connection)
}

/// OceanBase ends a transaction after a time that is set for the store's own, which are short.
async fn allow_long(connector: &Connector, connection: &mut Conn) -> Result<(), Fault> {
    if connector.flavour(connection).await? == Flavour::OceanBase {
        let limit = PATIENCE * 1_000_000;
        let set = format!("SET ob_trx_timeout = {limit}, ob_trx_idle_timeout = {limit}");
        within(connector.options.statement_timeout, connection.query_drop(set)).await?;
    }
    Ok(())
}

async fn page(connector: &Connector, connection: &mut Conn, after: Revision) -> Result<Vec<Row>, Fault> {
    let query = format!("SELECT {} FROM kine WHERE id > ? ORDER BY id LIMIT {PAGE}", COLUMNS.join(", "));
    let read = async {
        let found: Vec<Columns> = connection.exec(query, (after,)).await?;
        let rows = found.into_iter().map(|mut columns| columns.row()).collect::<Result<Vec<_>, Error>>()?;
        Ok(rows.into_iter().flatten().collect())
    };
    within(connector.options.read_timeout, read).await
}

/// Takes rows in place of the table's own, in one transaction.
pub(crate) async fn import(
    address: MysqlAddress,
    mut rows: Rows,
    present: Present,
) -> Result<(), StoreError> {
    let connector = Connector::new(address, MysqlOptions::default());
    let refused = |fault: Fault| refused(&connector, "a write", &fault);
    let mut connection = begin(&connector).await.map_err(refused)?;
    let count = format!("SELECT COUNT(*) FROM kine WHERE {}", is_data());
    let limit = connector.options.read_timeout;
    let there = within(limit, connection.query_first::<u64, _>(count)).await.map_err(refused)?;
    let there = there.unwrap_or_default();
    if there > 0 && present == Present::Refuse {
        return Err(StoreError::NotEmpty { place: connector.place.clone(), rows: there });
    }
    // However many rows there are.
    connection.query_drop("DELETE FROM kine").await.map_err(|error| refused(error.into()))?;
    let mut sql = String::new();
    while let Some(page) = rows.next().await {
        for row in page? {
            if sql.is_empty() {
                sql = format!("INSERT INTO kine ({}) VALUES ", COLUMNS.join(", "));
            }
            push_row(&mut sql, &row);
            if sql.len() >= STATEMENT_BYTES {
                run(&connector, &mut connection, &mut sql).await.map_err(refused)?;
            }
        }
    }
    if !sql.is_empty() {
        run(&connector, &mut connection, &mut sql).await.map_err(refused)?;
    }
    connection.query_drop("COMMIT").await.map_err(|error| refused(error.into()))
}

/// A connection with the lock that every writer takes.
async fn begin(connector: &Connector) -> Result<Conn, Fault> {
    let mut connection = connector.connect().await?;
    allow_long(connector, &mut connection).await?;
    batch::lock(&mut connection, connector.options.write_timeout).await?;
    Ok(connection)
}

async fn run(connector: &Connector, connection: &mut Conn, sql: &mut String) -> Result<(), Fault> {
    within(connector.options.write_timeout, connection.query_drop(std::mem::take(sql))).await
}

fn refused(connector: &Connector, attempt: &'static str, fault: &Fault) -> StoreError {
    connector.note(fault);
    let waited = connector.options.read_timeout;
    fault.lasting(&connector.place).unwrap_or_else(|| connector.unavailable(attempt, waited))
}
