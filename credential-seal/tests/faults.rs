//! Providers that are away, slow, wrong or changing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

#[path = "support/moody.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use credential_seal::format::Sealed;
use credential_seal::{Keyring, KeyringError, Limits, OpenError, ProviderError, SealError};
use support::{Moody, TOKEN, identity, keyring, token};
use tokio::time::advance;

fn away() -> ProviderError {
    ProviderError::Away("connection refused".to_owned())
}

#[tokio::test(start_paused = true)]
async fn many_seals_and_opens_take_one_call_each() {
    let kms = Moody::new("kms", "k1");
    let ring = keyring(&[&kms]);
    let mut sealed = Vec::new();
    for n in 0..1000 {
        sealed.push(ring.seal(&identity(&format!("s{n}")), &token()).await.unwrap());
    }
    assert_eq!(kms.wraps.load(SeqCst), 1);
    // Another process, which opens all at once.
    let unwraps = kms.unwraps.load(SeqCst);
    assert_eq!(unwraps, 1, "the new key was tried");
    kms.mood.lock().delay = Duration::from_millis(100);
    let ring = Arc::new(keyring(&[&kms]));
    let mut tasks = tokio::task::JoinSet::new();
    for (n, sealed) in sealed.into_iter().enumerate() {
        let ring = Arc::clone(&ring);
        tasks.spawn(async move { ring.open(&identity(&format!("s{n}")), &sealed).await.unwrap() });
    }
    while let Some(opened) = tasks.join_next().await {
        assert_eq!(opened.unwrap().expose(), TOKEN);
    }
    assert_eq!(kms.unwraps.load(SeqCst) - unwraps, 1);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_at_the_start_is_asked_again_and_not_at_each_call() {
    let kms = Moody::new("kms", "k1");
    let sealed = keyring(&[&kms]).seal(&identity("s"), &token()).await.unwrap();
    let unwraps = kms.unwraps.load(SeqCst);
    let ring = keyring(&[&kms]);
    kms.mood.lock().error = Some(away());
    for _ in 0..10 {
        let error = ring.open(&identity("s"), &sealed).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
    }
    assert_eq!(kms.unwraps.load(SeqCst) - unwraps, 1);
    assert!(matches!(ring.seal(&identity("s"), &token()).await, Err(SealError::Provider { .. })));
    assert!(!ring.health()[0].is_well());
    kms.mood.lock().error = None;
    advance(Duration::from_secs(6)).await;
    assert_eq!(ring.open(&identity("s"), &sealed).await.unwrap().expose(), TOKEN);
    assert!(ring.check().await[0].is_well());
}

#[tokio::test(start_paused = true)]
async fn keys_are_remembered_for_the_stated_time_and_no_longer() {
    let kms = Moody::new("kms", "k1");
    let ring = keyring(&[&kms]);
    let sealed = ring.seal(&identity("s"), &token()).await.unwrap();
    kms.mood.lock().error = Some(away());
    advance(Duration::from_secs(179)).await;
    assert!(ring.seal(&identity("s"), &token()).await.is_ok(), "its last word still holds");
    advance(Duration::from_secs(2)).await;
    assert!(ring.seal(&identity("s"), &token()).await.is_err());
    advance(Duration::from_secs(23 * 60 * 60)).await;
    assert!(ring.open(&identity("s"), &sealed).await.is_ok());
    advance(Duration::from_secs(60 * 60)).await;
    assert!(ring.open(&identity("s"), &sealed).await.unwrap_err().is_transient());
}

#[tokio::test(start_paused = true)]
async fn garbage_and_deleted_keys_open_nothing() {
    let kms = Moody::new("kms", "k1");
    let sealed = keyring(&[&kms]).seal(&identity("s"), &token()).await.unwrap();
    kms.mood.lock().garbage = true;
    let error = keyring(&[&kms]).open(&identity("s"), &sealed).await.unwrap_err();
    assert!(matches!(error, OpenError::NotAuthentic { .. }));
    // Nothing is sealed with a key that would not come back.
    let error = keyring(&[&kms]).seal(&identity("s"), &token()).await.unwrap_err();
    assert!(matches!(error, SealError::Provider { error: ProviderError::Nonsense(_), .. }), "{error}");
    // What was garbage once is not remembered for a day; a key that is none is not forgotten for a value that is broken.
    let ring = keyring(&[&kms]);
    assert!(ring.open(&identity("s"), &sealed).await.is_err());
    kms.mood.lock().garbage = false;
    advance(Duration::from_secs(6)).await;
    assert!(ring.open(&identity("s"), &sealed).await.is_ok());
    kms.mood.lock().error = Some(away());
    assert!(matches!(ring.open(&identity("other"), &sealed).await, Err(OpenError::NotAuthentic { .. })));
    advance(Duration::from_secs(6)).await;
    assert!(ring.open(&identity("s"), &sealed).await.is_ok());
    kms.mood.lock().error = None;
    let mut mood = kms.mood.lock().clone();
    (mood.garbage, mood.deleted) = (false, vec!["k1".to_owned()]);
    *kms.mood.lock() = mood;
    let ring = keyring(&[&kms]);
    let error = ring.open(&identity("s"), &sealed).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("deleted"), "{error}");
    assert!(ring.health()[0].trouble.is_none(), "one deleted key says nothing of the provider");
}

