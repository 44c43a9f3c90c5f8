//! The placement mask: which clusters may be touched, whatever the placement says.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::ClusterReference;

/// Clusters that may be touched. An empty list: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterMask {
    /// The clusters.
    #[serde(default)]
    pub clusters: Vec<ClusterReference>,
}

/// A mask, ready to be asked about any number of clusters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// No mask: every cluster may be touched.
    Open,
    /// Only these may.
    Only(BTreeSet<String>),
}

/// What one cluster is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Selected, and does not hold the object.
    Create,
    /// Selected, and holds it: make it as wanted.
    Update,
    /// Not selected, and holds it.
    Delete,
    /// Whatever is due waits behind the mask: no write of any kind.
    Held,
    /// Not selected, does not hold it.
    Nothing,
}

impl Mask {
    /// Compiles an optional mask; none is open.
    pub fn compile(mask: Option<&ClusterMask>) -> Self {
        mask.map_or(Self::Open, |m| Self::Only(m.clusters.iter().map(|c| c.name.clone()).collect()))
    }

    /// Whether a cluster may be touched.
    pub fn permits(&self, cluster: &str) -> bool {
        match self {
            Self::Open => true,
            Self::Only(clusters) => clusters.contains(cluster),
        }
    }
}

/// What a cluster is due, given whether the placement selects it, the mask permits it, and it holds the object.
///
/// With P, M and H as sets: create (P∖H)∩M, update P∩H∩M, delete (H∖P)∩M; outside M nothing.
pub fn step(selected: bool, permitted: bool, held: bool) -> Step {
    match (selected, held) {
        (false, false) => Step::Nothing,
        _ if !permitted => Step::Held,
        (true, false) => Step::Create,
        (true, true) => Step::Update,
        (false, true) => Step::Delete,
    }
}
