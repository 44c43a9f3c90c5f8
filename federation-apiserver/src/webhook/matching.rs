//! Whether a webhook is to be called for a write, and in which version of the resource.

use std::sync::Arc;

use revision_store::Store;
use serde_json::{Map, Value};

use super::hook::Hook;
use super::rule::Subject;
use crate::admission::{Attributes, Operation};
use crate::resource::{Resource, Served};
use crate::rest::store_error;
use crate::status::{ApiError, GroupResource};

/// A write, as far as webhooks may ask for it.
pub(super) struct Asked<'a> {
    pub(super) operation: Operation,
    pub(super) resource: &'a Resource,
    pub(super) subresource: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

impl<'a> Asked<'a> {
    pub(super) fn of(write: &Attributes<'a>) -> Self {
        // A namespace is in itself.
        let own = Some(write.name).filter(|_| is_namespace(write.resource));
        Self {
            operation: write.operation,
            resource: write.resource,
            subresource: write.subresource.unwrap_or_default(),
            namespace: own.or(write.namespace).unwrap_or_default(),
            name: write.name,
        }
    }

    fn subject<'s>(&'s self, resource: &'s Resource) -> Subject<'s> {
        Subject {
            operation: self.operation.name(),
            group: &resource.group,
            version: &resource.version,
            resource: &resource.plural,
            subresource: self.subresource,
            namespace: self.namespace,
        }
    }

    /// The resource in the version in which the webhook wants it; `None` if it does not ask for the write.
    ///
    /// An equivalent version is one that has the same objects. It counts only where no rule names the request's own.
    fn version_for<'s>(&self, hook: &Hook, served: &'s Served) -> Option<&'s Resource>
    where
        'a: 's,
    {
        let own = self.subject(self.resource);
        if hook.rules.iter().any(|rule| rule.matches(&own)) {
            return Some(self.resource);
        }
        if !hook.equivalent {
            return None;
        }
        let others = || {
            served.iter().filter(|other| {
                other.key_prefix == self.resource.key_prefix
                    && other.api_version() != self.resource.api_version()
                    && (self.subresource.is_empty() || other.has_subresource(self.subresource))
            })
        };
        let found =
            hook.rules.iter().find_map(|rule| others().find(|other| rule.matches(&self.subject(other))));
        found.map(|other| &**other)
    }
}

/// Decides which webhooks are called.
pub(super) struct Matcher {
    store: Arc<dyn Store>,
}

impl Matcher {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The version of the resource in which the webhook is to be called, if it is.
    ///
    /// # Errors
    /// It cannot be decided, and the write is refused.
    pub(super) async fn version_for<'s, 'a: 's>(
        &self,
        hook: &Hook,
        asked: &Asked<'a>,
        served: &'s Served,
        object: &Value,
        old: Option<&Value>,
    ) -> Result<Option<&'s Resource>, ApiError> {
        let Some(version) = asked.version_for(hook, served) else { return Ok(None) };
        let (Some(namespaces), Some(objects)) = (&hook.namespaces, &hook.objects) else {
            return Err(ApiError::internal(format!(
                "webhook \"{}\": its selectors cannot be read",
                hook.name
            )));
        };
        if !objects.is_empty() {
            let selected = |object: &Value| object.is_object() && objects.matches(object);
            if !selected(object) && !old.is_some_and(selected) {
                return Ok(None);
            }
        }
        // What is in no namespace is always asked for.
        let exempt = asked.namespace.is_empty() && asked.resource.plural != "namespaces";
        if !exempt && !namespaces.is_empty() {
            let labels = self.namespace_labels(asked, object).await?;
            if !namespaces.matches_labels(labels.as_ref()) {
                return Ok(None);
            }
        }
        Ok(Some(version))
    }

    async fn namespace_labels(
        &self,
        asked: &Asked<'_>,
        object: &Value,
    ) -> Result<Option<Map<String, Value>>, ApiError> {
        let labels = |object: &Value| object["metadata"]["labels"].as_object().cloned();
        if is_namespace(asked.resource)
            && asked.subresource.is_empty()
            && asked.operation != Operation::Delete
        {
            return Ok(labels(object));
        }
        let key = format!("/registry/namespaces/{}", asked.namespace);
        let entry = self.store.get(&key, None).await.map_err(store_error)?.entry;
        let namespaces = GroupResource { group: "", resource: "namespaces" };
        let entry = entry.ok_or_else(|| ApiError::not_found(namespaces, asked.namespace))?;
        let namespace: Value = serde_json::from_slice(&entry.value).map_err(ApiError::internal)?;
        Ok(labels(&namespace))
    }
}

fn is_namespace(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.plural == "namespaces"
}
