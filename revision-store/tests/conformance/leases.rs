//! Keys that end by themselves.

use std::sync::Arc;

use revision_store::{EventKind, Revision, Store, Write};

use crate::{
    backends::on_every_backend,
    steps::{next_event, value_at},
};

on_every_backend!(
    a_key_with_a_lease_ends_and_watches_hear_it,
    a_new_lease_counts_from_its_write,
    a_write_without_a_lease_lives_on,
);

async fn create(store: &Arc<dyn Store>, key: &str, lease: u32) -> Revision {
    store.write(Write::Create { key: key.into(), value: "x".into(), lease }).await.unwrap().revision
}

async fn update(store: &Arc<dyn Store>, key: &str, expected: Revision, lease: u32) -> Revision {
    store.write(Write::Update { key: key.into(), value: "y".into(), expected, lease }).await.unwrap().revision
}

async fn a_key_with_a_lease_ends_and_watches_hear_it(store: Arc<dyn Store>) {
    let created = create(&store, "/l/a", 1).await;
    assert_eq!(store.get("/l/a", None).await.unwrap().entry.unwrap().lease, 1);
    let mut watch = store.watch("/l/", created).await.unwrap();
    let event = next_event(&mut watch).await;
    assert_eq!((event.kind, event.revision()), (EventKind::Delete, created + 1));
    assert_eq!(value_at(&store, "/l/a", None).await.unwrap(), None);
}

async fn a_new_lease_counts_from_its_write(store: Arc<dyn Store>) {
    let long = create(&store, "/l/shortened", 3600).await;
    let short = create(&store, "/l/prolonged", 1).await;
    let shortened = update(&store, "/l/shortened", long, 1).await;
    let prolonged = update(&store, "/l/prolonged", short, 3600).await;
    let mut watch = store.watch("/l/", prolonged).await.unwrap();
    let event = next_event(&mut watch).await;
    assert_eq!((event.entry.key.as_str(), event.previous.unwrap().mod_revision), ("/l/shortened", shortened));
    // The other one's first lease was over earlier.
    assert_eq!(value_at(&store, "/l/prolonged", None).await.unwrap().as_deref(), Some("y"));
}

async fn a_write_without_a_lease_lives_on(store: Arc<dyn Store>) {
    let leased = create(&store, "/l/a", 1).await;
    update(&store, "/l/a", leased, 0).await;
    let witness = create(&store, "/l/witness", 1).await;
    let mut watch = store.watch("/l/", witness).await.unwrap();
    assert_eq!(next_event(&mut watch).await.entry.key, "/l/witness");
    assert_eq!(value_at(&store, "/l/a", None).await.unwrap().as_deref(), Some("y"));
}
