//! From labels to scopes and back.

use std::collections::BTreeMap;

use crate::scope::{Pair, Scope};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// Default key of the tenant's label.
pub const TENANT: &str = "fedd.io/tenant";
/// Default key of the workspace group's label.
pub const WORKSPACE_GROUP: &str = "fedd.io/workspace-group";

/// The keys of the two labels that make a scope. Platforms bring their own.
///
/// Other keys are other scopes for everything that is stored, and keys that no label can have make everything shared:
/// check them where they are configured, and change them only while nothing is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeKeys {
    /// Key of the tenant's label.
    pub tenant: String,
    /// Key of the workspace group's label.
    pub workspace_group: String,
}

impl Default for ScopeKeys {
    fn default() -> Self {
        Self { tenant: TENANT.to_owned(), workspace_group: WORKSPACE_GROUP.to_owned() }
    }
}

impl ScopeKeys {
    pub(crate) fn both(&self) -> [&str; 2] {
        [&self.tenant, &self.workspace_group]
    }

    /// What the labels say, absent and empty told apart.
    pub(crate) fn values<'l>(&self, labels: &'l Labels) -> [Option<&'l str>; 2] {
        self.both().map(|key| labels.get(key).map(String::as_str))
    }

    pub(crate) fn pair<'l>(&self, labels: &'l Labels) -> Pair<'l> {
        let [tenant, workspace_group] = self.values(labels);
        Pair::of(tenant, workspace_group)
    }

    /// The scope that the labels of a cluster or a namespace say.
    ///
    /// Both labels make a scope, neither means [`Scope::Shared`]. One alone, or an empty value, is
    /// [`Scope::Incomplete`]: someone meant a scope, so it must not count as shared.
    pub fn of_labels(&self, labels: &Labels) -> Scope {
        match self.pair(labels) {
            Pair::Absent => Scope::Shared,
            Pair::Broken => Scope::Incomplete,
            Pair::Whole { tenant, workspace_group } => {
                Scope::Tenant { tenant: tenant.to_owned(), workspace_group: workspace_group.to_owned() }
            }
        }
    }

    /// The scope of an object: that of its labels, else that of its namespace's.
    ///
    /// Who may write an object may label it, so its labels never lead out of a namespace that has a scope: they repeat
    /// it, or the object is [`Scope::Contradictory`]. In a namespace without a scope they are free.
    ///
    /// `namespace` is `None` for a cluster-scoped object, and for nothing else: it would make an object shared whose
    /// namespace is merely not known yet. Wait for the namespace, or go by [`Scope::Incomplete`].
    pub fn of_object(&self, own: &Labels, namespace: Option<&Labels>) -> Scope {
        let own = self.of_labels(own);
        let namespace = namespace.map_or(Scope::Shared, |labels| self.of_labels(labels));
        match (own, namespace) {
            (Scope::Incomplete, _) | (_, Scope::Incomplete) => Scope::Incomplete,
            (own, Scope::Shared) => own,
            (Scope::Shared, namespace) => namespace,
            (own, namespace) if own == namespace => own,
            _ => Scope::Contradictory,
        }
    }

    /// Labels that say a scope.
    ///
    /// A scope that reaches nothing has no labels of its own; it gets both keys with empty values, so that what is
    /// labelled with them is out of everybody's reach too, and not shared.
    pub fn labels_of(&self, scope: &Scope) -> Labels {
        let values = match scope {
            Scope::Shared => return Labels::new(),
            Scope::Tenant { tenant, workspace_group } => [tenant.as_str(), workspace_group.as_str()],
            Scope::Incomplete | Scope::Contradictory => ["", ""],
        };
        self.both().into_iter().zip(values).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// The labels that initialisation adds to an object: those of its namespace's scope that it lacks.
    ///
    /// None where the namespace has no whole scope, or where a label of the object is not the namespace's: then
    /// [`ScopeKeys::check_object`] has to see what the user wrote, and a stored object must not change by itself.
    pub fn scope_labels_to_add(&self, own: &Labels, namespace: Option<&Labels>) -> Labels {
        let scope = namespace.map_or(Scope::Shared, |labels| self.of_labels(labels));
        if scope.reaches_nothing() {
            return Labels::new();
        }
        let mut wanted = self.labels_of(&scope);
        if wanted.iter().any(|(key, value)| own.get(key).is_some_and(|own| own != value)) {
            return Labels::new();
        }
        wanted.retain(|key, _| !own.contains_key(key));
        wanted
    }

    /// The labels of the `KubeFedCluster` of a cell: the cell's (`spec.labels`), with the scope of its namespace and no
    /// other.
    ///
    /// A cell is written by a tenant, its cluster is what scopes go by: scope labels among the cell's own are dropped,
    /// since they would put the cluster into the hands, or under the feet, of another tenant.
    pub fn cell_cluster_labels(&self, cell: &Labels, namespace: &Labels) -> Labels {
        let mut labels = cell.clone();
        for key in self.both() {
            labels.remove(key);
        }
        labels.extend(self.labels_of(&self.of_labels(namespace)));
        labels
    }
}
