//! Objects with revisions in one file: conflicting writers, the past, and a watch that goes on where it was. Embeds
//! `revision-store` alone.
//!
//! ```sh
//! cargo run -p examples --example revision_store
//! ```

use anyhow::Context;
use futures::StreamExt;
use revision_store::{EventKind, Range, SqliteStore, Store, StoreError, WatchItem, Write, WriteError};

const KEY: &str = "/registry/cells/rz00a";

fn text(entry: &revision_store::Entry) -> String {
    format!("{:?} of revision {}", String::from_utf8_lossy(&entry.value), entry.mod_revision)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("data.db");
    let store = SqliteStore::open(&path).await?;

    println!("two writers know the same version, and one of them wins");
    let create = Write::Create { key: KEY.to_owned(), value: "open".into(), lease: 0 };
    let created = store.write(create).await?.revision;
    let update = |value: &'static str, expected| Write::Update {
        key: KEY.to_owned(),
        value: value.into(),
        expected,
        lease: 0,
    };
    let drained = store.write(update("drained", created)).await?.revision;
    match store.write(update("closed", created)).await {
        Err(WriteError::Conflict { current: Some(current) }) => {
            println!("  the other finds {}", text(&current));
        }
        other => anyhow::bail!("not refused: {other:?}"),
    }

    println!("\nthe past can be read until it is compacted");
    let then = store.get(KEY, Some(created)).await?.entry.context("it is lost")?;
    println!("  at {created} it was {}", text(&then));

    println!("\na watch goes on where it was, after a restart too");
    store.write(Write::Delete { key: KEY.to_owned(), expected: drained }).await?;
    store.close().await;
    let store = SqliteStore::open(&path).await?;
    let mut watch = store.watch("/registry/cells/", created).await?;
    for _ in 0..2 {
        let Some(WatchItem::Event(event)) = watch.next().await.transpose()? else {
            anyhow::bail!("no event");
        };
        let what = if event.kind == EventKind::Delete { "deleted" } else { "put" };
        println!("  {what}: {}", text(&event.entry));
    }

    let newest = store.revision().await?;
    store.compact(newest).await?;
    match store.list(Range { at: Some(created), ..Range::prefix("/registry/cells/") }).await {
        Err(error @ StoreError::Compacted { .. }) => println!("\nafter a compaction: {error}"),
        other => anyhow::bail!("not refused: {other:?}"),
    }
    store.close().await;
    Ok(())
}
