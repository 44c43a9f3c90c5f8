//! What the engine knows of member clusters and of the host's namespaces: values, swapped whole.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use federation_model::{
    KubeFedCluster, NameTemplate, ObjectKey, TARGET_NAME_PLACEHOLDERS, TARGET_NAMESPACE_PLACEHOLDERS,
    annotation, label,
};
use kube::ResourceExt as _;
use tenancy::{Scope, ScopeKeys};

/// Identity of a member's API server: the uid of its `kube-system` namespace.
pub type ServerId = Arc<str>;

/// A member cluster as plans see it. Several, the cells of one cluster, may be one API server.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterInfo {
    /// Name of the `KubeFedCluster`.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its scope.
    pub scope: Scope,
    /// Whether its health checks say ready.
    pub ready: bool,
    /// Why it is not, for people; empty when it is.
    pub trouble: String,
    /// Its API server, once it was reached.
    pub server: Option<ServerId>,
    /// The cell that it stands for; empty when it stands for none.
    pub cell: String,
    /// How its objects' namespaces are named on the member; as on the host when none.
    pub target_namespace: Option<NameTemplate>,
    /// How its objects are named on the member; as on the host when none.
    pub target_name: Option<NameTemplate>,
}

impl ClusterInfo {
    /// What a `KubeFedCluster` says. With `cells` off, name templates are not read, and one that stands for a cell is
    /// not used: without its templates it would be another place.
    pub fn of(cluster: &KubeFedCluster, keys: &ScopeKeys, cells: bool) -> Self {
        let template = |key: &str, known: &[&str], required| {
            let text = cells.then(|| cluster.annotations().get(key)).flatten()?;
            NameTemplate::parse(text, known, required).ok()
        };
        let is_cell = cluster.labels().contains_key(label::CELL);
        let ready = cluster.is_ready() && (cells || !is_cell);
        let trouble = if ready {
            String::new()
        } else if is_cell && !cells {
            "it stands for a cell, and the feature gate Cells is off; turn it on, or take the cell out of placements"
                .to_owned()
        } else {
            ["ConfigMalformed", "Offline", "Ready"]
                .into_iter()
                .filter_map(|t| cluster.condition(t))
                .find_map(|c| c.message.clone())
                .unwrap_or_else(|| "it has not been checked yet".to_owned())
        };
        Self {
            name: cluster.name_any(),
            labels: cluster.labels().clone(),
            scope: keys.of_labels(cluster.labels()),
            ready,
            trouble,
            server: cluster.cluster_uid().map(Arc::from),
            cell: cluster.labels().get(label::CELL).cloned().unwrap_or_default(),
            target_namespace: template(
                annotation::TARGET_NAMESPACE,
                &TARGET_NAMESPACE_PLACEHOLDERS,
                "namespace",
            ),
            target_name: template(annotation::TARGET_NAME, &TARGET_NAME_PLACEHOLDERS, "name"),
        }
    }

    /// Whether its objects are named otherwise on the member than on the host.
    pub fn has_names_of_its_own(&self) -> bool {
        self.target_namespace.is_some() || self.target_name.is_some()
    }

    /// The name, on the member, of the object of a federated object. For namespaces, `namespaces` is set: their name is
    /// made as the namespaces of other objects are.
    pub fn target_key(&self, key: &ObjectKey, namespaced: bool, namespaces: bool) -> ObjectKey {
        if namespaces {
            return ObjectKey::cluster(self.render(self.target_namespace.as_ref(), &key.name));
        }
        let name = self.render(self.target_name.as_ref(), &key.name);
        match &key.namespace {
            Some(namespace) if namespaced => {
                ObjectKey::namespaced(self.render(self.target_namespace.as_ref(), namespace), name)
            }
            _ => ObjectKey::cluster(name),
        }
    }

    /// The federated object that an object on the member belongs to, if it is this cluster's at all.
    pub fn origin_key(&self, target: &ObjectKey, namespaces: bool) -> Option<ObjectKey> {
        if namespaces {
            let name = self.invert(self.target_namespace.as_ref(), &target.name, "namespace")?;
            return Some(ObjectKey::namespaced(name.clone(), name));
        }
        let name = self.invert(self.target_name.as_ref(), &target.name, "name")?;
        Some(match &target.namespace {
            Some(namespace) => ObjectKey::namespaced(
                self.invert(self.target_namespace.as_ref(), namespace, "namespace")?,
                name,
            ),
            None => ObjectKey::cluster(name),
        })
    }

    fn render(&self, template: Option<&NameTemplate>, name: &str) -> String {
        template.map_or_else(
            || name.to_owned(),
            |t| t.render(|p| if p == "cell" { self.cell.as_str() } else { name }),
        )
    }

    fn invert(&self, template: Option<&NameTemplate>, rendered: &str, wanted: &str) -> Option<String> {
        match template {
            None => Some(rendered.to_owned()),
            Some(t) => t.invert(rendered, wanted, |_| self.cell.as_str()).map(str::to_owned),
        }
    }
}

/// All member clusters, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Clusters {
    generation: u64,
    by_name: BTreeMap<String, Arc<ClusterInfo>>,
    by_server: HashMap<ServerId, Vec<Arc<ClusterInfo>>>,
    by_scope: HashMap<Scope, Vec<Arc<ClusterInfo>>>,
    renaming: HashMap<Scope, Vec<Arc<ClusterInfo>>>,
}

