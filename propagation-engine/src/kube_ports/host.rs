//! The federation's own API server, through kube's client.

use std::time::Duration;

use federation_model::{FederatedObject, ObjectKey};
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, Patch, PatchParams};
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use super::notices::Notices;
use super::versions::Versions;
use super::{events, within};
use crate::ports::{ApiFailure, Host, Notice, WatchEvent};
use crate::registry::NamespaceInfo;
use crate::version_record::VersionRecord;

/// The federation's own API server.
pub struct KubeHost {
    client: Client,
    /// Only objects of this namespace are seen (KubeFed's `Namespaced` scope); all when none.
    namespace: Option<String>,
    timeout: Duration,
    notices: Notices,
    versions: Versions,
}

impl KubeHost {
    /// The host behind a client. `timeout` bounds each write.
    pub fn new(client: Client, namespace: Option<String>, timeout: Duration) -> Self {
        Self {
            notices: Notices::start(client.clone()),
            versions: Versions::new(client.clone(), timeout),
            client,
            namespace,
            timeout,
        }
    }

    fn api(&self, ty: &ApiResource, namespace: Option<&str>) -> Api<FederatedObject> {
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, ty),
            None => Api::all_with(self.client.clone(), ty),
        }
    }
}

impl Host for KubeHost {
    fn watch(&self, ty: &ApiResource) -> BoxStream<'static, WatchEvent<FederatedObject>> {
        let api = self.api(ty, self.namespace.as_deref());
        events(watcher(api, watcher::Config::default().page_size(500)), |object| object)
    }

    fn has(&self, ty: &ApiResource, key: &ObjectKey) -> BoxFuture<'_, Result<bool, ApiFailure>> {
        let (api, name) = (self.api(ty, key.namespace.as_deref()), key.name.clone());
        async move { within(self.timeout, api.get_metadata_opt(&name)).await.map(|found| found.is_some()) }
            .boxed()
    }

    fn get(&self, ty: &ApiResource, key: &ObjectKey) -> BoxFuture<'_, Result<FederatedObject, ApiFailure>> {
        let (api, name) = (self.api(ty, key.namespace.as_deref()), key.name.clone());
        async move { within(self.timeout, api.get(&name)).await }.boxed()
    }

    fn namespace(&self, name: &str) -> BoxFuture<'_, Result<Option<NamespaceInfo>, ApiFailure>> {
        let (api, name) = (Api::<Namespace>::all(self.client.clone()), name.to_owned());
        async move {
            let found = within(self.timeout, api.get_metadata_opt(&name)).await?;
            Ok(found.map(|namespace| NamespaceInfo { labels: namespace.labels().clone() }))
        }
        .boxed()
    }

    fn patch(
        &self,
        ty: &ApiResource,
        key: &ObjectKey,
        patch: Value,
    ) -> BoxFuture<'_, Result<FederatedObject, ApiFailure>> {
        let (api, name) = (self.api(ty, key.namespace.as_deref()), key.name.clone());
        async move { within(self.timeout, api.patch(&name, &PatchParams::default(), &Patch::Merge(patch))).await }.boxed()
    }

    fn patch_status(
        &self,
        ty: &ApiResource,
        key: &ObjectKey,
        patch: Value,
    ) -> BoxFuture<'_, Result<FederatedObject, ApiFailure>> {
        let (api, name) = (self.api(ty, key.namespace.as_deref()), key.name.clone());
        async move {
            within(self.timeout, api.patch_status(&name, &PatchParams::default(), &Patch::Merge(patch))).await
        }
        .boxed()
    }

    fn versions(&self, namespaced: bool) -> BoxFuture<'_, Result<Vec<VersionRecord>, ApiFailure>> {
        self.versions.list(namespaced, self.namespace.as_deref()).boxed()
    }

    fn create_version(&self, record: VersionRecord) -> BoxFuture<'_, Result<(), ApiFailure>> {
        self.versions.create(record).boxed()
    }

    fn update_version(&self, record: VersionRecord) -> BoxFuture<'_, Result<(), ApiFailure>> {
        self.versions.update(record).boxed()
    }

    fn delete_version(&self, key: &ObjectKey) -> BoxFuture<'_, Result<(), ApiFailure>> {
        let key = key.clone();
        async move { self.versions.delete(&key).await }.boxed()
    }

    fn notice(&self, notice: Notice) {
        self.notices.take(notice);
    }
}
