//! Short words for what tests do.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use revision_store::{Entry, Event, Range, Revision, Store, StoreError, Watch, WatchItem, Write, WriteError};

pub(crate) async fn create(store: &Arc<dyn Store>, key: &str, value: &str) -> Revision {
    try_create(store, key, value).await.unwrap()
}

pub(crate) async fn try_create(
    store: &Arc<dyn Store>,
    key: &str,
    value: &str,
) -> Result<Revision, WriteError> {
    let write = Write::Create { key: key.to_owned(), value: value.to_owned().into(), lease: 0 };
    store.write(write).await.map(|written| written.revision)
}

pub(crate) async fn update(store: &Arc<dyn Store>, key: &str, value: &str, expected: Revision) -> Revision {
    let write = Write::Update { key: key.to_owned(), value: value.to_owned().into(), expected, lease: 0 };
    store.write(write).await.unwrap().revision
}

pub(crate) async fn delete(store: &Arc<dyn Store>, key: &str, expected: Revision) -> Revision {
    store.write(Write::Delete { key: key.to_owned(), expected }).await.unwrap().revision
}

/// `key=value@revision` of each entry.
pub(crate) fn said(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(say).collect()
}

pub(crate) fn say(entry: &Entry) -> String {
    format!("{}={}@{}", entry.key, String::from_utf8_lossy(&entry.value), entry.mod_revision)
}

pub(crate) async fn value_at(
    store: &Arc<dyn Store>,
    key: &str,
    at: Option<Revision>,
) -> Result<Option<String>, StoreError> {
    Ok(store.get(key, at).await?.entry.map(|entry| String::from_utf8_lossy(&entry.value).into_owned()))
}

pub(crate) async fn list_at(
    store: &Arc<dyn Store>,
    prefix: &str,
    at: Option<Revision>,
) -> Result<Vec<String>, StoreError> {
    Ok(said(&store.list(Range { at, ..Range::prefix(prefix) }).await?.entries))
}

/// The next item; a watch that says nothing fails the test.
pub(crate) async fn next(watch: &mut Watch) -> Option<Result<WatchItem, StoreError>> {
    tokio::time::timeout(Duration::from_secs(20), watch.next()).await.expect("the watch says nothing")
}

pub(crate) async fn next_event(watch: &mut Watch) -> Event {
    loop {
        match next(watch).await {
            Some(Ok(WatchItem::Event(event))) => return event,
            Some(Ok(WatchItem::Progress(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}