impl Clusters {
    /// The clusters with one put in, or, with `None`, taken out.
    #[must_use]
    pub fn with(&self, name: &str, cluster: Option<ClusterInfo>) -> Self {
        let mut by_name = self.by_name.clone();
        match cluster {
            Some(cluster) => by_name.insert(name.to_owned(), Arc::new(cluster)),
            None => by_name.remove(name),
        };
        let mut new = Self { generation: self.generation + 1, ..Self::default() };
        for cluster in by_name.values() {
            if let Some(server) = &cluster.server {
                new.by_server.entry(server.clone()).or_default().push(cluster.clone());
            }
            new.by_scope.entry(cluster.scope.clone()).or_default().push(cluster.clone());
            if cluster.has_names_of_its_own() {
                new.renaming.entry(cluster.scope.clone()).or_default().push(cluster.clone());
            }
        }
        new.by_name = by_name;
        new
    }

    /// Counts the changes that led here: what was worked out of one generation holds for that one.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Those that an object of a scope reaches; all without a scope.
    pub fn reached_by(&self, scope: Option<&Scope>) -> impl Iterator<Item = &Arc<ClusterInfo>> {
        of_scope(&self.by_scope, scope)
    }

    /// Those of them whose objects are named otherwise on the member than on the host.
    pub fn renaming(&self, scope: Option<&Scope>) -> impl Iterator<Item = &Arc<ClusterInfo>> {
        of_scope(&self.renaming, scope)
    }

    /// The cluster of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<ClusterInfo>> {
        self.by_name.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ClusterInfo>> {
        self.by_name.values()
    }

    /// Those of one API server, by name.
    pub fn on(&self, server: &str) -> &[Arc<ClusterInfo>] {
        self.by_server.get(server).map_or(&[], Vec::as_slice)
    }

    /// The API servers that are known.
    pub fn servers(&self) -> impl Iterator<Item = &ServerId> {
        self.by_server.keys()
    }
}

fn of_scope<'a>(
    clusters: &'a HashMap<Scope, Vec<Arc<ClusterInfo>>>,
    scope: Option<&Scope>,
) -> impl Iterator<Item = &'a Arc<ClusterInfo>> {
    let of_one = scope.filter(|scope| !scope.reaches_nothing()).and_then(|scope| clusters.get(scope));
    let of_all = scope.is_none().then(|| clusters.values().flatten());
    of_one.into_iter().flatten().chain(of_all.into_iter().flatten())
}

/// A namespace of the host, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamespaceInfo {
    /// Its labels: they hold the scope of its objects.
    pub labels: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(namespace: &str, name: &str) -> ClusterInfo {
        ClusterInfo {
            name: "rz00a.bank".to_owned(),
            labels: BTreeMap::new(),
            scope: Scope::Shared,
            ready: true,
            trouble: String::new(),
            server: None,
            cell: "rz00a".to_owned(),
            target_namespace: NameTemplate::parse(namespace, &TARGET_NAMESPACE_PLACEHOLDERS, "namespace")
                .ok(),
            target_name: NameTemplate::parse(name, &TARGET_NAME_PLACEHOLDERS, "name").ok(),
        }
    }

    #[test]
    fn without_the_gate_templates_are_not_read_and_cells_are_not_used() {
        let mut cluster = KubeFedCluster::new("m1", federation_model::KubeFedClusterSpec::default());
        let ready = serde_json::json!({"conditions": [{"type": "Ready", "status": "True", "lastProbeTime": "2026-01-01T00:00:00Z"}]});
        cluster.status = serde_json::from_value(ready).unwrap();
        cluster.annotations_mut().insert(annotation::TARGET_NAMESPACE.to_owned(), "x-{namespace}".to_owned());
        let of = |cluster: &KubeFedCluster, cells| ClusterInfo::of(cluster, &ScopeKeys::default(), cells);
        assert!(of(&cluster, true).target_namespace.is_some() && of(&cluster, true).ready);
        assert!(of(&cluster, false).target_namespace.is_none() && of(&cluster, false).ready);

        cluster.labels_mut().insert(label::CELL.to_owned(), "a".to_owned());
        assert!(of(&cluster, true).ready);
        let off = of(&cluster, false);
        assert!(!off.ready && off.trouble.contains("gate Cells is off"), "{}", off.trouble);
    }

    #[test]
    fn names_on_the_member_lead_back() {
        let cell = cell("{namespace}-{cell}", "{cell}.{name}");
        let key = ObjectKey::namespaced("bank", "web");
        let target = cell.target_key(&key, true, false);
        assert_eq!(target, ObjectKey::namespaced("bank-rz00a", "rz00a.web"));
        assert_eq!(cell.origin_key(&target, false), Some(key));
        assert_eq!(cell.origin_key(&ObjectKey::namespaced("bank", "web"), false), None);

        let namespace = ObjectKey::namespaced("bank", "bank");
        let target = cell.target_key(&namespace, false, true);
        assert_eq!(target, ObjectKey::cluster("bank-rz00a"));
        assert_eq!(cell.origin_key(&target, true), Some(namespace));
    }
}
