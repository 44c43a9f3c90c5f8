//! What is on a cluster: one rule, for `fedd unjoin` and for the deletion of cells.
//!
//! It is the engine's own: an object is on a cluster that its placement, its namespace's placement and its scope select
//! together, or that its status names, since it is, or may still be, there.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use federation_model::{
    Feature, FederatedObject, FederatedTypeConfig, KubeFedCluster, ObjectKey, Scope, Settings,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube::{Client, ResourceExt as _};
use propagation_engine::entry::Entry;
use propagation_engine::registry::ClusterInfo;
use propagation_engine::selection::{NamespaceGate, Selection};
use tenancy::{Labels, ScopeKeys};

use crate::pages;

/// The keys of the scope labels.
pub fn scope_keys(settings: &Settings) -> ScopeKeys {
    ScopeKeys {
        tenant: settings.tenant_label.clone(),
        workspace_group: settings.workspace_group_label.clone(),
    }
}

/// A federated object that is on a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub key: ObjectKey,
}

/// The federated objects on a cluster, at most `most`; all of the federation's, or those of one namespace.
///
/// # Errors
/// Something cannot be listed. A type whose definition is gone has no objects.
pub async fn on_cluster(
    client: &Client,
    types: &[FederatedTypeConfig],
    settings: &Settings,
    cluster: &KubeFedCluster,
    namespace: Option<&str>,
    most: usize,
) -> kube::Result<Vec<Placed>> {
    let of = |config: &FederatedTypeConfig| -> Api<FederatedObject> {
        let ty = config.spec.federated_type.api_resource();
        match namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &ty),
            None => Api::all_with(client.clone(), &ty),
        }
    };
    let mut surroundings = Surroundings::of(settings, cluster);
    surroundings.namespaces = labels_of_namespaces(client, namespace).await?;
    if let Some(config) = types.iter().find(|c| c.is_namespaces()) {
        surroundings.federate(pages::all(&of(config)).await?);
    }
    let mut placed = Vec::new();
    for config in types.iter().filter(|c| namespace.is_none() || c.is_federated_namespaced()) {
        pages::for_each(&of(config), |object| {
            let key = ObjectKey::of(&object.metadata);
            if surroundings.is_on(config, object) {
                placed.push(Placed { kind: config.spec.federated_type.kind.clone(), key });
            }
            if placed.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .await?;
        if placed.len() >= most {
            break;
        }
    }
    Ok(placed)
}

async fn labels_of_namespaces(client: &Client, one: Option<&str>) -> kube::Result<BTreeMap<String, Labels>> {
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
    let found = match one {
        Some(name) => api.get_opt(name).await?.into_iter().collect(),
        None => pages::all(&api).await?,
    };
    Ok(found.into_iter().map(|n| (n.name_any(), n.labels().clone())).collect())
}

/// What decides where objects go, besides themselves.
struct Surroundings<'a> {
    settings: &'a Settings,
    keys: ScopeKeys,
    cluster: ClusterInfo,
    namespaces: BTreeMap<String, Labels>,
    federated_namespaces: BTreeMap<String, Arc<Entry>>,
}

impl<'a> Surroundings<'a> {
    fn of(settings: &'a Settings, cluster: &KubeFedCluster) -> Self {
        let keys = scope_keys(settings);
        Self {
            settings,
            cluster: ClusterInfo::of(cluster, &keys, settings.gates.is_on(Feature::Cells)),
            keys,
            namespaces: BTreeMap::new(),
            federated_namespaces: BTreeMap::new(),
        }
    }

    /// Takes the federated namespaces in. One counts if it is named as its namespace.
    fn federate(&mut self, objects: Vec<FederatedObject>) {
        let counts =
            |entry: &Entry| !entry.is_deleting() && entry.key.namespace.as_ref() == Some(&entry.key.name);
        let entries = objects.into_iter().map(|object| self.entry(object)).filter(|entry| counts(entry));
        self.federated_namespaces = entries.map(|entry| (entry.key.name.clone(), entry)).collect();
    }

    /// An object, without what is large in it and places nothing.
    fn entry(&self, mut object: FederatedObject) -> Arc<Entry> {
        object.spec.template = None;
        object.spec.overrides = None;
        Entry::new(object, &self.settings.gates)
    }

    fn is_on(&self, config: &FederatedTypeConfig, object: FederatedObject) -> bool {
        let named = object.status.iter().flat_map(|s| &s.clusters).any(|c| c.name == self.cluster.name);
        named || self.selection(config, object).selects(&self.cluster)
    }

