//! A process that is killed while it writes.

use std::{
    io::{BufRead, BufReader, Write as _},
    sync::Arc,
};

use futures::StreamExt;
use revision_store::{Range, Revision, SqliteStore, Store, WatchItem, Write};

use crate::again;

const ROUNDS: usize = 20;
const WRITERS: usize = 16;

/// The acknowledgements after which a round is killed: at another moment each time, 10,000 in all and more.
fn acknowledged(round: usize) -> usize {
    300 + 37 * round
}

#[tokio::test]
async fn what_was_acknowledged_is_there_and_nothing_is_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let mut known = 2;
    for round in 0..ROUNDS {
        let mut child = again::start("killed::writes_until_it_is_killed", folder.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n').map(Result::unwrap);
        let mut told: Vec<(String, Revision)> = Vec::new();
        let read = |line: Vec<u8>| {
            let line = String::from_utf8(line).unwrap();
            let (key, revision) = line.strip_prefix("done ")?.strip_suffix('.')?.split_once(' ')?;
            Some((key.to_owned(), revision.parse().unwrap()))
        };
        while told.len() < acknowledged(round) {
            told.extend(read(lines.next().expect("it ended by itself")));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        told.extend(lines.filter_map(read));

        let store = SqliteStore::open(&path).await.unwrap();
        for (key, revision) in &told {
            let entry = store.get(key, Some(*revision)).await.unwrap().entry.expect("a write is lost");
            assert_eq!(entry.mod_revision, *revision, "{key}");
            assert_eq!(entry.value.len(), 1000);
        }
        // A watch goes on where the round before was, and hears every revision once.
        let newest = store.revision().await.unwrap();
        assert!(newest >= told.iter().map(|(_, revision)| *revision).max().unwrap());
        let mut watch = store.watch("/", known).await.unwrap();
        for expected in known + 1..=newest {
            let item = watch.next().await.unwrap().unwrap();
            assert!(matches!(item, WatchItem::Event(event) if event.revision() == expected), "{expected}");
        }
        known = newest;
        store.close().await;
    }
}

#[test]
#[ignore = "the process that is killed"]
fn writes_until_it_is_killed() {
    let Some(folder) = again::folder() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(folder.join("data.db")).await.unwrap());
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| tokio::spawn(write(Arc::clone(&store), writer))).collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

/// Creates, updates and deletes for ever, and says each time that it is done.
async fn write(store: Arc<SqliteStore>, writer: usize) {
    let prefix = format!("/{writer}/");
    let page = store.list(Range::prefix(&prefix)).await.unwrap();
    let mut newest = page.entries.into_iter().next_back();
    let value = bytes::Bytes::from(vec![b'x'; 1000]);
    loop {
        let write = match &newest {
            Some(entry) if entry.mod_revision % 5 == 0 => {
                Write::Delete { key: entry.key.clone(), expected: entry.mod_revision }
            }
            Some(entry) => {
                let (key, expected) = (entry.key.clone(), entry.mod_revision);
                Write::Update { key, value: value.clone(), expected, lease: 0 }
            }
            None => Write::Create { key: format!("{prefix}key"), value: value.clone(), lease: 0 },
        };
        let (key, deleted) = (write.key().to_owned(), matches!(write, Write::Delete { .. }));
        let revision = store.write(write).await.unwrap().revision;
        if deleted {
            newest = None;
        } else {
            // In one piece, so that what the parent reads of it is whole or not there.
            let line = format!("done {key} {revision}.\n");
            std::io::stdout().write_all(line.as_bytes()).unwrap();
            newest = store.get(&key, None).await.unwrap().entry;
        }
    }
}
