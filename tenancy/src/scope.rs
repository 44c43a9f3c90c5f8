//! Scopes: whose an object or a cluster is.

use std::collections::BTreeMap;
use std::fmt;

use federation_model::label;

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// The keys of the two labels that make a scope. Platforms bring their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeKeys {
    /// Key of the tenant's label.
    pub tenant: String,
    /// Key of the workspace group's label.
    pub workspace_group: String,
}

impl Default for ScopeKeys {
    fn default() -> Self {
        Self { tenant: label::TENANT.to_owned(), workspace_group: label::WORKSPACE_GROUP.to_owned() }
    }
}

/// Whose an object or a cluster is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Nobody's in particular: neither label is there.
    Shared,
    /// A tenant's workspace group. A missing or empty half is the empty string, which is a value like any other: half a
    /// scope is a scope of its own, and never a wider one.
    Tenant {
        /// Value of the tenant's label.
        tenant: String,
        /// Value of the workspace group's label.
        workspace_group: String,
    },
    /// The object's labels contradict its namespace's: it reaches nothing.
    Contradictory,
}

impl ScopeKeys {
    /// The scope that labels say.
    pub fn of_labels(&self, labels: &Labels) -> Scope {
        let (tenant, workspace_group) = (labels.get(&self.tenant), labels.get(&self.workspace_group));
        if tenant.is_none() && workspace_group.is_none() {
            return Scope::Shared;
        }
        let text = |value: Option<&String>| value.cloned().unwrap_or_default();
        Scope::Tenant { tenant: text(tenant), workspace_group: text(workspace_group) }
    }

    /// The scope of an object: its labels', else its namespace's.
    ///
    /// Where the namespace has a scope, an object's own labels can only repeat it. Who may write an object may label it,
    /// so labels of the object alone must never lead out of its namespace's scope: then it reaches nothing.
    pub fn of_object(&self, own: &Labels, namespace: Option<&Labels>) -> Scope {
        let own = self.of_labels(own);
        let namespace = namespace.map_or(Scope::Shared, |labels| self.of_labels(labels));
        match (own, namespace) {
            (own, Scope::Shared) => own,
            (Scope::Shared, namespace) => namespace,
            (own, namespace) if own == namespace => own,
            _ => Scope::Contradictory,
        }
    }

    /// The labels that say a scope; none for one that labels cannot say.
    pub fn labels_of(&self, scope: &Scope) -> Labels {
        match scope {
            Scope::Tenant { tenant, workspace_group } => {
                [(&self.tenant, tenant), (&self.workspace_group, workspace_group)]
                    .into_iter()
                    .filter(|(_, value)| !value.is_empty())
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect()
            }
            Scope::Shared | Scope::Contradictory => Labels::new(),
        }
    }

    /// Whether only one of the two labels is there, or one is empty: most likely a mistake.
    pub fn is_half(&self, labels: &Labels) -> bool {
        matches!(self.of_labels(labels), Scope::Tenant { tenant, workspace_group } if tenant.is_empty() || workspace_group.is_empty())
    }
}

impl Scope {
    /// Whether objects of this scope may know of clusters of that one: only the same scope, and nothing for a contradictory one.
    pub fn reaches(&self, cluster: &Self) -> bool {
        *self != Self::Contradictory && self == cluster
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared => f.write_str("shared"),
            Self::Tenant { tenant, workspace_group } => write!(f, "{tenant}/{workspace_group}"),
            Self::Contradictory => f.write_str("contradictory"),
        }
    }
}

/// The clusters that a scope reaches, of all by name and labels.
pub fn preselect<'a>(
    scope: &'a Scope,
    keys: &'a ScopeKeys,
    clusters: impl IntoIterator<Item = (&'a str, &'a Labels)> + 'a,
) -> impl Iterator<Item = &'a str> + 'a {
    clusters.into_iter().filter(|(_, labels)| scope.reaches(&keys.of_labels(labels))).map(|(name, _)| name)
}
