//! Scopes, and which of them reach which.

use std::fmt;

/// Whose an object or a cluster is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Nobody's in particular: neither of the two labels is there.
    Shared,
    /// A workspace group of a tenant. An empty text in either field is no name, and such a scope reaches nothing.
    Tenant {
        /// Value of the tenant's label.
        tenant: String,
        /// Value of the workspace group's label.
        workspace_group: String,
    },
    /// One of the two labels is missing or empty: half a scope reaches nothing, and nothing reaches it.
    ///
    /// It is also what to go by while the labels of an object's namespace are not known yet.
    Incomplete,
    /// The object's labels are not its namespace's: it reaches nothing.
    Contradictory,
}

/// A scope as two borrowed values, so that labels can be compared without copies of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pair<'a> {
    Absent,
    Whole { tenant: &'a str, workspace_group: &'a str },
    Broken,
}

impl<'a> Pair<'a> {
    pub(crate) fn of(tenant: Option<&'a str>, workspace_group: Option<&'a str>) -> Self {
        match (tenant, workspace_group) {
            (None, None) => Self::Absent,
            (Some(tenant), Some(workspace_group)) if !tenant.is_empty() && !workspace_group.is_empty() => {
                Self::Whole { tenant, workspace_group }
            }
            _ => Self::Broken,
        }
    }

    /// The one rule of reach: the same scope, and it is one.
    pub(crate) fn reaches(self, cluster: Self) -> bool {
        self != Self::Broken && self == cluster
    }
}

impl Scope {
    pub(crate) fn pair(&self) -> Pair<'_> {
        match self {
            Self::Shared => Pair::Absent,
            Self::Tenant { tenant, workspace_group } => Pair::of(Some(tenant), Some(workspace_group)),
            Self::Incomplete | Self::Contradictory => Pair::Broken,
        }
    }

    /// Whether an object of this scope may know of a cluster of that one: be placed on it, be looked for and deleted on
    /// it, have it in its status, or see its secrets.
    ///
    /// Only the same scope is reached. [`Scope::Shared`] is a scope like any other here: it reaches clusters without
    /// labels and no more, and no tenant reaches those. [`Scope::Incomplete`] and [`Scope::Contradictory`] reach nothing,
    /// not even their like.
    pub fn reaches(&self, cluster: &Self) -> bool {
        self.pair().reaches(cluster.pair())
    }

    /// Whether a cell of a namespace of this scope may stand on a cluster of that one: a shared one, or one that the
    /// scope reaches.
    ///
    /// Whoever keeps the cell's own cluster asks this each time, and not only at admission: the cluster may have been
    /// unknown then, or may have got its scope since.
    pub fn may_put_a_cell_on(&self, cluster: &Self) -> bool {
        !self.reaches_nothing() && (*cluster == Self::Shared || self.reaches(cluster))
    }

    /// Whether no cluster at all can be in reach: the labels have to be put right first.
    pub fn reaches_nothing(&self) -> bool {
        self.pair() == Pair::Broken
    }
}

impl fmt::Display for Scope {
    /// `shared`, `tenant/group`, `incomplete` or `contradictory`. A label's value holds no `/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared => f.write_str("shared"),
            Self::Tenant { tenant, workspace_group } => write!(f, "{tenant}/{workspace_group}"),
            Self::Incomplete => f.write_str("incomplete"),
            Self::Contradictory => f.write_str("contradictory"),
        }
    }
}