#[tokio::test(start_paused = true)]
async fn a_changed_key_seals_what_comes_and_makes_the_rest_stale() {
    let kms = Moody::new("kms", "k1");
    let ring = keyring(&[&kms]);
    let old = Sealed::read(&ring.seal(&identity("s"), &token()).await.unwrap()).unwrap();
    assert!(!ring.is_stale(&old));
    *kms.key_id.lock() = "k2".to_owned();
    advance(Duration::from_secs(61)).await;
    let new = ring.seal(&identity("s"), &token()).await.unwrap();
    assert_eq!(Sealed::read(&new).unwrap().key.key_id, "k2");
    assert!(ring.is_stale(&old) && !ring.is_stale(&Sealed::read(&new).unwrap()));
    assert!(ring.open(&identity("s"), &old.write().unwrap()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_wraps_with_another_key_than_it_says_is_not_asked_at_each_seal_and_converges() {
    let kms = Moody::new("kms", "k1");
    kms.mood.lock().says = Some("k2".to_owned());
    let ring = keyring(&[&kms]);
    for _ in 0..10 {
        ring.seal(&identity("s"), &token()).await.unwrap();
    }
    assert_eq!(kms.wraps.load(SeqCst), 1);
    *kms.key_id.lock() = "k2".to_owned();
    advance(Duration::from_secs(61)).await;
    let sealed = Sealed::read(&ring.seal(&identity("s"), &token()).await.unwrap()).unwrap();
    assert_eq!(sealed.key.key_id, "k2");
}

#[tokio::test(start_paused = true)]
async fn the_first_provider_seals_and_all_open() {
    let (old, new) = (Moody::new("old", "k1"), Moody::new("new", "k1"));
    let sealed = keyring(&[&old]).seal(&identity("s"), &token()).await.unwrap();
    let ring = keyring(&[&new, &old]);
    assert_eq!(ring.open(&identity("s"), &sealed).await.unwrap().expose(), TOKEN);
    assert!(ring.is_stale(&Sealed::read(&sealed).unwrap()));
    let anew = ring.seal(&identity("s"), &token()).await.unwrap();
    assert!(
        matches!(keyring(&[&old]).open(&identity("s"), &anew).await, Err(OpenError::UnknownProvider(name)) if name == "new")
    );
    let twice = vec![old.clone() as Arc<dyn credential_seal::KeyProvider>, old.clone()];
    assert_eq!(Keyring::new(twice, Limits::default()).unwrap_err(), KeyringError::SameName("old".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_shown_holds_a_secret() {
    let kms = Moody::new("kms", "k1");
    let ring = keyring(&[&kms]);
    let sealed = ring.seal(&identity("s"), &token()).await.unwrap();
    let opened = ring.open(&identity("s"), &sealed).await.unwrap();
    let elsewhere = ring.open(&identity("other"), &sealed).await.unwrap_err();
    let shown = format!(
        "{ring:?} {opened:?} {elsewhere} {elsewhere:?} {:?} {:?}",
        ring.health(),
        Sealed::read(&sealed)
    );
    assert!(!shown.contains("planted") && !sealed.windows(7).any(|w| w == b"planted"));
    let bytes = format!("{TOKEN:?}");
    assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "as numbers");
}
