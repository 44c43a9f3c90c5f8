//! Database servers: fetched, kept over a stop, and ended.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use std::{path::Path, time::Duration};

use testbed::{Database, DatabaseKind};
use tokio::{io::AsyncReadExt, net::UnixStream};

async fn greets(database: &Database) -> bool {
    let greet = async {
        let mut stream = UnixStream::connect(database.socket()).await?;
        stream.read_u8().await
    };
    matches!(tokio::time::timeout(Duration::from_millis(500), greet).await, Ok(Ok(_)))
}

async fn goes_and_comes_back(kind: DatabaseKind) {
    let database = Database::start(kind).await.unwrap();
    let first = database.pid().unwrap();
    assert!(greets(&database).await);
    database.pause().await.unwrap();
    assert!(!greets(&database).await, "a paused server greeted");
    database.resume().await.unwrap();
    assert!(greets(&database).await);

    database.stop().await.unwrap();
    assert!(!Path::new(&format!("/proc/{first}")).exists(), "the server outlived its stop");
    assert!(!greets(&database).await && database.pid().is_none());
    database.start_again().await.unwrap();
    assert!(greets(&database).await);

    let (last, socket) = (database.pid().unwrap(), database.socket().to_owned());
    drop(database);
    assert!(!Path::new(&format!("/proc/{last}")).exists() && !socket.exists());
}

#[tokio::test]
async fn mariadb_goes_and_comes_back() {
    goes_and_comes_back(DatabaseKind::MariaDb).await;
}

#[tokio::test]
async fn oceanbase_goes_and_comes_back() {
    goes_and_comes_back(DatabaseKind::OceanBase).await;
}
