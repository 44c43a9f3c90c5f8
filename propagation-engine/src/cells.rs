//! Cells: each has a `KubeFedCluster` of its own, with the access of its cluster and the scope of its namespace.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use federation_model::{Cell, CellCondition, CellStatus, Feature, KubeFedCluster, ObjectKey, finalizer};
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use parking_lot::RwLock;
use serde_json::json;
use tenancy::ScopeKeys;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::core::Core;
use crate::ports::{ApiFailure, Clock};
use crate::queue::{Priority, WorkQueue};
use crate::retry::backoff;
use crate::status::seconds;

/// Field manager of a cell's `KubeFedCluster`.
const FIELD_MANAGER: &str = "fedd-cells";

/// What is due for a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum CellStep {
    /// Keep its `KubeFedCluster` like this.
    Provide(Box<KubeFedCluster>),
    /// It cannot have one: a reason and words.
    Refuse(&'static str, String),
    /// It is being deleted, and something is still placed on it.
    Wait(String),
    /// It is being deleted: take its `KubeFedCluster` away.
    Withdraw,
}

/// What is due for a cell: pure. `cluster` is the one that it names, `placed` what is placed on it.
pub fn cell_step(
    cell: &Cell,
    cluster: Option<&KubeFedCluster>,
    namespace_labels: Option<&BTreeMap<String, String>>,
    keys: &ScopeKeys,
    placed: &[String],
) -> CellStep {
    if cell.metadata.deletion_timestamp.is_some() {
        return match placed {
            [] => CellStep::Withdraw,
            some => CellStep::Wait(format!(
                "{} objects are placed on it, such as {}; take the cell out of their placements first",
                some.len(),
                some[0]
            )),
        };
    }
    let Some(cluster) = cluster else {
        return CellStep::Refuse(
            "ClusterNotFound",
            format!(
                "there is no KubeFedCluster {}; join it, or correct spec.clusterName",
                cell.spec.cluster_name
            ),
        );
    };
    if cluster.labels().contains_key(federation_model::label::CELL) {
        return CellStep::Refuse(
            "ClusterIsCell",
            format!("{} is a cell itself; name the cluster that it is on", cell.spec.cluster_name),
        );
    }
    if let Some(target) = &cell.spec.target
        && let Err((field, error)) = target.parse()
    {
        return CellStep::Refuse("BadTarget", format!("spec.target.{field}: {error}"));
    }
    let Some(namespace) = namespace_labels else {
        return CellStep::Refuse(
            "NamespaceUnknown",
            "the cell's namespace has not been told of yet".to_owned(),
        );
    };
    if !keys.of_labels(namespace).may_put_a_cell_on(&keys.of_labels(cluster.labels())) {
        return CellStep::Refuse(
            "ClusterOutOfScope",
            format!(
                "cluster {} is of another scope than the cell's namespace; name a shared one or the tenant's own",
                cell.spec.cluster_name
            ),
        );
    }
    let labels = keys.cell_cluster_labels(&cell.spec.labels, namespace);
    CellStep::Provide(Box::new(cell.derive_cluster(cluster, labels)))
}

/// Keeps the cells' `KubeFedCluster`s.
pub(crate) struct Cells {
    core: Arc<Core>,
    client: Client,
    clusters: Api<KubeFedCluster>,
    clock: Arc<dyn Clock>,
    /// Whether the gate `Cells` is on. With it off, cells that are deleted are let go, and no more.
    on: bool,
    pub(crate) queue: WorkQueue<ObjectKey>,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    cells: HashMap<ObjectKey, Cell>,
    clusters: HashMap<String, KubeFedCluster>,
    namespaces: HashMap<String, BTreeMap<String, String>>,
    failures: HashMap<ObjectKey, u32>,
}

