//! Several stores on one database: each hears of all writes, soon and in order.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use revision_store::{Range, Revision, Store, StoreError, Watch, Write, WriteError};
use testbed::DatabaseKind;

use crate::{
    backends,
    steps::{create, list_at, next, next_event, update},
};

macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod mariadb {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(testbed::DatabaseKind::MariaDb).await;
                }
            )*
        }

        mod oceanbase {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(testbed::DatabaseKind::OceanBase).await;
                }
            )*
        }
    };
}

on_both!(
    a_watch_hears_within_50_ms_of_a_write_elsewhere,
    what_one_wrote_the_other_reads_at_once,
    writers_everywhere_share_one_sequence,
    a_watch_goes_on_in_another_replica,
    one_of_two_writers_of_a_key_wins,
    a_lease_ends_once,
    a_compaction_elsewhere_is_known,
);

async fn two(kind: DatabaseKind) -> (Arc<dyn Store>, Arc<dyn Store>) {
    let datastore = backends::fresh(kind).await;
    (datastore.open().await.unwrap(), datastore.open().await.unwrap())
}

async fn revisions(watch: &mut Watch, upto: Revision) -> Vec<Revision> {
    let mut told = Vec::new();
    while told.last() != Some(&upto) {
        told.push(next_event(watch).await.revision());
    }
    told
}

async fn a_watch_hears_within_50_ms_of_a_write_elsewhere(kind: DatabaseKind) {
    let (here, there) = two(kind).await;
    let mut watch = there.watch("/", there.revision().await.unwrap()).await.unwrap();
    let mut latencies = Vec::new();
    for i in 0..40 {
        // Busy and idle times: the reading of the table has slowed down after the longer ones.
        tokio::time::sleep(Duration::from_millis(if i % 2 == 0 { 200 } else { 1 })).await;
        let written = create(&here, &format!("/r/{i}"), "").await;
        let since = Instant::now();
        assert_eq!(next_event(&mut watch).await.revision(), written);
        latencies.push(since.elapsed());
    }
    latencies.sort();
    // The machine may be busy with other tests: here it is only seen that nothing waits for a period of seconds. What is
    // promised of a quiet one, 50 ms, is measured by the benchmark.
    let (most, last) = (latencies[35], latencies[39]);
    println!("{kind:?}: p50 {:?}, p90 {most:?}, most {last:?}", latencies[20]);
    assert!(most < Duration::from_secs(1), "{latencies:?}");
}

async fn what_one_wrote_the_other_reads_at_once(kind: DatabaseKind) {
    let (here, there) = two(kind).await;
    for i in 0..50 {
        let key = format!("/r/{i}");
        let written = create(&here, &key, "1").await;
        let got = there.get(&key, None).await.unwrap();
        assert_eq!(got.entry.unwrap().mod_revision, written);
        assert!(got.revision >= written);
        // A watch begins where a read was, wherever either is.
        there.watch("/", got.revision).await.unwrap();
        let again = update(&there, &key, "2", written).await;
        assert_eq!(here.get(&key, Some(written)).await.unwrap().entry.unwrap().value, "1");
        let page = here.list(Range::prefix("/r/")).await.unwrap();
        assert!(page.revision >= again && page.entries.len() == i + 1);
        assert!(
            matches!(here.watch("/", again + 1).await, Err(StoreError::Future { current }) if current == again)
        );
    }
}

async fn writers_everywhere_share_one_sequence(kind: DatabaseKind) {
    let (here, there) = two(kind).await;
    let start = here.revision().await.unwrap();
    let mut watches = [here.watch("/", start).await.unwrap(), there.watch("/", start).await.unwrap()];
    let tasks: Vec<_> = (0..16)
        .map(|writer| {
            let store = Arc::clone(if writer % 2 == 0 { &here } else { &there });
            tokio::spawn(async move {
                let mut own = Vec::new();
                for i in 0..40 {
                    own.push(create(&store, &format!("/r/{writer}/{i}"), "x").await);
                }
                own
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        let own = task.await.unwrap();
        assert!(own.is_sorted());
        all.extend(own);
    }
    all.sort_unstable();
    let expected: Vec<Revision> = (start + 1..=start + 640).collect();
    assert_eq!(all, expected, "contiguous, and none twice");
    for watch in &mut watches {
        assert_eq!(revisions(watch, start + 640).await, expected);
    }
    assert_eq!(list_at(&here, "/", None).await.unwrap(), list_at(&there, "/", None).await.unwrap());
}

async fn a_watch_goes_on_in_another_replica(kind: DatabaseKind) {
    let (here, there) = two(kind).await;
    let start = here.revision().await.unwrap();
    let mut last = start;
    for i in 0..30 {
        last = create(if i % 3 == 0 { &here } else { &there }, &format!("/r/{i}"), "").await;
    }
    let mut first = here.watch("/r/", start).await.unwrap();
    let middle = start + 12;
    assert_eq!(revisions(&mut first, middle).await.len(), 12);
    here.close().await;
    let mut second = there.watch("/r/", middle).await.unwrap();
    assert_eq!(revisions(&mut second, last).await, (middle + 1..=last).collect::<Vec<_>>());
}

async fn one_of_two_writers_of_a_key_wins(kind: DatabaseKind) {
    let (here, there) = two(kind).await;
    let mut known = create(&here, "/r/a", "0").await;
    let start = known;
    for round in 0..30 {
        let write = |by: &str| Write::Update {
            key: "/r/a".into(),
            value: format!("{by}{round}").into(),
            expected: known,
            lease: 0,
        };
        let (one, two) = tokio::join!(here.write(write("here")), there.write(write("there")));
        let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
        let won = won.unwrap().revision;
        let Err(WriteError::Conflict { current: Some(current) }) = lost else { panic!("{lost:?}") };
        assert_eq!(current.mod_revision, won);
        known = won;
    }
    assert_eq!(known, start + 30, "who loses uses no revision");
}

async fn a_lease_ends_once(kind: DatabaseKind) {
    let (here, there) = two(kind).await;
    let write = Write::Create { key: "/r/a".into(), value: "x".into(), lease: 1 };
    let created = here.write(write).await.unwrap().revision;
    let mut watch = there.watch("/", created).await.unwrap();
    assert_eq!(next_event(&mut watch).await.revision(), created + 1);
    // Long enough for the other one to have tried too.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(here.revision().await.unwrap(), created + 1);
}

async fn a_compaction_elsewhere_is_known(kind: DatabaseKind) {
    let (here, there) = two(kind).await;
    let first = create(&here, "/r/a", "1").await;
    let mut last = first;
    for i in 0..20 {
        last = update(&here, "/r/a", &i.to_string(), last).await;
    }
    let mut watch = there.watch("/r/", first).await.unwrap();
    let (one, two) = tokio::join!(here.compact(last - 2), there.compact(last - 1));
    assert!(one.unwrap() >= last - 2 && two.unwrap() >= last - 1);
    for store in [&here, &there] {
        let gone = store.get("/r/a", Some(first)).await;
        assert!(matches!(gone, Err(StoreError::Compacted { oldest }) if oldest == last - 1), "{gone:?}");
        assert!(store.get("/r/a", Some(last - 1)).await.unwrap().entry.is_some());
    }
    let watched = next(&mut watch).await;
    assert!(
        watched.is_some_and(|item| matches!(item, Ok(_) | Err(StoreError::Compacted { .. }))),
        "told, or told that it cannot be"
    );
}
