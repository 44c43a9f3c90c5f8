//! The changes of a collection, as they happen.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use revision_store::{Entry, Event, EventKind, Range, StoreError, Watch, WatchItem};
use serde_json::{Value, json};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::{At, Representable, Rest, store_error};
use crate::raw;
use crate::request::ListOptions;
use crate::resource::Resource;
use crate::select::Selectors;
use crate::status::ApiError;

/// What a watch sends: events, each with its object in the form asked for.
pub type Watching = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// How an object is written into an event. It is called for one event after the other, and may tell the first apart.
pub type Represent = Box<dyn FnMut(Representable) -> Result<Bytes, ApiError> + Send + Sync>;

/// Times of watches.
#[derive(Clone, Copy, Debug)]
pub struct WatchSettings {
    /// How often a client that asked for bookmarks is told how far the watch is. Default 60 s, as kube-apiserver.
    pub bookmarks: Duration,
    /// How long a watch lasts if the client does not say, at least; at most twice as long. Default 30 min.
    pub timeout: Duration,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self { bookmarks: Duration::from_secs(60), timeout: Duration::from_secs(1800) }
    }
}

/// How many objects are read at once for the events that a watch begins with.
const INITIAL_PAGE: usize = 500;

/// What a watch looks at, and how.
struct View {
    rest: Arc<Rest>,
    resource: Arc<Resource>,
    selectors: Selectors,
    represent: Represent,
}

/// A watch under way.
struct Session {
    view: View,
    bookmarks: Option<Interval>,
    /// When the client's time is up.
    end: Instant,
    /// The revision up to which everything has been sent.
    sent: u64,
    told: u64,
    phase: Phase,
}

enum Phase {
    /// What was there when the watch began is being sent.
    Initial { prefix: String, after: Option<String>, revision: u64, mark_end: bool },
    /// The changes since then.
    Changes(Watch),
    /// Nothing more.
    Over,
}

impl Rest {
    /// Watches a collection, or with a name one object.
    ///
    /// # Errors
    /// The selectors are wrong, or the version has not been reached. A version that is no longer kept is told as the
    /// first event, as kube-apiserver does.
    pub async fn watch(
        self: &Arc<Self>,
        resource: Arc<Resource>,
        namespace: Option<&str>,
        name: Option<&str>,
        options: &ListOptions,
        settings: WatchSettings,
        represent: Represent,
    ) -> Result<Watching, ApiError> {
        let mut selectors = Selectors::parse(options, &resource.selectable)?;
        if let Some(name) = name {
            selectors.only(name);
        }
        let at = At { resource: &resource, namespace, name: "", subresource: None };
        let prefix = at.key();
        let current = self.store.revision().await.map_err(store_error)?;
        let from = options.resource_version.filter(|version| *version > 0);
        if let Some(asked) = from.filter(|asked| *asked > current) {
            return Err(ApiError::too_large_resource_version(asked, current));
        }
        let initial = match options.send_initial_events {
            Some(wanted) => wanted,
            // Without a version, or with "0", a watch begins with what is there.
            None => from.is_none(),
        };
        let phase = if initial {
            let mark_end = options.send_initial_events == Some(true) && options.allow_bookmarks;
            Phase::Initial { prefix, after: None, revision: current, mark_end }
        } else {
            let after = from.unwrap_or(current);
            match self.store.watch(&prefix, after).await {
                Ok(watch) => Phase::Changes(watch),
                Err(StoreError::Compacted { oldest }) => {
                    let gone = ApiError::expired(format!("too old resource version: {after} ({oldest})"));
                    return Ok(stream::iter([error_event(&gone)]).boxed());
                }
                Err(error) => return Err(store_error(error)),
            }
        };
        let bookmarks = options.allow_bookmarks.then(|| {
            let mut interval =
                tokio::time::interval_at(Instant::now() + settings.bookmarks, settings.bookmarks);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        let started = from.unwrap_or(current);
        let session = Session {
            view: View { rest: Arc::clone(self), resource, selectors, represent },
            bookmarks,
            end: Instant::now() + options.timeout.unwrap_or_else(|| spread(settings.timeout)),
            sent: started,
            told: started,
            phase,
        };
        Ok(stream::unfold(session, |mut session| async move {
            let bytes = session.next().await?;
            Some((bytes, session))
        })
        .boxed())
    }
}

/// Between once and twice a duration, so that the clients of a server that started do not all come back at once.
fn spread(duration: Duration) -> Duration {
    let random = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    duration + duration * random / 256
}

fn event(kind: &str, object: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(object.len() + 32);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"object\":");
    out.extend_from_slice(object);
    out.extend_from_slice(b"}\n");
    out.into()
}

fn error_event(error: &ApiError) -> Bytes {
    event("ERROR", error.to_value().to_string().as_bytes())
}

impl Session {
    /// The next bytes to send; `None` when the watch is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let step = match &mut self.phase {
                Phase::Over => return None,
                Phase::Initial { .. } => self.initial().await,
                Phase::Changes(_) => self.change().await?,
            };
            match step {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Some(bytes),
                Err(error) => {
                    self.phase = Phase::Over;
                    return Some(error_event(&error));
                }
            }
        }
    }

    /// The next page of what was there; at its end, the watch goes over to changes.
    async fn initial(&mut self) -> Result<Bytes, ApiError> {
        let Phase::Initial { prefix, after, revision, mark_end } = &mut self.phase else {
            return Ok(Bytes::new());
        };
        let (revision, mark_end) = (*revision, *mark_end);
        let range = Range {
            prefix: prefix.clone(),
            after: after.clone(),
            limit: INITIAL_PAGE,
            at: Some(revision),
            keys_only: false,
        };
        let page = self.view.rest.store.list(range).await.map_err(store_error)?;
        let mut out = Vec::new();
        for entry in &page.entries {
            let object = self.view.seen(entry).await?;
            if self.view.wants(&object) {
                out.extend_from_slice(&event("ADDED", &self.view.written(object)?));
            }
        }
        let Phase::Initial { prefix, after, .. } = &mut self.phase else { return Ok(out.into()) };
        if let (true, Some(last)) = (page.remaining > 0, page.entries.last()) {
            *after = Some(last.key.clone());
            return Ok(out.into());
        }
        let watch = self.view.rest.store.watch(prefix, revision).await.map_err(store_error)?;
        self.phase = Phase::Changes(watch);
        (self.sent, self.told) = (revision, revision);
        if mark_end {
            out.extend_from_slice(&self.view.bookmark(revision, true)?);
        }
        Ok(out.into())
    }

    /// The next change; `None` when the client's time is up or the server stops.
    async fn change(&mut self) -> Option<Result<Bytes, ApiError>> {
        let Phase::Changes(watch) = &mut self.phase else { return None };
        let tick = async {
            match &mut self.bookmarks {
                Some(interval) => interval.tick().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            item = watch.next() => match item? {
                Ok(WatchItem::Event(event)) => {
                    self.sent = event.entry.mod_revision;
                    Some(self.view.event(event).await)
                }
                Ok(WatchItem::Progress(revision)) => {
                    self.sent = self.sent.max(revision);
                    Some(Ok(Bytes::new()))
                }
                Err(StoreError::Compacted { oldest }) => Some(Err(ApiError::expired(
                    format!("too old resource version: {} ({oldest})", self.sent),
                ))),
                Err(error) => Some(Err(store_error(error))),
            },
            _ = tick => {
                if self.sent == self.told {
                    return Some(Ok(Bytes::new()));
                }
                self.told = self.sent;
                Some(self.view.bookmark(self.sent, false))
            }
            () = tokio::time::sleep_until(self.end) => None,
        }
    }
}

