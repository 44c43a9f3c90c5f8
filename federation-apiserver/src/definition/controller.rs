//! Keeps the catalog and the definitions' conditions in line with what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use revision_store::{Entry, EventKind, Write};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Converters, PREFIX, served, status};
use crate::control::changes::{Change, Changes};
use crate::rest::Rest;

/// Turns definitions into resources.
pub struct Definitions {
    rest: Arc<Rest>,
    converters: Arc<dyn Converters>,
    changes: Changes,
    known: BTreeMap<String, Known>,
    /// The names of those that are being read anew.
    read: BTreeSet<String>,
}

struct Known {
    definition: Value,
    revision: u64,
}

impl Definitions {
    /// The resources of no definition yet.
    pub fn new(rest: Arc<Rest>, converters: Arc<dyn Converters>) -> Self {
        let changes = Changes::new(Arc::clone(rest.store()), [PREFIX]);
        Self { rest, converters, changes, known: BTreeMap::new(), read: BTreeSet::new() }
    }

    /// Returns when the resources of all definitions that are stored are in the catalog. A store that fails is asked
    /// again until it answers.
    pub async fn load(&mut self) {
        loop {
            let change = self.changes.next().await;
            let loaded = matches!(change, Change::Loaded);
            self.take_in(change).await;
            if loaded {
                return;
            }
        }
    }

    /// Follows the definitions until it is cancelled.
    pub async fn run(mut self, stop: CancellationToken) {
        let follow = async {
            loop {
                let change = self.changes.next().await;
                self.take_in(change).await;
            }
        };
        stop.run_until_cancelled(follow).await;
    }

    async fn take_in(&mut self, change: Change) {
        match change {
            // What is served goes on until all has been read anew.
            Change::Begin => self.read.clear(),
            Change::Found(entry) => {
                self.learn(&entry);
                self.read.insert(name_of(&entry.key).to_owned());
            }
            Change::Loaded => {
                let gone: Vec<String> =
                    self.known.keys().filter(|name| !self.read.contains(*name)).cloned().collect();
                gone.iter().for_each(|name| self.forget(name));
                for name in std::mem::take(&mut self.read) {
                    self.settle(&name).await;
                }
            }
            Change::Event(event) => {
                let name = name_of(&event.entry.key).to_owned();
                match event.kind {
                    // What was written here has been settled.
                    EventKind::Put if self.knows(&name, event.revision()) => {}
                    EventKind::Put => {
                        self.learn(&event.entry);
                        self.settle(&name).await;
                    }
                    EventKind::Delete => {
                        self.forget(&name);
                        // A name that was taken may be free now.
                        let waiting: Vec<String> = (self.known.iter())
                            .filter(|(_, known)| !status::is_true(&known.definition, "NamesAccepted"))
                            .map(|(name, _)| name.clone())
                            .collect();
                        for name in waiting {
                            self.settle(&name).await;
                        }
                    }
                }
            }
        }
    }

    fn knows(&self, name: &str, revision: u64) -> bool {
        self.known.get(name).is_some_and(|known| known.revision >= revision)
    }

    fn learn(&mut self, entry: &Entry) {
        match serde_json::from_slice(&entry.value) {
            Ok(definition) => {
                let known = Known { definition, revision: entry.mod_revision };
                self.known.insert(name_of(&entry.key).to_owned(), known);
            }
            Err(error) => tracing::error!(key = entry.key, %error, "a definition cannot be read"),
        }
    }

    fn forget(&mut self, name: &str) {
        if let Some(known) = self.known.remove(name) {
            self.serve(&known.definition, false);
        }
    }

    fn serve(&self, definition: &Value, wanted: bool) {
        let names = &definition["status"]["acceptedNames"];
        let plural = names["plural"].as_str().unwrap_or_default();
        let group = definition["spec"]["group"].as_str().unwrap_or_default();
        if plural.is_empty() {
            return;
        }
        let resources = if wanted { served::resources(definition, &*self.converters) } else { Vec::new() };
        self.rest.catalog().replace(group, plural, resources);
    }

    /// Does what a definition needs done: its conditions and its resources. Its end is the controllers'.
    async fn settle(&mut self, name: &str) {
        let Some(known) = self.known.get(name) else { return };
        let others: Vec<&Value> = (self.known.iter())
            .filter(|(other, _)| *other != name)
            .map(|(_, known)| &known.definition)
            .collect();
        if let Some(status) = status::next(&known.definition, &others, (self.rest.now)()) {
            let mut definition = known.definition.clone();
            definition["status"] = status;
            self.write(name, definition).await;
        }
        let Some(known) = self.known.get(name) else { return };
        self.serve(&known.definition, status::is_true(&known.definition, "Established"));
    }

    async fn write(&mut self, name: &str, definition: Value) {
        let Some(known) = self.known.get_mut(name) else { return };
        let Ok(value) = serde_json::to_vec(&definition) else { return };
        let update = Write::Update {
            key: format!("{PREFIX}{name}"),
            value: value.into(),
            expected: known.revision,
            lease: 0,
        };
        match self.rest.store().write(update).await {
            Ok(written) => {
                known.revision = written.revision;
                known.definition = definition;
            }
            // Somebody else was quicker: their event is on its way, and is looked at like this one.
            Err(error) => {
                tracing::debug!(definition = name, %error, "it has changed; its next state is looked at");
            }
        }
    }
}

fn name_of(key: &str) -> &str {
    key.strip_prefix(PREFIX).unwrap_or(key)
}
