//! A member's API server, through kube's client.

use std::borrow::Cow;
use std::collections::BTreeSet;

use federation_model::{ObjectKey, label};
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::{Namespace, Node};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use kube::api::{Api, ListParams, PostParams, Request};
use kube::core::{ApiResource, DynamicResourceScope, ObjectMeta};
use kube::runtime::watcher;
use kube::{Client, Resource};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::connect::Timeouts;
use super::{events, within};
use crate::observed::Observed;
use crate::ports::{ApiFailure, FIELD_MANAGER, Member, NamedObserved, Probe, WatchEvent};
use crate::retain::RetainedKind;

/// Access to a member with one set of credentials.
#[derive(Clone)]
pub struct KubeMember {
    client: Client,
    timeouts: Timeouts,
    /// The only namespace whose objects are watched; all when none.
    namespace: Option<String>,
}

impl KubeMember {
    /// Access through a client.
    pub fn new(client: Client, timeouts: Timeouts) -> Self {
        Self { client, timeouts, namespace: None }
    }

    /// The client, for what the engine itself does not ask.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The same access, whose watches ask for the objects of this namespace only, and of namespaces for this one only:
    /// its credentials need no more (KubeFed's `Namespaced` scope).
    #[must_use]
    pub fn within_namespace(self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self }
    }

    /// Sends an object as `written`, and reads the stored one back, as `ty`: what is kept of it is compared with what
    /// the watch of `ty` tells.
    fn send<'a>(
        &'a self,
        ty: &ApiResource,
        written: Cow<'_, ApiResource>,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> BoxFuture<'a, Result<NamedObserved, ApiFailure>> {
        let kind = RetainedKind::of(&ty.group, &ty.kind);
        let other = (written.version != ty.version).then(|| (ty.clone(), written.into_owned()));
        async move {
            let request = request.map_err(|e| ApiFailure::Unreachable(e.to_string()))?;
            let answer = within(self.timeouts.request, self.client.request(request)).await;
            let Some((ty, written)) = other else { return Ok(named(&kind, answer?)) };
            let stored = named(&kind, answer.map_err(|failure| naming(&written, failure))?);
            // An object that moved on meanwhile is not the one that was written: then the answer is what is known.
            match self.get(&ty, &stored.key).await.map(|object| named(&kind, object)) {
                Ok(same) if same.observed.resource_version == stored.observed.resource_version => Ok(same),
                _ => Ok(stored),
            }
        }
        .boxed()
    }
}

/// The type in the version that an object is written in: a template may name another one of the type's group.
fn written_as<'a>(ty: &'a ApiResource, object: &Value) -> Cow<'a, ApiResource> {
    let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if group != ty.group || version == ty.version || version.is_empty() {
        return Cow::Borrowed(ty);
    }
    Cow::Owned(ApiResource { version: version.to_owned(), api_version: api_version.to_owned(), ..ty.clone() })
}

/// A 404 may mean that the member does not serve that version, and does not say which it was asked for.
fn naming(written: &ApiResource, failure: ApiFailure) -> ApiFailure {
    match failure {
        ApiFailure::Refused { code: 404, reason, message } => {
            let message = format!("{message} (asked for {}, which spec.template names)", written.api_version);
            ApiFailure::Refused { code: 404, reason, message }
        }
        other => other,
    }
}

fn url(ty: &ApiResource, namespace: Option<&str>) -> Request {
    Request::new(MemberObject::url_path(ty, namespace))
}

fn post_params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

fn encode(object: &Value) -> Vec<u8> {
    serde_json::to_vec(object).unwrap_or_default() // a Value is always JSON
}

fn named(kind: &RetainedKind, object: Value) -> NamedObserved {
    let text = |field: &str| object.pointer(field).and_then(Value::as_str).map(str::to_owned);
    let key = ObjectKey {
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name").unwrap_or_default(),
    };
    NamedObserved { key, observed: Observed::of(kind, object) }
}

