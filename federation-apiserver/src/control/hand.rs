//! Reads and writes of the server's own parts.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use serde_json::Value;

use crate::body::Parsed;
use crate::object;
use crate::request::{DeleteOptions, ListOptions, WriteOptions};
use crate::resource::Resource;
use crate::rest::{At, Caller, Rest};
use crate::status::ApiError;

/// How often a change is tried again when others write at the same time.
const ATTEMPTS: usize = 8;
/// How many objects of a collection are deleted at once.
const AT_ONCE: usize = 16;

/// What one part of the server does to objects, under its name.
#[derive(Clone)]
pub(super) struct Hand {
    rest: Arc<Rest>,
    part: &'static str,
}

impl Hand {
    pub(super) fn new(rest: Arc<Rest>, part: &'static str) -> Self {
        Self { rest, part }
    }

    pub(super) fn rest(&self) -> &Arc<Rest> {
        &self.rest
    }

    /// The time.
    pub(super) fn now(&self) -> jiff::Timestamp {
        (self.rest.now)()
    }

    /// A resource that is served.
    pub(super) fn resource(
        &self,
        group: &str,
        version: &str,
        plural: &str,
    ) -> Result<Arc<Resource>, ApiError> {
        self.rest.catalog().served().get(group, version, plural).cloned().ok_or_else(ApiError::no_such_path)
    }

    /// The object as it is now, if it is there.
    pub(super) async fn get(&self, at: At<'_>) -> Result<Option<Value>, ApiError> {
        match self.rest.get(at, &ListOptions::default()).await {
            Ok(object) => object.into_value().map(Some),
            Err(error) if error.code() == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes an object; that there is one already is told by `false`.
    pub(super) async fn create(&self, at: At<'_>, object: Value) -> Result<bool, ApiError> {
        let body = Parsed { value: object, duplicates: Vec::new() };
        let at = At { name: "", ..at };
        match Box::pin(self.rest.create(at, body, &WriteOptions::default(), &Caller::server(self.part))).await
        {
            Ok(_) => Ok(true),
            Err(error) if error.reason() == "AlreadyExists" => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Changes an object as it is now, again when others were quicker; nothing is written if `change` says that
    /// nothing is to be. The object after that, or `None` where it is not there or not there any more.
    pub(super) async fn edit(
        &self,
        at: At<'_>,
        mut change: impl FnMut(&mut Value) -> bool + Send,
    ) -> Result<Option<Value>, ApiError> {
        let whole = At { subresource: None, ..at };
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let Some(mut object) = self.get(whole).await? else { return Ok(None) };
            if !change(&mut object) {
                return Ok(Some(object));
            }
            let body = Parsed { value: object, duplicates: Vec::new() };
            let caller = Caller::server(self.part);
            match Box::pin(self.rest.update(at, body, &WriteOptions::default(), &caller)).await {
                Ok(written) => return Ok(Some(written.object)),
                Err(error) if error.code() == 404 => return Ok(None),
                Err(error) if error.reason() == "Conflict" => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| ApiError::modified(at.resource.group_resource(), at.name)))
    }

    /// Deletes an object; one that is not there is as good as deleted.
    pub(super) async fn delete(&self, at: At<'_>, options: &DeleteOptions) -> Result<(), ApiError> {
        match Box::pin(self.rest.delete(at, options, &Caller::server(self.part))).await {
            Err(error) if error.code() != 404 => Err(error),
            _ => Ok(()),
        }
    }

    /// Deletes everything in a collection, its dependents in the background; many objects at once, so that the store
    /// can make their deletions durable together. One that cannot be deleted does not keep the others.
    pub(super) async fn delete_all(&self, collection: At<'_>) -> Result<(), ApiError> {
        let background =
            DeleteOptions { propagation_policy: Some("Background".to_owned()), ..DeleteOptions::default() };
        let background = &background;
        let listed = self.rest.list(collection, &ListOptions::default()).await?;
        let deleted: Vec<Result<(), ApiError>> = stream::iter(listed.items)
            .map(|item| async move {
                let object = item.into_value()?;
                let namespace = collection.resource.namespaced.then(|| object::namespace(&object));
                self.delete(At { name: object::name(&object), namespace, ..collection }, background).await
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        deleted.into_iter().collect()
    }
}
