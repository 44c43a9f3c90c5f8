//! Get, list, count, now and in the past.

use std::sync::Arc;

use revision_store::{Range, Store, StoreError};

use crate::{
    backends::on_every_backend,
    steps::{create, delete, list_at, said, update, value_at},
};

on_every_backend!(
    the_past_stays_as_it_was,
    keys_come_in_byte_order,
    pages_follow_each_other_at_one_revision,
    only_the_keys_if_so_wished,
    a_prefix_is_no_pattern,
    revisions_to_come_are_refused,
);

async fn the_past_stays_as_it_was(store: Arc<dyn Store>) {
    let before = store.revision().await.unwrap();
    let a1 = create(&store, "/x/a", "1").await;
    let b1 = create(&store, "/x/b", "1").await;
    let a2 = update(&store, "/x/a", "2", a1).await;
    let a3 = delete(&store, "/x/a", a2).await;

    let list = async |at| list_at(&store, "/x/", Some(at)).await.unwrap();
    assert_eq!(list(before).await, [""; 0]);
    assert_eq!(list(a1).await, [format!("/x/a=1@{a1}")]);
    assert_eq!(list(b1).await, [format!("/x/a=1@{a1}"), format!("/x/b=1@{b1}")]);
    assert_eq!(list(a2).await, [format!("/x/a=2@{a2}"), format!("/x/b=1@{b1}")]);
    assert_eq!(list(a3).await, [format!("/x/b=1@{b1}")]);
    assert_eq!(list_at(&store, "/x/", None).await.unwrap(), list(a3).await);

    for (at, value) in [(before, None), (a1, Some("1")), (b1, Some("1")), (a2, Some("2")), (a3, None)] {
        assert_eq!(value_at(&store, "/x/a", Some(at)).await.unwrap().as_deref(), value);
    }
    let got = store.get("/x/a", Some(a1)).await.unwrap();
    assert_eq!(got.revision, a3, "the store's, not the one that was read");
    assert_eq!(store.count("/x/").await.unwrap(), 1);
}

async fn keys_come_in_byte_order(store: Arc<dyn Store>) {
    for key in ["/b", "/a/é", "/a/z", "/a/Z", "/a", "/a/", "/ab", "/a0"] {
        create(&store, key, "").await;
    }
    let keys =
        |entries: Vec<revision_store::Entry>| entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>();
    let all = store.list(Range::prefix("/a")).await.unwrap();
    assert_eq!(keys(all.entries), ["/a", "/a/", "/a/Z", "/a/z", "/a/é", "/a0", "/ab"]);
    let below = store.list(Range::prefix("/a/")).await.unwrap();
    assert_eq!(keys(below.entries), ["/a/", "/a/Z", "/a/z", "/a/é"]);
}

async fn pages_follow_each_other_at_one_revision(store: Arc<dyn Store>) {
    let mut last = 0;
    for i in 0..10 {
        last = create(&store, &format!("/p/{i}"), "").await;
    }
    let gone = delete(&store, "/p/5", last - 4).await;

    let mut range = Range { limit: 4, ..Range::prefix("/p/") };
    let first = store.list(range.clone()).await.unwrap();
    assert_eq!((first.entries.len(), first.remaining, first.revision), (4, 5, gone));
    // What is written between the pages is not in them.
    create(&store, "/p/55", "").await;
    range.at = Some(first.revision);
    range.after = first.entries.last().map(|entry| entry.key.clone());
    let second = store.list(range.clone()).await.unwrap();
    assert_eq!((second.entries.len(), second.remaining, second.revision), (4, 1, gone));
    range.after = second.entries.last().map(|entry| entry.key.clone());
    let third = store.list(range.clone()).await.unwrap();
    assert_eq!((third.entries.len(), third.remaining, third.revision), (1, 0, gone));

    let all = [first.entries, second.entries, third.entries].concat();
    let keys: Vec<_> = all.iter().map(|entry| entry.key.trim_start_matches("/p/")).collect();
    assert_eq!(keys, ["0", "1", "2", "3", "4", "6", "7", "8", "9"]);

    range.after = Some("/p/9".into());
    assert_eq!(store.list(range.clone()).await.unwrap().entries, []);
    // A start outside the prefix changes nothing before it, and leaves nothing behind it.
    range = Range { after: Some("/a".into()), ..Range::prefix("/p/") };
    assert_eq!(store.list(range.clone()).await.unwrap().entries.len(), 10);
    range.after = Some("/q".into());
    assert_eq!(store.list(range).await.unwrap().entries.len(), 0);
}

async fn only_the_keys_if_so_wished(store: Arc<dyn Store>) {
    let revision = create(&store, "/k/a", "value").await;
    let page = store.list(Range { keys_only: true, ..Range::prefix("/k/") }).await.unwrap();
    assert_eq!(said(&page.entries), [format!("/k/a=@{revision}")]);
}

async fn a_prefix_is_no_pattern(store: Arc<dyn Store>) {
    for key in ["/a%b", "/axb", "/a_b", "/a*b"] {
        create(&store, key, "").await;
    }
    for prefix in ["/a%", "/a_", "/a*"] {
        assert_eq!(store.count(prefix).await.unwrap(), 1, "{prefix}");
        assert_eq!(store.list(Range::prefix(prefix)).await.unwrap().entries.len(), 1, "{prefix}");
    }
}

async fn revisions_to_come_are_refused(store: Arc<dyn Store>) {
    let now = create(&store, "/a", "").await;
    let is_future = |error: StoreError| matches!(error, StoreError::Future { current } if current == now);
    assert!(is_future(store.get("/a", Some(now + 1)).await.unwrap_err()));
    assert!(is_future(list_at(&store, "/", Some(now + 1)).await.unwrap_err()));
    assert!(is_future(store.watch("/", now + 1).await.unwrap_err()));
    assert!(is_future(store.compact(now + 1).await.unwrap_err()));
}