    fn selection(&self, config: &FederatedTypeConfig, object: FederatedObject) -> Selection {
        let entry = self.entry(object);
        let namespace = entry.key.namespace.as_deref();
        let is_gated = !config.is_namespaces() && config.spec.target_type.scope == Scope::Namespaced;
        let federated = namespace.and_then(|name| self.federated_namespaces.get(name));
        let gate = match (federated, self.settings.scope) {
            _ if !is_gated => NamespaceGate::Open,
            (Some(federated), _) => NamespaceGate::Placed(federated.clone()),
            (None, Scope::Cluster) => NamespaceGate::NotFederated,
            (None, Scope::Namespaced) => NamespaceGate::Open,
        };
        let scope = self.settings.gates.is_on(Feature::TenantIsolation).then(|| {
            let own = entry.object.metadata.labels.clone().unwrap_or_default();
            match namespace.map(|name| self.namespaces.get(name)) {
                None => self.keys.of_object(&own, None),
                Some(Some(labels)) => self.keys.of_object(&own, Some(labels)),
                // It was made after the namespaces were listed.
                Some(None) => tenancy::Scope::Incomplete,
            }
        });
        Selection { entry, gate, scope }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_model::{KubeFedClusterSpec, default_types, type_config};
    use serde_json::{Value, json};

    fn object(placement: Value) -> Value {
        json!({"metadata": {"name": "o", "namespace": "shop"}, "spec": {"template": {}, "placement": placement}})
    }

    fn by_name(name: &str) -> Value {
        object(json!({"clusters": [{"name": name}]}))
    }

    fn by_label(zone: &str) -> Value {
        object(json!({"clusterSelector": {"matchLabels": {"zone": zone}}}))
    }

    struct Case {
        settings: Settings,
        cluster_labels: Value,
        namespace_labels: Value,
        /// Where the namespace is placed; none when it is not federated.
        namespace: Option<Value>,
    }

    impl Default for Case {
        fn default() -> Self {
            Self {
                settings: Settings::default(),
                cluster_labels: json!({"zone": "a"}),
                namespace_labels: json!({}),
                namespace: Some(json!({"clusterSelector": {}})),
            }
        }
    }

    impl Case {
        fn is_on(&self, kind: &str, object: Value) -> bool {
            let mut cluster = KubeFedCluster::new("c", KubeFedClusterSpec::default());
            cluster.metadata.labels = serde_json::from_value(self.cluster_labels.clone()).unwrap();
            let mut surroundings = Surroundings::of(&self.settings, &cluster);
            let labels = serde_json::from_value(self.namespace_labels.clone()).unwrap();
            surroundings.namespaces = BTreeMap::from([("shop".to_owned(), labels)]);
            let federated = self.namespace.clone().map(|placement| {
                json!({"metadata": {"name": "shop", "namespace": "shop"}, "spec": {"placement": placement}})
            });
            surroundings
                .federate(federated.into_iter().map(|f| serde_json::from_value(f).unwrap()).collect());
            let ty = default_types().into_iter().find(|t| t.target.kind == kind).unwrap();
            surroundings.is_on(&type_config(&ty.target, "fed"), serde_json::from_value(object).unwrap())
        }
    }

    #[test]
    fn an_object_is_where_it_is_placed_or_says_that_it_is() {
        let case = Case::default();
        assert!(case.is_on("ConfigMap", by_name("c")));
        assert!(!case.is_on("ConfigMap", by_name("d")));
        assert!(case.is_on("ConfigMap", by_label("a")));
        assert!(!case.is_on("ConfigMap", by_label("b")));
        let mut left = by_name("d");
        left["status"] = json!({"clusters": [{"name": "c", "status": "WaitingForRemoval"}]});
        assert!(case.is_on("ConfigMap", left));
    }

    #[test]
    fn its_namespace_must_be_placed_there_too() {
        let elsewhere = Case { namespace: Some(json!({"clusters": [{"name": "d"}]})), ..Case::default() };
        let nowhere = Case { namespace: None, ..Case::default() };
        for case in [&elsewhere, &nowhere] {
            assert!(!case.is_on("ConfigMap", by_name("c")));
            // What has no namespace on the members needs none.
            assert!(
                case.is_on("ClusterRole", json!({"metadata": {"name": "o"}, "spec": by_name("c")["spec"]}))
            );
            let mut held = by_name("c");
            held["status"] = json!({"clusters": [{"name": "c"}]});
            assert!(case.is_on("ConfigMap", held), "a copy may be left from before");
        }
        // A federation of one namespace asks for no FederatedNamespace, and goes by one that is there.
        let of_one_namespace = Settings { scope: Scope::Namespaced, ..Settings::default() };
        assert!(Case { settings: of_one_namespace.clone(), ..nowhere }.is_on("ConfigMap", by_name("c")));
        assert!(!Case { settings: of_one_namespace, ..elsewhere }.is_on("ConfigMap", by_name("c")));
    }

    #[test]
    fn scopes_part_what_selectors_do_not() {
        let bank = json!({"fedd.io/tenant": "bank", "fedd.io/workspace-group": "prod"});
        let everywhere = || object(json!({"clusterSelector": {}}));
        let theirs = Case { cluster_labels: bank.clone(), ..Case::default() };
        assert!(
            !theirs.is_on("ConfigMap", everywhere()),
            "a shared object does not reach a tenant's cluster"
        );
        assert!(Case { namespace_labels: bank.clone(), ..theirs }.is_on("ConfigMap", everywhere()));
        let mut settings = Settings::default();
        settings.gates = settings.gates.with(Feature::TenantIsolation, false);
        let without_scopes = Case { settings, cluster_labels: bank, ..Case::default() };
        assert!(without_scopes.is_on("ConfigMap", everywhere()));
    }
}
