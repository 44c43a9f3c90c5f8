//! The webhooks that are configured now.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use revision_store::{Entry, EventKind, Store};
use rustls::RootCertStore;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::hook::Hook;
use crate::control::changes::{Change, Changes};

const MUTATING: &str = "/registry/mutatingwebhookconfigurations/";
const VALIDATING: &str = "/registry/validatingwebhookconfigurations/";

/// Webhooks in the order in which they are called.
pub(super) type Hooks = Vec<Arc<Hook>>;

/// The webhooks of all configurations, by the names of these. Readers never wait.
#[derive(Default)]
pub struct Configurations {
    mutating: ArcSwap<Hooks>,
    validating: ArcSwap<Hooks>,
}

impl Configurations {
    pub(super) fn mutating(&self) -> Arc<Hooks> {
        self.mutating.load_full()
    }

    pub(super) fn validating(&self) -> Arc<Hooks> {
        self.validating.load_full()
    }
}

/// Keeps [`Configurations`] in line with what is stored.
pub struct FollowConfigurations {
    configurations: Arc<Configurations>,
    trusted: Arc<RootCertStore>,
    changes: Changes,
    /// By key: in the order of names within each kind. A webhook keeps its connections while its configuration is
    /// as it was.
    known: BTreeMap<String, Hooks>,
    loaded: bool,
}

impl FollowConfigurations {
    /// Follows the configurations of a store. `trusted` are the authorities that count for a webhook without
    /// `caBundle`.
    pub fn new(store: Arc<dyn Store>, trusted: Arc<RootCertStore>) -> Self {
        let changes = Changes::new(store, [MUTATING, VALIDATING]);
        Self { configurations: Arc::default(), trusted, changes, known: BTreeMap::new(), loaded: false }
    }

    /// What the plugin reads. It is empty until [`FollowConfigurations::load`].
    pub fn configurations(&self) -> Arc<Configurations> {
        Arc::clone(&self.configurations)
    }

    /// Returns when the configurations are what is stored. A store that fails is asked again until it answers.
    pub async fn load(&mut self) {
        while !self.loaded {
            let change = self.changes.next().await;
            self.learn(change);
        }
    }

    /// Follows the store until it is cancelled.
    pub async fn run(mut self, stop: CancellationToken) {
        let follow = async {
            loop {
                let change = self.changes.next().await;
                self.learn(change);
            }
        };
        stop.run_until_cancelled(follow).await;
    }

    fn learn(&mut self, change: Change) {
        match change {
            // What is known counts until all has been read anew: no write may slip past a webhook.
            Change::Begin => {
                self.known.clear();
                self.loaded = false;
            }
            Change::Found(entry) => self.put(&entry),
            Change::Loaded => self.loaded = true,
            Change::Event(event) => match event.kind {
                EventKind::Put => self.put(&event.entry),
                EventKind::Delete => {
                    self.known.remove(&event.entry.key);
                }
            },
        }
        if self.loaded {
            let of = |kind: &str| -> Arc<Hooks> {
                let all = self.known.iter().filter(|(key, _)| key.starts_with(kind));
                Arc::new(all.flat_map(|(_, hooks)| hooks.iter().cloned()).collect())
            };
            self.configurations.mutating.store(of(MUTATING));
            self.configurations.validating.store(of(VALIDATING));
        }
    }

    fn put(&mut self, entry: &Entry) {
        match serde_json::from_slice::<Value>(&entry.value) {
            Ok(configuration) => {
                self.known.insert(entry.key.clone(), Hook::all(&configuration, &self.trusted));
            }
            Err(error) => tracing::error!(key = entry.key, %error, "a webhook configuration cannot be read"),
        }
    }
}
