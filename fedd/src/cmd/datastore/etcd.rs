//! Objects from and to an etcd, or something that speaks like one.

use std::collections::HashMap;
use std::collections::hash_map::Entry::Vacant;
use std::pin::pin;

use anyhow::{Context as _, anyhow, bail};
use etcd_endpoint::client::{EtcdClient, KeyValue};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use revision_store::{Datastore, Entry, Range, Store, Write};

use super::progress::Progress;

/// How many writes are under way at once, so that the target can make them durable together.
const AT_ONCE: usize = 32;
/// How many keys are read at once.
const PAGE: usize = 500;
/// How long a key lives that had a lease in etcd, which does not say in its objects how long it was: kube-apiserver's
/// for Events, the one kind with leases that people see.
const LEASE: u32 = 3600;
/// Keys that every datastore has of its own.
const OWN: [&str; 2] = ["compact_rev_key", "/registry/health"];

fn is_own(key: &[u8]) -> bool {
    OWN.iter().any(|own| own.as_bytes() == key)
}

/// Copies from etcd; how many keys, in words.
pub(super) async fn copy_from(
    etcd: &EtcdClient,
    to: &Datastore,
    replace: bool,
    dry_run: bool,
) -> anyhow::Result<String> {
    let revision = etcd.revision().await?;
    if dry_run {
        let (mut pages, mut keys) = (pin!(etcd.range_pages(b"", revision)), 0);
        while let Some(page) = pages.try_next().await? {
            keys += page.iter().filter(|key_value| !is_own(&key_value.key)).count();
        }
        return Ok(format!("{keys} keys"));
    }
    // No rows in place of those that are there, or are not.
    to.import(stream::empty().boxed(), replace).await?;
    let store = to.open().await?;
    let copied = fill(etcd, revision, &*store).await;
    store.close().await;
    Ok(format!("{} keys", copied?))
}

/// Writes all keys, and reads them again.
async fn fill(etcd: &EtcdClient, revision: i64, store: &dyn Store) -> anyhow::Result<u64> {
    let mut progress = Progress::new("keys copied");
    let mut pages = pin!(etcd.range_pages(b"", revision));
    while let Some(page) = pages.try_next().await? {
        let keys = page.into_iter().filter(|key_value| !is_own(&key_value.key));
        let written = stream::iter(keys).map(|key_value| create(store, key_value)).buffer_unordered(AT_ONCE);
        progress.add(written.try_collect::<Vec<()>>().await?.len());
    }
    let mut compared = Progress::new("keys compared");
    let mut pages = pin!(etcd.range_pages(b"", revision));
    while let Some(page) = pages.try_next().await? {
        for key_value in page.iter().filter(|key_value| !is_own(&key_value.key)) {
            let key = text(&key_value.key)?;
            let copy = store.get(key, None).await?.entry;
            if copy.is_none_or(|copy| copy.value != key_value.value) {
                bail!(
                    "the copy of {key} is not what the original is: stop who writes to the copy, and copy again"
                );
            }
        }
        compared.add(page.len());
    }
    Ok(progress.done())
}

async fn create(store: &dyn Store, key_value: KeyValue) -> anyhow::Result<()> {
    let key = text(&key_value.key)?.to_owned();
    let lease = if key_value.lease == 0 { 0 } else { LEASE };
    let write = Write::Create { key: key.clone(), value: key_value.value, lease };
    store.write(write).await.with_context(|| format!("cannot copy {key}"))?;
    Ok(())
}

fn text(key: &[u8]) -> anyhow::Result<&str> {
    std::str::from_utf8(key).map_err(|_| {
        anyhow!(
            "the key {} is no text, and such keys cannot be copied: delete it",
            String::from_utf8_lossy(key)
        )
    })
}

/// Copies to etcd; how many keys, in words.
pub(super) async fn copy_to(from: &Datastore, etcd: &EtcdClient, dry_run: bool) -> anyhow::Result<String> {
    let store = from.open().await?;
    let copied = empty(&*store, etcd, dry_run).await;
    store.close().await;
    Ok(format!("{} keys", copied?))
}

async fn empty(store: &dyn Store, etcd: &EtcdClient, dry_run: bool) -> anyhow::Result<u64> {
    if !dry_run
        && let Some(page) = pin!(etcd.range_pages(b"", 0)).try_next().await?
        && let Some(first) = page.iter().find(|key_value| !is_own(&key_value.key))
    {
        let key = String::from_utf8_lossy(&first.key).into_owned();
        bail!("TO has data already, {key} first: name an empty etcd");
    }
    let mut progress = Progress::new("keys copied");
    let mut leases: HashMap<u32, i64> = HashMap::new();
    let mut range = Range { limit: PAGE, ..Range::default() };
    loop {
        let page = store.list(range.clone()).await?;
        range.at = Some(page.revision);
        range.after = page.entries.last().map(|last| last.key.clone());
        let keys = page.entries.into_iter().filter(|entry| !is_own(entry.key.as_bytes()));
        let keys: Vec<Entry> = keys.collect();
        progress.add(keys.len());
        if !dry_run {
            for entry in keys.iter().filter(|entry| entry.lease > 0) {
                if let Vacant(vacant) = leases.entry(entry.lease) {
                    vacant.insert(etcd.grant(entry.lease.into()).await?);
                }
            }
            let leases = &leases;
            let written = stream::iter(keys).map(|entry| put(etcd, entry, leases)).buffer_unordered(AT_ONCE);
            written.try_collect::<Vec<()>>().await?;
        }
        if page.remaining == 0 {
            break;
        }
    }
    if !dry_run {
        compare(store, etcd, range.at).await?;
    }
    Ok(progress.done())
}

async fn put(etcd: &EtcdClient, entry: Entry, leases: &HashMap<u32, i64>) -> anyhow::Result<()> {
    let lease = leases.get(&entry.lease).copied().unwrap_or_default();
    let put = etcd.put_new(entry.key.clone(), entry.value, lease).await;
    match put.with_context(|| format!("cannot copy {}", entry.key))? {
        Some(_) => Ok(()),
        None => bail!("somebody wrote {} to the copy: stop who writes to it, and copy again", entry.key),
    }
}

/// Reads what was copied, and compares.
async fn compare(store: &dyn Store, etcd: &EtcdClient, at: Option<u64>) -> anyhow::Result<()> {
    let mut progress = Progress::new("keys compared");
    let mut pages = pin!(etcd.range_pages(b"", 0));
    while let Some(page) = pages.try_next().await? {
        for key_value in page.iter().filter(|key_value| !is_own(&key_value.key)) {
            let key = text(&key_value.key)?;
            let original = store.get(key, at).await?.entry;
            if original.is_none_or(|original| original.value != key_value.value) {
                bail!(
                    "the copy of {key} is not what the original is: stop who writes to either, and copy again"
                );
            }
        }
        progress.add(page.len());
    }
    Ok(())
}