impl View {
    fn bookmark(&mut self, revision: u64, initial_end: bool) -> Result<Bytes, ApiError> {
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({
            "kind": self.resource.kind, "apiVersion": self.resource.api_version(), "metadata": metadata,
        });
        Ok(event("BOOKMARK", &(self.represent)(Representable::Value(object))?))
    }

    /// An entry in the version of the watch, parsed only if somebody has to look into it.
    async fn seen(&self, entry: &Entry) -> Result<Representable, ApiError> {
        if self.selectors.is_empty()
            && !self.resource.defaults_on_read
            && let Some(bytes) =
                raw::with_revision(&entry.value, &self.resource.api_version(), entry.mod_revision)
        {
            return Ok(Representable::Raw(bytes));
        }
        self.rest.decode(&self.resource, entry).await.map(Representable::Value)
    }

    fn wants(&self, object: &Representable) -> bool {
        match object {
            Representable::Raw(_) => true,
            Representable::Value(object) => self.selectors.matches(object),
        }
    }

    fn written(&mut self, object: Representable) -> Result<Bytes, ApiError> {
        (self.represent)(object)
    }

    /// The event as this watch sees it: an object that begins to match is added, one that ceases to is deleted.
    async fn event(&mut self, change: Event) -> Result<Bytes, ApiError> {
        let gone = matches!(change.kind, EventKind::Delete);
        let created = change.is_create();
        let object = self.seen(&change.entry).await?;
        if self.selectors.is_empty() {
            let kind = if gone {
                "DELETED"
            } else if created {
                "ADDED"
            } else {
                "MODIFIED"
            };
            return Ok(event(kind, &self.written(object)?));
        }
        let before = match (&change.previous, created && !gone) {
            (Some(previous), false) => {
                let mut object = self.rest.decode(&self.resource, previous).await?;
                let matched = self.selectors.matches(&object);
                // What ceases to match is shown as it was, at the revision of the change.
                crate::object::set(
                    &mut object,
                    "resourceVersion",
                    Some(Value::from(change.entry.mod_revision.to_string())),
                );
                matched.then_some(object)
            }
            _ => None,
        };
        let now = !gone && self.wants(&object);
        Ok(match (before, now) {
            (None, true) => event("ADDED", &self.written(object)?),
            (Some(_), true) => event("MODIFIED", &self.written(object)?),
            (Some(old), false) => event("DELETED", &self.written(Representable::Value(old))?),
            (None, false) => Bytes::new(),
        })
    }
}