impl Cells {
    pub(crate) fn new(core: Arc<Core>, client: Client, namespace: &str, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            clusters: Api::namespaced(client.clone(), namespace),
            client,
            clock,
            on: core.settings.gates.is_on(Feature::Cells),
            core,
            queue: WorkQueue::default(),
            state: RwLock::default(),
        })
    }

    pub(crate) fn cell(&self, cell: Cell) {
        let key = ObjectKey::of(&cell.metadata);
        self.state.write().cells.insert(key.clone(), cell);
        self.queue.push(key, Priority::Change);
    }

    pub(crate) fn cell_gone(&self, key: &ObjectKey) {
        let mut state = self.state.write();
        state.cells.remove(key);
        state.failures.remove(key);
    }

    /// A cluster changed: the cells on it, and the cell that it stands for, are looked at.
    pub(crate) fn cluster(&self, name: &str, cluster: Option<KubeFedCluster>) {
        let concerned: Vec<ObjectKey> = {
            let mut state = self.state.write();
            match cluster {
                Some(cluster) => state.clusters.insert(name.to_owned(), cluster),
                None => state.clusters.remove(name),
            };
            let on = |c: &Cell| c.spec.cluster_name == name || c.cluster_object_name() == name;
            state.cells.iter().filter(|(_, c)| on(c)).map(|(k, _)| k.clone()).collect()
        };
        concerned.into_iter().for_each(|key| self.queue.push(key, Priority::Change));
    }

    /// A namespace's labels changed: they are the scope of its cells.
    pub(crate) fn namespace(&self, name: &str, labels: Option<BTreeMap<String, String>>) {
        let concerned: Vec<ObjectKey> = {
            let mut state = self.state.write();
            match labels {
                Some(labels) => state.namespaces.insert(name.to_owned(), labels),
                None => state.namespaces.remove(name),
            };
            state.cells.keys().filter(|k| k.namespace.as_deref() == Some(name)).cloned().collect()
        };
        concerned.into_iter().for_each(|key| self.queue.push(key, Priority::Change));
    }

    /// Works until stopped.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        loop {
            let key = tokio::select! {
                () = stop.cancelled() => return,
                key = self.queue.pop() => match key { Some(key) => key, None => return },
            };
            if !self.core.may_write() {
                self.queue.push_after(key.clone(), Core::FORBIDDEN);
                self.queue.done(&key);
                continue;
            }
            match self.reconcile(&key).await {
                Ok(()) => {
                    self.state.write().failures.remove(&key);
                }
                Err(failure) => {
                    let attempt = {
                        let mut state = self.state.write();
                        let failures = state.failures.entry(key.clone()).or_default();
                        *failures = failures.saturating_add(1);
                        *failures
                    };
                    debug!(cell = %key, %failure, attempt, "tries again");
                    self.queue.push_after(key.clone(), backoff(attempt, &self.core.ports.chance));
                }
            }
            self.queue.done(&key);
        }
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<(), ApiFailure> {
        if !self.core.acts_in(key.namespace.as_deref().unwrap_or_default()) {
            return Ok(());
        }
        let Some((cell, cluster, labels, derived)) = ({
            let state = self.state.read();
            state.cells.get(key).map(|cell| {
                let namespace = key.namespace.as_deref().unwrap_or_default();
                (
                    cell.clone(),
                    state.clusters.get(&cell.spec.cluster_name).cloned(),
                    state.namespaces.get(namespace).cloned(),
                    state.clusters.get(&cell.cluster_object_name()).cloned(),
                )
            })
        }) else {
            return Ok(());
        };
        let name = cell.cluster_object_name();
        let deleting = cell.metadata.deletion_timestamp.is_some();
        if !self.on && !deleting {
            return Ok(());
        }
        // With the gate off nothing is done on a cell's cluster, so nothing would ever leave it.
        let placed = if self.on && deleting { self.core.placed_on(&name) } else { Vec::new() };
        match cell_step(&cell, cluster.as_ref(), labels.as_ref(), self.core.scope_keys(), &placed) {
            CellStep::Provide(wanted) => {
                if !cell.finalizers().iter().any(|f| f == finalizer::CELL) {
                    self.set_finalizer(&cell, true).await?;
                }
                if derived.as_ref().is_none_or(|d| differs(d, &wanted)) {
                    info!(cell = %key, cluster = name, "the cell's KubeFedCluster is written");
                    let params = PatchParams::apply(FIELD_MANAGER).force();
                    self.clusters.patch(&name, &params, &Patch::Apply(&*wanted)).await.map_err(failure)?;
                }
                match derived {
                    Some(d) if d.is_ready() => {
                        self.set_status(&cell, "True", "ClusterReady", "the cell can be deployed to").await
                    }
                    Some(_) => {
                        self.set_status(&cell, "False", "ClusterNotReady", "its cluster is not ready").await
                    }
                    None => {
                        self.set_status(
                            &cell,
                            "False",
                            "ClusterNotReady",
                            "its cluster has not been checked yet",
                        )
                        .await
                    }
                }
            }
            CellStep::Refuse(reason, words) => self.set_status(&cell, "False", reason, &words).await,
            CellStep::Wait(words) => {
                self.set_status(&cell, "False", "StillPlaced", &words).await?;
                // Placements change without the cell's knowing.
                self.queue.push_after(key.clone(), std::time::Duration::from_secs(2));
                Ok(())
            }
            CellStep::Withdraw => {
                match self.clusters.delete(&name, &DeleteParams::default()).await.map_err(failure) {
                    Ok(_) => info!(cell = %key, cluster = name, "the cell's KubeFedCluster is deleted"),
                    Err(failure) if failure.is_not_found() => {}
                    Err(failure) => return Err(failure),
                }
                self.set_finalizer(&cell, false).await
            }
        }
    }

    fn api(&self, cell: &Cell) -> Api<Cell> {
        Api::namespaced(self.client.clone(), &cell.namespace().unwrap_or_default())
    }

    async fn set_finalizer(&self, cell: &Cell, wanted: bool) -> Result<(), ApiFailure> {
        let mut finalizers: Vec<_> =
            cell.finalizers().iter().filter(|f| *f != finalizer::CELL).cloned().collect();
        if wanted {
            finalizers.push(finalizer::CELL.to_owned());
        }
        let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": cell.metadata.resource_version}});
        match self
            .api(cell)
            .patch(&cell.name_any(), &PatchParams::default(), &Patch::Merge(patch))
            .await
            .map_err(failure)
        {
            Err(failure) if failure.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }

    async fn set_status(
        &self,
        cell: &Cell,
        status: &str,
        reason: &str,
        message: &str,
    ) -> Result<(), ApiFailure> {
        let before = cell.status.as_ref().and_then(|s| s.conditions.iter().find(|c| c.type_ == "Ready"));
        let since = before.filter(|b| b.status == status).map(|b| b.last_transition_time.clone());
        let wanted = CellStatus {
            observed_generation: cell.metadata.generation,
            conditions: vec![CellCondition {
                type_: "Ready".to_owned(),
                status: status.to_owned(),
                reason: reason.to_owned(),
                message: message.to_owned(),
                last_transition_time: since.unwrap_or_else(|| seconds(self.clock.now())),
            }],
        };
        if cell.status.as_ref() == Some(&wanted) {
            return Ok(());
        }
        let patch = json!({"status": wanted});
        match self
            .api(cell)
            .patch_status(&cell.name_any(), &PatchParams::default(), &Patch::Merge(patch))
            .await
            .map_err(failure)
        {
            Err(failure) if failure.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn failure(error: kube::Error) -> ApiFailure {
    crate::kube_ports::failure(&error)
}

/// Whether a `KubeFedCluster` is not as the cell needs it. Labels and annotations of others stay.
fn differs(current: &KubeFedCluster, wanted: &KubeFedCluster) -> bool {
    let lacks = |has: &BTreeMap<String, String>, needs: &BTreeMap<String, String>| {
        needs.iter().any(|(k, v)| has.get(k) != Some(v))
    };
    current.spec != wanted.spec
        // Its absence says something, too.
        || current.tunnel() != wanted.tunnel()
        || lacks(current.labels(), wanted.labels())
        || lacks(current.annotations(), wanted.annotations())
}

#[cfg(test)]
mod tests {
    use federation_model::{CellSpec, KubeFedClusterSpec, annotation};

    use super::*;

    #[test]
    fn the_cluster_of_a_cell_follows_its_clusters_tunnel() {
        let cell = Cell::new("a", CellSpec { cluster_name: "m1".to_owned(), ..CellSpec::default() });
        let direct = KubeFedCluster::new("m1", KubeFedClusterSpec::default());
        let mut tunnelled = direct.clone();
        tunnelled.annotations_mut().insert(annotation::TUNNEL.to_owned(), "true".to_owned());
        let [direct, tunnelled] = [direct, tunnelled].map(|of| cell.derive_cluster(&of, BTreeMap::new()));
        assert!(differs(&direct, &tunnelled) && differs(&tunnelled, &direct));
        assert!(!differs(&direct, &direct) && !differs(&tunnelled, &tunnelled));
    }
}
