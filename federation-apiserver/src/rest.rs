//! The verbs of the API, over a store.

mod change;
mod collection;
mod create;
mod decode;
mod delete;
mod get;
mod list;
mod names;
mod page_token;
mod patch;
mod scale;
mod update;
mod watch;

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use revision_store::{Store, StoreError, WriteError};
use serde_json::Value;

use crate::admission::{Attributes, Plugin};
use crate::auth::User;
use crate::resource::{Catalog, Resource};
use crate::status::{ApiError, Reason};

pub(crate) use delete::{FOREGROUND, ORPHAN};
pub use get::Representable;
pub use list::Listed;
pub use patch::PatchType;
pub use scale::ScaleChange;
pub use watch::{Represent, WatchSettings, Watching};

/// Reads and writes objects. Clones are cheap by [`Arc`].
pub struct Rest {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) plugins: Vec<Arc<dyn Plugin>>,
    pub(crate) now: fn() -> jiff::Timestamp,
}

/// Who asks, and what they are to be told beside the answer.
pub struct Caller {
    /// Who.
    pub user: User,
    /// The client's name for itself.
    pub user_agent: String,
    warnings: Mutex<Vec<String>>,
}

impl Caller {
    /// A caller, to whom nothing has been said yet.
    pub fn new(user: User, user_agent: impl Into<String>) -> Self {
        Self { user, user_agent: user_agent.into(), warnings: Mutex::default() }
    }

    /// A part of the server itself.
    pub fn server(part: &str) -> Self {
        Self::new(User::new(format!("system:{part}"), [crate::auth::MASTERS]), part)
    }

    /// Tells the client something beside the answer.
    pub fn warn(&self, text: impl Into<String>) {
        self.warnings.lock().push(text.into());
    }

    /// What the client is to be told, each once.
    pub fn take_warnings(&self) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let all = std::mem::take(&mut *self.warnings.lock());
        all.into_iter().filter(|text| seen.insert(text.clone())).collect()
    }

    /// The name that owns fields which this caller writes: what it says, else the first part of its user agent, as
    /// kube-apiserver has it.
    pub(crate) fn manager(&self, said: Option<&str>) -> String {
        if let Some(name) = said {
            return name.to_owned();
        }
        let first = self.user_agent.split('/').next().unwrap_or_default();
        first.chars().filter(|c| !c.is_control()).take(128).collect()
    }
}

/// Where a request goes: a resource, a namespace and, but for collections, an object.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// The resource, in the version of the request.
    pub resource: &'a Resource,
    /// The namespace; absent at cluster scope and across namespaces.
    pub namespace: Option<&'a str>,
    /// The object; empty for a collection.
    pub name: &'a str,
    /// The part of the object.
    pub subresource: Option<&'a str>,
}

impl At<'_> {
    fn key(&self) -> String {
        self.resource.key(self.namespace, self.name)
    }
}

/// An object as the answer to a write.
pub struct Written {
    /// The HTTP status code.
    pub code: u16,
    /// The object, or a `Status`.
    pub object: Value,
}

impl Rest {
    /// The verbs over a store and a catalog, with plugins in the order in which they have their say.
    pub fn new(store: Arc<dyn Store>, catalog: Arc<Catalog>, plugins: Vec<Arc<dyn Plugin>>) -> Self {
        Self { store, catalog, plugins, now: jiff::Timestamp::now }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What is served.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// What is said to a write that is refused reaches the client too.
    async fn admit(&self, write: &mut Attributes<'_>, caller: &Caller) -> Result<(), ApiError> {
        for plugin in &self.plugins {
            let admitted = plugin.admit(write).await;
            write.warnings.drain(..).for_each(|text| caller.warn(text));
            admitted?;
        }
        Ok(())
    }

    async fn validate(&self, write: &mut Attributes<'_>, caller: &Caller) -> Result<(), ApiError> {
        for plugin in &self.plugins {
            let validated = plugin.validate(write).await;
            write.warnings.drain(..).for_each(|text| caller.warn(text));
            validated?;
        }
        Ok(())
    }
}

/// The stored form of an object that is in the storage version and has no resource version: compact JSON.
fn encode(object: &Value) -> Result<Bytes, ApiError> {
    serde_json::to_vec(object).map(Bytes::from).map_err(ApiError::internal)
}

/// What a client is told when the store fails.
pub(crate) fn store_error(error: StoreError) -> ApiError {
    match error {
        StoreError::Compacted { .. } => {
            ApiError::expired("The resourceVersion for the provided list is too old.")
        }
        // Neither a success nor a failure to be tried again blindly.
        unknown @ StoreError::Unknown { .. } => {
            tracing::error!(error = %unknown, "the outcome of a write is unknown");
            ApiError::internal(unknown)
        }
        other => {
            tracing::error!(error = %other, "the store failed");
            ApiError::new(Reason::ServiceUnavailable, format!("the data store failed: {other}"))
                .retry_after(1)
        }
    }
}

/// What a client is told when a write fails for another reason than the object's version.
fn write_error(error: WriteError, at: &At<'_>) -> ApiError {
    match error {
        WriteError::Exists { .. } => ApiError::already_exists(at.resource.group_resource(), at.name),
        WriteError::Conflict { current: Some(_) } => {
            ApiError::modified(at.resource.group_resource(), at.name)
        }
        WriteError::Conflict { current: None } => ApiError::not_found(at.resource.group_resource(), at.name),
        WriteError::Store(error) => store_error(error),
        other => ApiError::new(Reason::RequestEntityTooLarge, other.to_string()),
    }
}
