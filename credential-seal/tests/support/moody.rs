//! A provider whose moods a test sets.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use credential_seal::{Identity, KeyProvider, Keyring, Limits, ProviderError, SecretBytes, WrappedKey};
use parking_lot::Mutex;

/// What it does.
#[derive(Clone, Default)]
pub(crate) struct Mood {
    /// The error that it answers to everything.
    pub(crate) error: Option<ProviderError>,
    /// How long it takes.
    pub(crate) delay: Duration,
    /// It unwraps to something else.
    pub(crate) garbage: bool,
    /// Keys that are gone.
    pub(crate) deleted: Vec<String>,
    /// What it says of its present key, if that differs from the one it wraps with.
    pub(crate) says: Option<String>,
}

/// It "wraps" by a XOR with the key's id, which is enough to tell keys apart.
pub(crate) struct Moody {
    name: String,
    pub(crate) key_id: Mutex<String>,
    pub(crate) mood: Mutex<Mood>,
    pub(crate) wraps: AtomicUsize,
    pub(crate) unwraps: AtomicUsize,
}

impl Moody {
    pub(crate) fn new(name: &str, key_id: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            key_id: Mutex::new(key_id.to_owned()),
            mood: Mutex::default(),
            wraps: AtomicUsize::new(0),
            unwraps: AtomicUsize::new(0),
        })
    }

    async fn begin(&self) -> Result<Mood, ProviderError> {
        let mood = self.mood.lock().clone();
        tokio::time::sleep(mood.delay).await;
        mood.error.clone().map_or(Ok(mood), Err)
    }
}

fn xor(bytes: &[u8], key_id: &str) -> Vec<u8> {
    bytes.iter().zip(key_id.bytes().cycle()).map(|(byte, key)| byte ^ key).collect()
}

#[async_trait]
impl KeyProvider for Moody {
    fn name(&self) -> &str {
        &self.name
    }

    async fn wrap(&self, key: &SecretBytes) -> Result<WrappedKey, ProviderError> {
        self.wraps.fetch_add(1, Ordering::SeqCst);
        self.begin().await?;
        let key_id = self.key_id.lock().clone();
        Ok(WrappedKey { ciphertext: xor(key.expose(), &key_id), key_id, annotations: BTreeMap::new() })
    }

    async fn unwrap_key(&self, wrapped: &WrappedKey) -> Result<SecretBytes, ProviderError> {
        self.unwraps.fetch_add(1, Ordering::SeqCst);
        let mood = self.begin().await?;
        if mood.deleted.contains(&wrapped.key_id) {
            return Err(ProviderError::Refused("the key was deleted".to_owned()));
        }
        if mood.garbage {
            return Ok(SecretBytes::new(vec![0; 32]));
        }
        Ok(SecretBytes::new(xor(&wrapped.ciphertext, &wrapped.key_id)))
    }

    async fn status(&self) -> Result<String, ProviderError> {
        let mood = self.begin().await?;
        Ok(mood.says.unwrap_or_else(|| self.key_id.lock().clone()))
    }
}

pub(crate) fn keyring(providers: &[&Arc<Moody>]) -> Keyring {
    let providers = providers.iter().map(|provider| Arc::clone(provider) as Arc<dyn KeyProvider>).collect();
    Keyring::new(providers, Limits::default()).unwrap()
}

pub(crate) fn identity(name: &str) -> Identity {
    Identity {
        cluster_uid: "uid".to_owned(),
        namespace: "federation".to_owned(),
        name: name.to_owned(),
        field: "data/token".to_owned(),
    }
}

pub(crate) const TOKEN: &[u8] = b"eyJhbGciOiJSUzI1NiIs.planted.credential";

pub(crate) fn token() -> SecretBytes {
    SecretBytes::new(TOKEN.to_vec())
}
