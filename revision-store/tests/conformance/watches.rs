//! Watches: in order, nothing lost, nothing doubled.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::Stream;
use revision_store::{EventKind, Store, StoreError, WatchItem};

use crate::{
    backends::on_every_backend,
    steps::{create, delete, next, next_event, say, try_create, update},
};

on_every_backend!(
    a_watch_tells_what_was_and_what_comes,
    a_watch_hears_nothing_of_its_neighbours,
    watches_from_everywhere_hear_the_same,
    a_reader_that_stops_loses_nothing,
    progress_is_told_without_events,
    position_is_known_at_any_time,
    a_watch_ends_with_the_store,
    ten_thousand_idle_watches_are_left_alone,
    a_write_that_nobody_waits_for_is_done_or_not,
);

async fn a_watch_tells_what_was_and_what_comes(store: Arc<dyn Store>) {
    let start = store.revision().await.unwrap();
    let first = create(&store, "/w/a", "1").await;
    let mut watch = store.watch("/w/", start).await.unwrap();
    let second = update(&store, "/w/a", "2", first).await;
    let third = delete(&store, "/w/a", second).await;
    let fourth = create(&store, "/w/a", "3").await;

    let created = next_event(&mut watch).await;
    assert!(created.is_create());
    assert_eq!(say(&created.entry), format!("/w/a=1@{first}"));

    let updated = next_event(&mut watch).await;
    assert_eq!((updated.kind, updated.is_create()), (EventKind::Put, false));
    assert_eq!(say(&updated.entry), format!("/w/a=2@{second}"));
    assert_eq!(updated.entry.create_revision, first);
    let previous = updated.previous.unwrap();
    assert_eq!((say(&previous), previous.create_revision), (format!("/w/a=1@{first}"), first));

    let deleted = next_event(&mut watch).await;
    assert_eq!(deleted.kind, EventKind::Delete);
    assert_eq!(say(&deleted.entry), format!("/w/a=2@{third}"));
    assert_eq!(deleted.entry.create_revision, first);
    assert_eq!(say(&deleted.previous.unwrap()), format!("/w/a=2@{second}"));

    let again = next_event(&mut watch).await;
    assert!(again.is_create());
    assert_eq!((again.entry.create_revision, again.revision()), (fourth, fourth));
}

async fn a_watch_hears_nothing_of_its_neighbours(store: Arc<dyn Store>) {
    let start = store.revision().await.unwrap();
    let mut watch = store.watch("/w/b", start).await.unwrap();
    for key in ["/w/a", "/w/b", "/w", "/w/", "/w/bb", "/w/c", "/w/b/c"] {
        create(&store, key, "").await;
    }
    for key in ["/w/b", "/w/bb", "/w/b/c"] {
        assert_eq!(next_event(&mut watch).await.entry.key, key);
    }
}

async fn watches_from_everywhere_hear_the_same(store: Arc<dyn Store>) {
    let start = store.revision().await.unwrap();
    let writer = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for i in 0..300 {
                let revision = create(&store, &format!("/w/{}/{i}", i % 3), "").await;
                update(&store, &format!("/w/{}/{i}", i % 3), "x", revision).await;
                tokio::task::yield_now().await;
            }
        }
    });
    let (mut readers, mut expected) = (Vec::new(), Vec::new());
    for i in 0..30 {
        // Some begin at the start, some where the writer is.
        let after = if i % 2 == 0 { start } else { store.revision().await.unwrap() };
        let mut watch = store.watch(&format!("/w/{}/", i % 3), after).await.unwrap();
        readers.push(tokio::spawn(async move {
            let mut heard = Vec::new();
            loop {
                let event = next_event(&mut watch).await;
                if event.entry.key.ends_with("end") {
                    return heard;
                }
                heard.push(event.revision());
            }
        }));
        let of_its_prefix = move |revision: &u64| (revision - start - 1) / 2 % 3 == i % 3;
        expected.push((after + 1..=start + 600).filter(of_its_prefix).collect::<Vec<_>>());
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    for i in 0..3 {
        create(&store, &format!("/w/{i}/end"), "").await;
    }
    for (reader, expected) in readers.into_iter().zip(expected) {
        assert_eq!(reader.await.unwrap(), expected);
    }
}

