//! Terminating namespaces: their content goes, then they go ("Namespaces", and kube-controller-manager's namespace
//! controller, whose conditions and words these are).

mod conditions;
mod content;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use revision_store::EventKind;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::changes::{Change, Changes};
use super::hand::Hand;
use super::stored::Stored;
use crate::object;
use crate::resource::Resource;
use crate::rest::{At, Rest};
use crate::status::ApiError;

const PREFIX: &str = "/registry/namespaces/";
/// The finalizer, in `spec`, that every namespace has until its content is gone.
const KUBERNETES: &str = "kubernetes";
/// How long content that could not be deleted is left alone, if nothing else happens to it.
const PAUSE: Duration = Duration::from_secs(5);
/// How many namespaces are emptied at once.
const AT_ONCE: usize = 8;

/// Empties terminating namespaces.
pub struct NamespaceControl {
    hand: Hand,
    changes: Changes,
    terminating: BTreeSet<String>,
    /// Those of them to look at.
    due: BTreeSet<String>,
    /// Those of them whose content could not be deleted.
    failed: BTreeSet<String>,
    again: Option<Instant>,
}

impl NamespaceControl {
    /// Nothing is known yet.
    pub fn new(rest: Arc<Rest>) -> Self {
        // Whatever happens to an object in a terminating namespace counts, be it of a kind that comes later.
        let changes = Changes::new(Arc::clone(rest.store()), [PREFIX]).watching(["/registry/"]);
        Self {
            hand: Hand::new(rest, "namespace-controller"),
            changes,
            terminating: BTreeSet::new(),
            due: BTreeSet::new(),
            failed: BTreeSet::new(),
            again: None,
        }
    }

    /// Follows the store until it is cancelled.
    pub async fn run(mut self, stop: CancellationToken) {
        let follow = async {
            loop {
                self.wait().await;
                self.empty_due().await;
            }
        };
        stop.run_until_cancelled(follow).await;
    }

    /// Returns when something may be due, after everything that is known by then has been taken in.
    async fn wait(&mut self) {
        match self.changes.next_before(self.again).await {
            Some(change) => self.learn(change),
            None => {
                self.again = None;
                self.due.append(&mut self.failed);
            }
        }
        while let Some(change) = self.changes.next_now() {
            self.learn(change);
        }
    }

    fn learn(&mut self, change: Change) {
        let (entry, gone) = match change {
            Change::Begin => {
                self.terminating.clear();
                self.due.clear();
                self.failed.clear();
                return;
            }
            Change::Loaded => return,
            Change::Found(entry) => (entry, false),
            Change::Event(event) => (event.entry, event.kind == EventKind::Delete),
        };
        if let Some(name) = entry.key.strip_prefix(PREFIX) {
            if !gone && is_terminating(&entry.value) {
                self.terminating.insert(name.to_owned());
                self.due.insert(name.to_owned());
            } else {
                self.terminating.remove(name);
                self.due.remove(name);
                self.failed.remove(name);
            }
            return;
        }
        if self.terminating.is_empty() {
            return;
        }
        let mut from_end = entry.key.rsplit('/');
        if let Some(namespace) = from_end.nth(1).filter(|namespace| self.terminating.contains(*namespace)) {
            self.due.insert(namespace.to_owned());
        }
    }

    async fn empty_due(&mut self) {
        let due = std::mem::take(&mut self.due);
        if due.is_empty() {
            return;
        }
        let hand = &self.hand;
        let failed: Vec<String> = stream::iter(due)
            .map(|name| async move {
                let error = empty(hand, &name).await.err()?;
                tracing::warn!(namespace = name, %error, "a namespace cannot be emptied yet");
                Some(name)
            })
            .buffer_unordered(AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await;
        if !failed.is_empty() {
            self.failed.extend(failed);
            self.again = Some(Instant::now() + PAUSE);
        }
    }
}

fn is_terminating(value: &[u8]) -> bool {
    serde_json::from_slice::<Value>(value).is_ok_and(|namespace| {
        object::is_deleting(&namespace)
            && namespace["spec"]["finalizers"].as_array().is_some_and(|all| !all.is_empty())
    })
}

/// Deletes what is in a terminating namespace, tells what remains, and lets go of the namespace if nothing does.
async fn empty(hand: &Hand, name: &str) -> Result<(), ApiError> {
    let namespaces = hand.resource("", "v1", "namespaces")?;
    let at = At { resource: &namespaces, namespace: None, name, subresource: None };
    // The facts behind a deletion are read from the store, not remembered.
    let Some(namespace) = hand.get(at).await? else { return Ok(()) };
    if !object::is_deleting(&namespace) {
        return Ok(());
    }
    let mut stored: Vec<Arc<Resource>> =
        Stored::of(hand.rest().catalog()).resources().filter(|one| one.namespaced).cloned().collect();
    stored.sort_by(|a, b| (&a.group, &a.plural).cmp(&(&b.group, &b.plural)));
    let remaining = content::delete(hand, &stored, name).await;
    let now = object::time(hand.now());
    let status = At { subresource: Some("status"), ..at };
    let live = hand
        .edit(status, |namespace| {
            object::is_deleting(namespace) && conditions::tell(namespace, &remaining, &now)
        })
        .await?;
    if let Some(error) = remaining.errors.into_iter().next() {
        return Err(error);
    }
    if live.is_none() || !remaining.resources.is_empty() {
        // Every change of what remains is an event.
        return Ok(());
    }
    let finalize = At { subresource: Some("finalize"), ..at };
    hand.edit(finalize, |namespace| {
        if !object::is_deleting(namespace) {
            return false;
        }
        let finalizers = namespace["spec"]["finalizers"].as_array().cloned().unwrap_or_default();
        let others: Vec<Value> = finalizers.iter().filter(|one| *one != KUBERNETES).cloned().collect();
        let had = others.len() < finalizers.len();
        namespace["spec"]["finalizers"] = json!(others);
        had
    })
    .await?;
    Ok(())
}
