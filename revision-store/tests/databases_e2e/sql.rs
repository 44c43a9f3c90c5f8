//! Statements of an administrator, past the store.

use mysql_async::{Conn, OptsBuilder, prelude::Queryable};
use testbed::Database;

pub(crate) async fn connect(server: &Database, database: Option<&str>) -> Conn {
    let options =
        OptsBuilder::default().user(Some("root")).socket(server.socket().to_str()).db_name(database);
    Conn::new(options).await.unwrap()
}

pub(crate) async fn run(connection: &mut Conn, statements: &str) {
    connection.query_drop(statements).await.unwrap();
}

/// Ends all other connections of users, whatever they are doing.
pub(crate) async fn kill_all(connection: &mut Conn) {
    let own = connection.id();
    let all: Vec<u32> =
        connection.query("SELECT id FROM information_schema.PROCESSLIST WHERE user = 'root'").await.unwrap();
    for id in all.into_iter().filter(|id| *id != own) {
        // It may have gone meanwhile.
        let _gone = connection.query_drop(format!("KILL CONNECTION {id}")).await;
    }
}
