//! An API server without a network, whose time passes when everybody waits.

use std::sync::Arc;
use std::time::Duration;

use federation_apiserver::admission::Plugin;
use federation_apiserver::body::Parsed;
use federation_apiserver::builtin::{self, Profile};
use federation_apiserver::control::namespace_lifecycle::NamespaceLifecycle;
use federation_apiserver::definition::Definitions;
use federation_apiserver::request::{DeleteOptions, ListOptions, WriteOptions};
use federation_apiserver::resource::{Catalog, Resource};
use federation_apiserver::rest::{At, Caller, Rest};
use federation_apiserver::status::ApiError;
use revision_store::{MemoryStore, Store};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The core group's resource of this name, or that of another group's version `v1` (`plural.group`).
pub(crate) type Name<'a> = &'a str;

/// A store, and the verbs over it.
pub(crate) struct World {
    pub(crate) rest: Arc<Rest>,
    pub(crate) stop: CancellationToken,
}

impl World {
    /// All kinds, one namespace `a`, and no part that acts by itself.
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new()), |_| Vec::new()).await
    }

    /// The same on this store, with these plugins after the namespaces' own.
    pub(crate) async fn on(
        store: Arc<dyn Store>,
        plugins: impl FnOnce(&Arc<dyn Store>) -> Vec<Arc<dyn Plugin>>,
    ) -> Self {
        let catalog = Arc::new(Catalog::default());
        catalog.extend(builtin::resources(Profile::Member));
        let lifecycle: Arc<dyn Plugin> = Arc::new(NamespaceLifecycle::new(Arc::clone(&store)));
        let plugins = [lifecycle].into_iter().chain(plugins(&store)).collect();
        let world =
            Self { rest: Arc::new(Rest::new(store, catalog, plugins)), stop: CancellationToken::new() };
        world.create("namespaces", "", json!({"metadata": {"name": "a"}})).await.unwrap();
        world
    }

    pub(crate) fn resource(&self, name: Name<'_>) -> Arc<Resource> {
        let (plural, group) = name.split_once('.').unwrap_or((name, ""));
        self.rest.catalog().served().get(group, "v1", plural).cloned().unwrap()
    }

    pub(crate) async fn create(
        &self,
        kind: Name<'_>,
        namespace: &str,
        object: Value,
    ) -> Result<Value, ApiError> {
        let resource = self.resource(kind);
        let body = Parsed { value: object, duplicates: Vec::new() };
        let written = self
            .rest
            .create(at(&resource, namespace, ""), body, &WriteOptions::default(), &Caller::server("test"))
            .await?;
        Ok(written.object)
    }

    pub(crate) async fn get(&self, kind: Name<'_>, namespace: &str, name: &str) -> Option<Value> {
        let resource = self.resource(kind);
        let got = self.rest.get(at(&resource, namespace, name), &ListOptions::default()).await.ok()?;
        Some(got.into_value().unwrap())
    }

    /// The names of all objects of a kind in a namespace, or everywhere if it is empty.
    pub(crate) async fn names(&self, kind: Name<'_>, namespace: &str) -> Vec<String> {
        let resource = self.resource(kind);
        let listed = self.rest.list(at(&resource, namespace, ""), &ListOptions::default()).await.unwrap();
        let name = |object: Value| object["metadata"]["name"].as_str().unwrap().to_owned();
        listed.items.into_iter().map(|item| name(item.into_value().unwrap())).collect()
    }

    /// Changes an object; through a subresource if one is named (`plural/subresource`).
    pub(crate) async fn edit(
        &self,
        kind: Name<'_>,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Value {
        let (kind, subresource) = kind.split_once('/').map_or((kind, None), |(kind, sub)| (kind, Some(sub)));
        let mut object = self.get(kind, namespace, name).await.unwrap();
        change(&mut object);
        let resource = self.resource(kind);
        let body = Parsed { value: object, duplicates: Vec::new() };
        let at = At { subresource, ..at(&resource, namespace, name) };
        self.rest.update(at, body, &WriteOptions::default(), &Caller::server("test")).await.unwrap().object
    }

    /// Deletes an object with a policy (`Background`, `Foreground`, `Orphan`).
    pub(crate) async fn delete(
        &self,
        kind: Name<'_>,
        namespace: &str,
        name: &str,
        policy: &str,
    ) -> Result<(), ApiError> {
        let resource = self.resource(kind);
        let options =
            DeleteOptions { propagation_policy: Some(policy.to_owned()), ..DeleteOptions::default() };
        self.rest.delete(at(&resource, namespace, name), &options, &Caller::server("test")).await.map(|_| ())
    }

    /// Serves a namespaced kind `Widget` of `example.com`.
    pub(crate) async fn define_widgets(&self) {
        let names =
            json!({"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"});
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let version =
            json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}});
        let definition = json!({
            "metadata": {"name": "widgets.example.com"},
            "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
        });
        let kind = "customresourcedefinitions.apiextensions.k8s.io";
        let definitions = Definitions::new(Arc::clone(&self.rest), Arc::new(()));
        tokio::spawn(definitions.run(self.stop.clone()));
        self.create(kind, "", definition).await.unwrap();
        settle().await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Returns when nobody has anything left to do. (Time is paused: it passes when all tasks wait.)
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_secs(20)).await;
}

fn at<'a>(resource: &'a Resource, namespace: &'a str, name: &'a str) -> At<'a> {
    At { resource, namespace: Some(namespace).filter(|n| !n.is_empty()), name, subresource: None }
}