async fn a_reader_that_stops_loses_nothing(store: Arc<dyn Store>) {
    let start = store.revision().await.unwrap();
    let mut watch = store.watch("/w/", start).await.unwrap();
    create(&store, "/w/first", "").await;
    assert_eq!(next_event(&mut watch).await.entry.key, "/w/first");
    // More than any buffer holds, while nobody reads, by several writers.
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for i in 0..400 {
                    try_create(&store, &format!("/w/{writer}/{i}"), "").await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    for expected in start + 2..=start + 6401 {
        assert_eq!(next_event(&mut watch).await.revision(), expected);
    }
}

async fn progress_is_told_without_events(store: Arc<dyn Store>) {
    let start = store.revision().await.unwrap();
    let mut watch = store.watch("/w/", start).await.unwrap().progress_every(Duration::from_millis(1));
    let elsewhere = create(&store, "/elsewhere", "").await;
    assert!(
        matches!(next(&mut watch).await, Some(Ok(WatchItem::Progress(revision))) if revision == elsewhere)
    );
    let here = create(&store, "/w/a", "").await;
    assert!(matches!(next(&mut watch).await, Some(Ok(WatchItem::Event(event))) if event.revision() == here));
    let elsewhere = create(&store, "/elsewhere/2", "").await;
    assert!(
        matches!(next(&mut watch).await, Some(Ok(WatchItem::Progress(revision))) if revision == elsewhere)
    );
}

async fn position_is_known_at_any_time(store: Arc<dyn Store>) {
    let start = store.revision().await.unwrap();
    let mut watch = store.watch("/w/", start).await.unwrap();
    let waiting = futures::poll!(futures::StreamExt::next(&mut watch));
    assert!(waiting.is_pending());
    assert_eq!(watch.position(), start);
    let elsewhere = create(&store, "/elsewhere", "").await;
    assert_eq!(watch.position(), elsewhere);
    let first = create(&store, "/w/a", "").await;
    let second = create(&store, "/w/b", "").await;
    assert!(watch.position() < first, "it waits to be told");
    next_event(&mut watch).await;
    assert_eq!(watch.position(), second - 1);
    next_event(&mut watch).await;
    assert_eq!(watch.position(), second);
}

async fn a_watch_ends_with_the_store(store: Arc<dyn Store>) {
    let start = store.revision().await.unwrap();
    let mut watch = store.watch("/w/", start).await.unwrap();
    create(&store, "/w/a", "").await;
    store.close().await;
    assert_eq!(next_event(&mut watch).await.entry.key, "/w/a");
    assert!(matches!(next(&mut watch).await, Some(Err(StoreError::Closed))));
    assert!(next(&mut watch).await.is_none());
}

async fn ten_thousand_idle_watches_are_left_alone(store: Arc<dyn Store>) {
    let start = store.revision().await.unwrap();
    let mut idle = Vec::new();
    for i in 0..10_000 {
        let watch = store.watch(&format!("/idle/{i}/"), start).await.unwrap();
        idle.push(watch.progress_every(Duration::from_secs(3600)));
    }
    let waker = counting_waker();
    let mut context = std::task::Context::from_waker(&waker.1);
    for watch in &mut idle {
        assert!(std::pin::Pin::new(watch).poll_next(&mut context).is_pending());
    }
    let mut last = 0;
    for i in 0..100 {
        last = create(&store, &format!("/busy/{i}"), "").await;
    }
    assert_eq!(waker.0.load(Ordering::Relaxed), 0, "nothing of it was for them");
    assert!(idle.iter().all(|watch| watch.position() == last));
    create(&store, "/idle/7777/a", "").await;
    assert_eq!(waker.0.load(Ordering::Relaxed), 1);
    assert_eq!(next_event(&mut idle[7777]).await.entry.key, "/idle/7777/a");
}

/// A waker that counts.
fn counting_waker() -> (Arc<AtomicUsize>, std::task::Waker) {
    struct Counts(Arc<AtomicUsize>);
    impl std::task::Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let count = Arc::new(AtomicUsize::new(0));
    (Arc::clone(&count), Arc::new(Counts(count)).into())
}

async fn a_write_that_nobody_waits_for_is_done_or_not(store: Arc<dyn Store>) {
    let start = store.revision().await.unwrap();
    for i in 0..50 {
        let key = format!("/w/{i}");
        let mut write = Box::pin(create(&store, &key, ""));
        // Polled once and dropped, as when a client goes away.
        let _perhaps = futures::poll!(&mut write);
    }
    let last = create(&store, "/w/last", "").await;
    let mut watch = store.watch("/w/", start).await.unwrap();
    for revision in start + 1..=last {
        assert_eq!(next_event(&mut watch).await.revision(), revision);
    }
}
