//! `PropagatedVersion`s and `ClusterPropagatedVersion`s, through kube's client.

use std::time::Duration;

use federation_model::{ClusterPropagatedVersion, ObjectKey, PropagatedVersion, PropagatedVersionStatus};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use serde_json::json;

use super::within;
use crate::ports::ApiFailure;
use crate::version_record::VersionRecord;

/// Records of one page of a list.
const PAGE: u32 = 500;

/// The records on the host. `limit` bounds each request.
pub(crate) struct Versions {
    client: Client,
    limit: Duration,
}

impl Versions {
    pub(crate) fn new(client: Client, limit: Duration) -> Self {
        Self { client, limit }
    }

    /// All of them, or, of the namespaced ones, those of one namespace.
    pub(crate) async fn list(
        &self,
        namespaced: bool,
        namespace: Option<&str>,
    ) -> Result<Vec<VersionRecord>, ApiFailure> {
        let ty = resource(namespaced);
        let api: Api<DynamicObject> = match namespace.filter(|_| namespaced) {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &ty),
            None => Api::all_with(self.client.clone(), &ty),
        };
        let mut params = ListParams::default().limit(PAGE);
        let mut records = Vec::new();
        loop {
            let page = within(self.limit, api.list(&params)).await?;
            records.extend(page.items.into_iter().map(record));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(records),
            }
        }
    }

    /// Two writes: a create leaves out the status, which is a subresource.
    pub(crate) async fn create(&self, record: VersionRecord) -> Result<(), ApiFailure> {
        let (api, ty) = self.api(&record.key);
        let mut object = DynamicObject::new(&record.key.name, &ty);
        object.metadata.owner_references = record.owner.clone().map(|owner| vec![owner]);
        match within(self.limit, api.create(&PostParams::default(), &object)).await {
            // One that was left over, or that was made between our list and now.
            Err(failure) if failure.is_already_exists() => {
                let patch = json!({"metadata": {"ownerReferences": object.metadata.owner_references}});
                let params = PatchParams::default();
                within(self.limit, api.patch(&record.key.name, &params, &Patch::Merge(patch))).await?;
            }
            other => drop(other?),
        }
        self.update(record).await
    }

    pub(crate) async fn update(&self, record: VersionRecord) -> Result<(), ApiFailure> {
        let (api, _) = self.api(&record.key);
        let PropagatedVersionStatus { template_version, overrides_version, cluster_versions } = record.status;
        // The list is replaced whole, so an empty one is said.
        let patch = json!({"status": {
            "templateVersion": template_version,
            "overridesVersion": overrides_version,
            "clusterVersions": cluster_versions,
        }});
        let params = PatchParams::default();
        within(self.limit, api.patch_status(&record.key.name, &params, &Patch::Merge(patch))).await.map(drop)
    }

    pub(crate) async fn delete(&self, key: &ObjectKey) -> Result<(), ApiFailure> {
        let (api, _) = self.api(key);
        within(self.limit, api.delete(&key.name, &DeleteParams::default())).await.map(drop)
    }

    fn api(&self, key: &ObjectKey) -> (Api<DynamicObject>, ApiResource) {
        let ty = resource(key.namespace.is_some());
        let api = match &key.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &ty),
            None => Api::all_with(self.client.clone(), &ty),
        };
        (api, ty)
    }
}

fn resource(namespaced: bool) -> ApiResource {
    if namespaced {
        ApiResource::erase::<PropagatedVersion>(&())
    } else {
        ApiResource::erase::<ClusterPropagatedVersion>(&())
    }
}

/// A record that has no status yet, or one that cannot be read, tells nothing.
fn record(object: DynamicObject) -> VersionRecord {
    let status = object.data.get("status").cloned().unwrap_or_default();
    VersionRecord {
        key: ObjectKey::of(&object.metadata),
        owner: object.metadata.owner_references.and_then(|owners| owners.into_iter().next()),
        status: serde_json::from_value(status).unwrap_or_default(),
    }
}
