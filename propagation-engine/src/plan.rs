//! What is due on one API server for one federated object: the one place where placement, mask, scope, overrides,
//! retention, annotation policy, adoption and deletion meet. Pure: values in, decisions out.

use std::collections::BTreeMap;
use std::sync::Arc;

use federation_model::{ObjectKey, Step, reason, step};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::Value;

use crate::federated_type::FederatedType;
use crate::observed::Observed;
use crate::registry::ClusterInfo;
use crate::render::{LiveState, RenderError, Target, render};
use crate::selection::Selection;

/// What was last written for one cluster, and what the member answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Revision (hash of template and overrides) that was written.
    pub revision: String,
    /// `gen:…` or `rv:…` of the member's object after the write.
    pub version: String,
    /// Resource version up to which the object is known to be as written; empty after a restart.
    pub resource_version: String,
    /// Content of the object as written; none after a restart.
    pub content_hash: Option<u64>,
}

/// What is due for one object of a member.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetPlan {
    /// The object's name on the member.
    pub target: ObjectKey,
    /// The clusters that this is about, at least one; the first one's access is used. More than one share the object.
    pub clusters: Vec<Arc<ClusterInfo>>,
    /// What is due.
    pub decision: Decision,
}

/// What is due.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The object is not wanted and not there.
    Absent,
    /// The object is there as wanted.
    Current,
    /// The mask permits no write; `due` says whether there would be one.
    Held {
        /// Whether something waits.
        due: bool,
    },
    /// Create it.
    Create(Value),
    /// Write it; `drift` says that the member changed it, rather than the federated object.
    Update {
        /// The object, as it is to be.
        object: Value,
        /// Whether the member's side changed.
        drift: bool,
    },
    /// Delete it.
    Delete(DeleteOptions),
    /// Take the managed label off and leave it.
    RemoveLabel,
    /// It is being deleted on the member; wait until it is gone.
    WaitForRemoval,
    /// Nothing can be done before something changes.
    Problem {
        /// A word of [`reason`].
        reason: &'static str,
        /// For people.
        message: String,
    },
}

/// One API server, as one plan sees it.
pub struct ServerView<'a> {
    /// Its clusters, by name.
    pub clusters: &'a [Arc<ClusterInfo>],
    /// The managed object of a name.
    pub observed: &'a dyn Fn(&ObjectKey) -> Option<Arc<Observed>>,
    /// What was last written for a cluster.
    pub recorded: &'a dyn Fn(&str) -> Option<Recorded>,
    /// Whether it is the host itself, whose namespaces are never deleted.
    pub is_host: bool,
}

/// What is due on one API server.
///
/// Clusters out of the object's scope are as if they were not there. Clusters that map to one object share it: the first
/// that was written for (else the first by name) writes; identical renderings share, different ones are a problem of
/// the later. A shared object is touched only if the mask permits all who share it.
pub fn plan(selection: &Selection, ty: &FederatedType, server: &ServerView<'_>) -> Vec<TargetPlan> {
    let mut groups: BTreeMap<ObjectKey, Vec<&Arc<ClusterInfo>>> = BTreeMap::new();
    for cluster in server.clusters.iter().filter(|c| selection.reaches(c)) {
        let target = cluster.target_key(&selection.entry.key, ty.namespaced, ty.namespaces);
        groups.entry(target).or_default().push(cluster);
    }
    let mut plans = Vec::new();
    for (target, group) in groups {
        plan_target(selection, ty, server, &target, &group, &mut plans);
    }
    plans
}

fn plan_target(
    selection: &Selection,
    ty: &FederatedType,
    server: &ServerView<'_>,
    target: &ObjectKey,
    group: &[&Arc<ClusterInfo>],
    plans: &mut Vec<TargetPlan>,
) {
    let mut push = |clusters: &[&Arc<ClusterInfo>], decision| {
        plans.push(TargetPlan {
            target: target.clone(),
            clusters: clusters.iter().map(|c| Arc::clone(c)).collect(),
            decision,
        });
    };
    let (selected, others): (Vec<&Arc<ClusterInfo>>, Vec<_>) =
        group.iter().partition(|c| selection.selects(c));
    let observed = (server.observed)(target);
    let holds = |c: &ClusterInfo| (server.recorded)(&c.name).is_some();

    if selected.is_empty() {
        // Who holds the object is told by the records; when they are lost, anyone of the group may.
        let holders: Vec<_> = others.iter().copied().filter(|c| holds(c)).collect();
        let concerned = if holders.is_empty() { others } else { holders };
        let permitted = concerned.iter().all(|c| selection.entry.mask.permits(&c.name));
        push(&concerned, withdraw(selection, ty, server, observed.as_deref(), permitted));
        return;
    }

    let writer = selected.iter().copied().find(|c| holds(c)).unwrap_or(selected[0]);
    let mut sharers = vec![writer];
    for cluster in selected.iter().copied().filter(|c| c.name != writer.name) {
        if same_object(selection, ty, target, writer, cluster) {
            sharers.push(cluster);
            continue;
        }
        push(
            &[cluster],
            Decision::Problem {
                reason: reason::CONFLICTING_CELLS,
                message: format!(
                    "{target} on this API server is as {} needs it, which {}'s overrides would change; give the two cells \
                     the same overrides, or name templates that tell their objects apart",
                    writer.name, cluster.name
                ),
            },
        );
    }
    if !others.is_empty() {
        // Whoever left a shared object leaves it to the others.
        push(&others, Decision::Absent);
    }
    let permitted = sharers.iter().all(|c| selection.entry.mask.permits(&c.name));
    let decision = provide(selection, ty, server, target, writer, observed.as_deref(), permitted);
    push(&sharers, decision);
}