impl Member for KubeMember {
    fn create(&self, ty: &ApiResource, object: Value) -> BoxFuture<'_, Result<NamedObserved, ApiFailure>> {
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
        let written = written_as(ty, &object);
        let request = url(&written, namespace).create(&post_params(), encode(&object));
        self.send(ty, written, request)
    }

    fn update(
        &self,
        ty: &ApiResource,
        key: &ObjectKey,
        object: Value,
    ) -> BoxFuture<'_, Result<NamedObserved, ApiFailure>> {
        let written = written_as(ty, &object);
        let request =
            url(&written, key.namespace.as_deref()).replace(&key.name, &post_params(), encode(&object));
        self.send(ty, written, request)
    }

    fn get(&self, ty: &ApiResource, key: &ObjectKey) -> BoxFuture<'_, Result<Value, ApiFailure>> {
        let request = url(ty, key.namespace.as_deref()).get(&key.name, &kube::api::GetParams::default());
        async move {
            let request = request.map_err(|e| ApiFailure::Unreachable(e.to_string()))?;
            within(self.timeouts.request, self.client.request(request)).await
        }
        .boxed()
    }

    fn delete(
        &self,
        ty: &ApiResource,
        key: &ObjectKey,
        options: DeleteOptions,
    ) -> BoxFuture<'_, Result<(), ApiFailure>> {
        let path = format!("{}/{}", MemberObject::url_path(ty, key.namespace.as_deref()), key.name);
        async move {
            let body = serde_json::to_vec(&options).unwrap_or_default();
            let request = http::Request::delete(path)
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body)
                .map_err(|e| ApiFailure::Unreachable(e.to_string()))?;
            within(self.timeouts.request, self.client.request_text(request)).await.map(drop)
        }
        .boxed()
    }

    fn remove_label(&self, ty: &ApiResource, key: &ObjectKey) -> BoxFuture<'_, Result<(), ApiFailure>> {
        let patch = json!({"metadata": {"labels": {label::MANAGED: null}}});
        let request = url(ty, key.namespace.as_deref()).patch(
            &key.name,
            &kube::api::PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() },
            &kube::api::Patch::Merge(&patch),
        );
        async move {
            let request = request.map_err(|e| ApiFailure::Unreachable(e.to_string()))?;
            within(self.timeouts.request, self.client.request_text(request)).await.map(drop)
        }
        .boxed()
    }

    fn watch(&self, ty: &ApiResource) -> BoxStream<'static, WatchEvent<NamedObserved>> {
        let kind = RetainedKind::of(&ty.group, &ty.kind);
        let config = watcher::Config::default().labels(&format!("{}=true", label::MANAGED)).page_size(PAGE);
        let (api, config): (Api<MemberObject>, _) = match &self.namespace {
            None => (Api::all_with(self.client.clone(), ty), config),
            // The only type without a namespace that a control plane of one namespace has.
            Some(name) if ty.group.is_empty() && ty.plural == "namespaces" => {
                (Api::all_with(self.client.clone(), ty), config.fields(&format!("metadata.name={name}")))
            }
            Some(name) => (Api::namespaced_with(self.client.clone(), name, ty), config),
        };
        events(watcher(api, config), move |object| {
            let key = ObjectKey::of(&object.metadata);
            NamedObserved { key, observed: Observed::of(&kind, object.object) }
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<Probe, ApiFailure>> {
        async move {
            let get = |path: &str| {
                http::Request::get(path).body(Vec::new()).map_err(|e| ApiFailure::Unreachable(e.to_string()))
            };
            // One time-out for the whole check: that is how long a check may take.
            let checks = async {
                let healthz = self.client.request_text(get("/healthz").map_err(build)?).await?;
                if !healthz.eq_ignore_ascii_case("ok") {
                    return Ok(Probe { healthz, ..Probe::default() });
                }
                let version: Value = self.client.request(get("/version").map_err(build)?).await?;
                let version = version.get("gitVersion").and_then(Value::as_str).map(str::to_owned);
                let system: Namespace = Api::all(self.client.clone()).get("kube-system").await?;
                // A credential that may not list nodes is no reason to call a member unhealthy.
                let nodes = Api::<Node>::all(self.client.clone())
                    .list_metadata(&ListParams::default().limit(NODES))
                    .await;
                let (region, zones) = nodes.map(|n| places(&n.items)).unwrap_or_default();
                Ok(Probe { healthz, version, cluster_uid: system.metadata.uid, region, zones })
            };
            within(self.timeouts.probe, checks).await
        }
        .boxed()
    }
}

/// Objects of one page of a list: bounds the memory of a list that is being read.
const PAGE: u32 = 500;
/// Nodes whose region and zones are read: enough to see every zone of a cluster, and a bounded list.
const NODES: u32 = 500;

fn build(failure: ApiFailure) -> kube::Error {
    kube::Error::Service(failure.to_string().into())
}

/// Region (the first by name, as a cluster has one) and zones of nodes.
fn places<K: Resource>(nodes: &[K]) -> (Option<String>, Vec<String>) {
    let of = |key: &str| -> BTreeSet<String> {
        nodes.iter().filter_map(|n| n.meta().labels.as_ref()?.get(key).cloned()).collect()
    };
    let region = of("topology.kubernetes.io/region").into_iter().next();
    (region, of("topology.kubernetes.io/zone").into_iter().collect())
}

/// Any object of a member: its metadata for the watch, and all of it for [`Observed::of`], which drops most.
#[derive(Clone, Debug)]
struct MemberObject {
    metadata: ObjectMeta,
    object: Value,
}

impl<'de> Deserialize<'de> for MemberObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        let text = |field: &str| object.pointer(field).and_then(Value::as_str).map(str::to_owned);
        // The watch needs no more of the metadata than this.
        let metadata = ObjectMeta {
            name: text("/metadata/name"),
            namespace: text("/metadata/namespace"),
            resource_version: text("/metadata/resourceVersion"),
            // The end of a streamed list is told by an annotation of a bookmark.
            annotations: object
                .pointer("/metadata/annotations")
                .and_then(|a| Deserialize::deserialize(a).ok()),
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, object })
    }
}

impl Resource for MemberObject {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;
    fn kind(dt: &ApiResource) -> Cow<'_, str> {
        dt.kind.as_str().into()
    }
    fn group(dt: &ApiResource) -> Cow<'_, str> {
        dt.group.as_str().into()
    }
    fn version(dt: &ApiResource) -> Cow<'_, str> {
        dt.version.as_str().into()
    }
    fn plural(dt: &ApiResource) -> Cow<'_, str> {
        dt.plural.as_str().into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_sent_to_the_url_of_the_version_that_it_is_written_in() {
        let ty = |api_version: &str| {
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            ApiResource {
                group: group.to_owned(),
                version: version.to_owned(),
                api_version: api_version.to_owned(),
                kind: "HorizontalPodAutoscaler".to_owned(),
                plural: "horizontalpodautoscalers".to_owned(),
            }
        };
        let sent_to = |type_: &str, object: &str| {
            let ty = ty(type_);
            MemberObject::url_path(&*written_as(&ty, &json!({"apiVersion": object})), Some("bank"))
        };
        let path = "namespaces/bank/horizontalpodautoscalers";
        assert_eq!(sent_to("autoscaling/v2", "autoscaling/v2"), format!("/apis/autoscaling/v2/{path}"));
        assert_eq!(sent_to("autoscaling/v2", "autoscaling/v1"), format!("/apis/autoscaling/v1/{path}"));
        assert_eq!(sent_to("v1", "v2"), format!("/api/v2/{path}"));
        // Never to another group, whatever the object says: such an object is not rendered in the first place.
        assert_eq!(sent_to("autoscaling/v2", "v1"), format!("/apis/autoscaling/v2/{path}"));
        assert_eq!(sent_to("autoscaling/v2", ""), format!("/apis/autoscaling/v2/{path}"));
    }

    #[test]
    fn a_version_that_is_not_served_is_named() {
        let ty = ApiResource::erase::<Namespace>(&());
        let not_found =
            ApiFailure::Refused { code: 404, reason: String::new(), message: "not found".to_owned() };
        assert_eq!(naming(&ty, not_found).to_string(), "not found (asked for v1, which spec.template names)");
    }
}