/// The object is not to be there.
fn withdraw(
    selection: &Selection,
    ty: &FederatedType,
    server: &ServerView<'_>,
    observed: Option<&Observed>,
    permitted: bool,
) -> Decision {
    match (step(false, permitted, observed.is_some()), observed) {
        (Step::Held, _) => Decision::Held { due: true },
        (Step::Delete, Some(observed)) if observed.deleting => Decision::WaitForRemoval,
        (Step::Delete, Some(_)) => {
            let deleting = selection.entry.is_deleting();
            if deleting && selection.entry.orphans() || ty.namespaces && server.is_host {
                return Decision::RemoveLabel;
            }
            if !deleting {
                return Decision::Delete(DeleteOptions::default());
            }
            match selection.entry.delete_options() {
                Ok(options) => Decision::Delete(options),
                Err(message) => Decision::Problem { reason: reason::DELETION_FAILED, message },
            }
        }
        _ => Decision::Absent,
    }
}

/// The object is to be there, as `writer` needs it.
fn provide(
    selection: &Selection,
    ty: &FederatedType,
    server: &ServerView<'_>,
    target: &ObjectKey,
    writer: &ClusterInfo,
    observed: Option<&Observed>,
    permitted: bool,
) -> Decision {
    let entry = &selection.entry;
    let revision = entry.revision(&writer.name);
    let recorded = (server.recorded)(&writer.name);
    let rendered = |live: Option<&LiveState<'_>>| {
        render(&entry.object, &writer.name, &target_of(ty, target), &ty.policy, live)
    };
    match (step(true, permitted, observed.is_some()), observed) {
        (Step::Held, observed) => {
            let runs = recorded.is_some_and(|r| r.revision == revision);
            Decision::Held { due: observed.is_none() || !runs }
        }
        (_, None) => rendered(None).map_or_else(problem, Decision::Create),
        (_, Some(observed)) if observed.deleting => Decision::WaitForRemoval,
        (_, Some(observed)) => {
            let live = live_state(observed);
            let same_revision = recorded.as_ref().is_some_and(|r| r.revision == revision);
            if same_revision && recorded.as_ref().is_some_and(|r| untouched(r, observed)) {
                return Decision::Current;
            }
            match rendered(Some(&live)) {
                Err(error) => problem(error),
                Ok(object) => {
                    let metadata_drifted = || !carries(observed, &object, ty);
                    if same_revision
                        && recorded.is_some_and(|r| same_generation(&r, observed))
                        && !metadata_drifted()
                    {
                        return Decision::Current;
                    }
                    Decision::Update { object, drift: same_revision }
                }
            }
        }
    }
}

/// The write for an object that turned out to exist: the same as [`plan`]'s, on what the member says it holds.
///
/// # Errors
/// The object cannot be made.
pub fn update_of(
    selection: &Selection,
    ty: &FederatedType,
    target: &ObjectKey,
    cluster: &str,
    live: &Observed,
) -> Result<Value, RenderError> {
    render(&selection.entry.object, cluster, &target_of(ty, target), &ty.policy, Some(&live_state(live)))
}

fn problem(error: RenderError) -> Decision {
    Decision::Problem { reason: error.reason(), message: error.to_string() }
}

fn target_of(ty: &FederatedType, key: &ObjectKey) -> Target {
    Target {
        api_version: ty.target.api_version.clone(),
        kind: ty.target.kind.clone(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
    }
}

fn live_state(observed: &Observed) -> LiveState<'_> {
    LiveState {
        resource_version: &observed.resource_version,
        finalizers: &observed.finalizers,
        annotations: &observed.annotations,
        owner_references: &observed.owner_references,
        retained: &observed.retained,
    }
}

/// Nothing that counts changed since our last write: the object is the very one, or only its status changed.
fn untouched(recorded: &Recorded, observed: &Observed) -> bool {
    recorded.resource_version == observed.resource_version
        || recorded.content_hash == Some(observed.content_hash)
        || observed.generation == 0 && recorded.version == observed.version()
}

/// The spec is as we wrote it. Labels and annotations do not count in generations, so they are compared apart.
fn same_generation(recorded: &Recorded, observed: &Observed) -> bool {
    observed.generation != 0 && recorded.version == observed.version()
}

/// Whether a live object has the labels, and the annotations that are ours, of a rendered one.
fn carries(observed: &Observed, rendered: &Value, ty: &FederatedType) -> bool {
    let map = |field: &str| {
        rendered
            .get("metadata")
            .and_then(|m| m.get(field))
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(k, v)| Some((k.as_str(), v.as_str()?)))
            .collect::<BTreeMap<_, _>>()
    };
    let live = |of: &BTreeMap<String, String>, key: &str| of.get(key).cloned();
    let (labels, annotations) = (map("labels"), map("annotations"));
    labels.len() == observed.labels.len()
        && labels.iter().all(|(k, v)| live(&observed.labels, k).as_deref() == Some(*v))
        && annotations.iter().all(|(k, v)| live(&observed.annotations, k).as_deref() == Some(*v))
        && observed.annotations.keys().all(|k| !ty.policy.is_spec(k) || annotations.contains_key(k.as_str()))
}

/// Whether two clusters that map to one object need the same one.
fn same_object(
    selection: &Selection,
    ty: &FederatedType,
    target: &ObjectKey,
    a: &ClusterInfo,
    b: &ClusterInfo,
) -> bool {
    let entry = &selection.entry;
    let of = |c: &ClusterInfo| render(&entry.object, &c.name, &target_of(ty, target), &ty.policy, None).ok();
    entry.revision(&a.name) == entry.revision(&b.name) || of(a) == of(b)
}
