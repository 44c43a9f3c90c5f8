//! The host's side of a type: its watch, and what is written back to its objects: finalizer, status, release.

use std::collections::BTreeSet;
use std::sync::Arc;

use federation_model::{Feature, FederatedStatus, ObjectKey, SYSTEM_NAMESPACES, finalizer};
use futures::StreamExt as _;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::core::Core;
use crate::entry::Entry;
use crate::handover::is_still_ours;
use crate::ports::{ApiFailure, Notice, WatchEvent};
use crate::queue::Priority;
use crate::retry::backoff;
use crate::selection::Selection;
use crate::status::{ClusterView, deletion_blockers, federated_status};
use crate::type_state::{HostChange, TypeState};
use crate::version_record::{RecordStep, VersionRecord};

/// Starts a type's host watch and its workers.
pub(crate) fn start(core: &Arc<Core>, ty: &Arc<TypeState>, tasks: &TaskTracker) {
    tasks.spawn({
        let (core, ty) = (core.clone(), ty.clone());
        async move {
            let stop = ty.stop.clone();
            tokio::select! {
                () = stop.cancelled() => {}
                () = follow(&core, &ty) => {}
            }
        }
    });
    for _ in 0..core.settings.status_workers.max(1) {
        let (core, ty) = (core.clone(), ty.clone());
        tasks.spawn(async move {
            while let Some(key) = ty.queue.pop().await {
                work(&core, &ty, &key).await;
                ty.queue.done(&key);
            }
        });
    }
}

async fn follow(core: &Arc<Core>, ty: &Arc<TypeState>) {
    if !core.settings.gates.is_on(Feature::VersionsInStatus) {
        load_versions(core, ty).await;
    }
    let mut events = core.ports.host.watch(&ty.ty.federated);
    let mut listed = BTreeSet::new();
    while let Some(event) = events.next().await {
        match event {
            WatchEvent::Restarted => listed.clear(),
            WatchEvent::Listed(object) => {
                if is_meant(core, ty, &object) {
                    let (key, change) = core.apply(ty, object);
                    listed.insert(key.clone());
                    changed(core, ty, &key, change);
                }
            }
            WatchEvent::Applied(object) => {
                if is_meant(core, ty, &object) {
                    let (key, change) = core.apply(ty, object);
                    changed(core, ty, &key, change);
                }
            }
            WatchEvent::Deleted(object) => {
                let key = ObjectKey::of(&object.metadata);
                ty.remove(&key);
                changed(core, ty, &key, HostChange::Wanted);
            }
            WatchEvent::Synced => {
                let first = !ty.is_synced();
                for gone in ty.set_synced(&std::mem::take(&mut listed)) {
                    changed(core, ty, &gone, HostChange::Wanted);
                }
                if first {
                    debug!(r#type = %ty.ty.name, "federated objects are known");
                    core.fan_out_all(ty);
                    for key in ty.orphaned_versions() {
                        ty.queue.push(key, Priority::Resync);
                    }
                    if ty.ty.namespaces {
                        core.each_type(|other| {
                            if !other.ty.namespaces {
                                core.fan_out_all(other);
                            }
                        });
                    }
                }
            }
            WatchEvent::Failed(failure) => {
                warn!(r#type = %ty.ty.name, %failure, "cannot watch federated objects; tries again");
            }
        }
    }
}

/// Whether an object is one to act on. A `FederatedNamespace` stands for the namespace that it is in.
fn is_meant(core: &Core, ty: &TypeState, object: &federation_model::FederatedObject) -> bool {
    if !ty.ty.namespaces {
        return true;
    }
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    if name != namespace {
        if !core.acts_in(&namespace) {
            return false;
        }
        core.ports.host.notice(Notice {
            ty: ty.ty.federated.clone(),
            key: ObjectKey::of(&object.metadata),
            uid: object.metadata.uid.clone().unwrap_or_default(),
            warning: true,
            reason: "InvalidName",
            message: format!(
                "a federated namespace is named as the namespace that it is in: rename {name} to {namespace}"
            ),
        });
        return false;
    }
    !SYSTEM_NAMESPACES.contains(&name.as_str())
}

fn changed(core: &Arc<Core>, ty: &Arc<TypeState>, key: &ObjectKey, change: HostChange) {
    match change {
        HostChange::None => return,
        HostChange::Bookkeeping => {
            if core.can_plan(ty) {
                ty.queue.push(key.clone(), Priority::Resync);
            }
            return;
        }
        HostChange::Wanted => {
            warn_of_withheld(core, ty, key);
            ty.forget_corrections(key);
            core.fan_out(ty, key, Priority::Change);
        }
    }
    if ty.ty.namespaces && core.can_plan(ty) {
        // The namespace's placement gates everything in it.
        core.fan_out_namespace(&key.name);
    }
}

/// Shows, on the object, what its template says and members do not get.
fn warn_of_withheld(core: &Core, ty: &TypeState, key: &ObjectKey) {
    let Some(selection) = core.selection(ty, key).filter(|s| core.acts_on(s)) else { return };
    let entry = selection.entry;
    if entry.is_deleting() {
        return;
    }
    for warning in crate::render::warnings(&entry.object, &ty.ty.policy) {
        core.ports.host.notice(Notice {
            ty: ty.ty.federated.clone(),
            key: key.clone(),
            uid: entry.uid().to_owned(),
            warning: true,
            reason: warning.reason,
            message: warning.message,
        });
    }
}

/// Brings one object's finalizer and status up to date, or releases it.
async fn work(core: &Arc<Core>, ty: &Arc<TypeState>, key: &ObjectKey) {
    if !core.can_plan(ty) {
        return;
    }
    if !core.may_write() {
        ty.queue.push_after(key.clone(), Core::FORBIDDEN);
        return;
    }
    let Some(selection) = core.selection(ty, key) else {
        let done = match ty.elsewhere(key) {
            Some(kept) if core.keeps_of(ty, &kept.scope_labels, key.namespace.as_deref()) => {
                take_over(core, ty, key).await
            }
            Some(_) => return,
            None => delete_version(core, ty, key).await.map(|()| ty.forget_work(key)),
        };
        if let Err(failure) = done {
            try_again(core, ty, key, &failure);
        }
        return;
    };
    if !core.acts_on(&selection) {
        return;
    }
    let entry = &selection.entry;
    let result = if entry.is_deleting() {
        if !entry.has_finalizer() {
            return;
        }
        let views = core.views(ty, &selection);
        let idle = ty.with_work(key, |w| w.is_idle());
        let blockers = deletion_blockers(&selection, &views);
        if idle && blockers.is_empty() {
            release(core, ty, &selection).await
        } else {
            if idle {
                debug!(object = %key, ?blockers, "its deletion waits");
            }
            write_status(core, ty, &selection, &views).await
        }
    } else if entry.has_finalizer() {
        if let Some(rest) = ty.with_work(key, |w| w.grace_left(Core::STATUS_GRACE)) {
            // One status tells of all lanes, or of those that did not answer in time.
            ty.queue.push_after(key.clone(), rest);
            return;
        }
        let views = core.views(ty, &selection);
        let status = write_status(core, ty, &selection, &views).await;
        let version = write_version(core, ty, entry, &views).await;
        status.and(version)
    } else {
        set_finalizer(core, ty, entry, true).await
    };
    match result {
        Ok(()) => ty.with_work(key, |w| w.host_failures = 0),
        Err(failure) if failure.is_not_found() => {}
        Err(failure) => try_again(core, ty, key, &failure),
    }
}

/// An object that another shard's engine acted on is this one's now, and all of it is to be known.
async fn take_over(core: &Arc<Core>, ty: &Arc<TypeState>, key: &ObjectKey) -> Result<(), ApiFailure> {
    match core.ports.host.get(&ty.ty.federated, key).await {
        Ok(object) => {
            let (key, change) = core.apply(ty, object);
            changed(core, ty, &key, change);
            Ok(())
        }
        Err(failure) if failure.is_not_found() => Ok(()), // the watch tells
        Err(failure) => Err(failure),
    }
}

fn try_again(core: &Core, ty: &TypeState, key: &ObjectKey, failure: &ApiFailure) {
    let attempt = ty.with_work(key, |w| {
        w.host_failures = w.host_failures.saturating_add(1);
        w.host_failures
    });
    debug!(object = %key, %failure, attempt, "the host did not take a write; tries again");
    ty.queue.push_after(key.clone(), backoff(attempt, &core.ports.chance));
}

/// Reads the records of an earlier run. Nothing is planned before: what is taken for unwritten would be written again.
async fn load_versions(core: &Core, ty: &TypeState) {
    for attempt in 1.. {
        match core.ports.host.versions(ty.ty.is_federated_namespaced()).await {
            Ok(records) => return ty.load_versions(records),
            Err(failure) if failure.is_not_found() => {
                warn!(r#type = %ty.ty.name, "the host does not serve PropagatedVersions: what is written is not recorded; \
                       install KubeFed's definitions");
                return;
            }
            Err(failure) => {
                warn!(r#type = %ty.ty.name, %failure, "cannot list PropagatedVersions; tries again");
                tokio::time::sleep(backoff(attempt, &core.ports.chance)).await;
            }
        }
    }
}

/// Brings an object's `PropagatedVersion` up to date: one write at most, for all clusters that are done.
async fn write_version(
    core: &Core,
    ty: &TypeState,
    entry: &Entry,
    views: &[ClusterView],
) -> Result<(), ApiFailure> {
    if core.settings.gates.is_on(Feature::VersionsInStatus) {
        return Ok(());
    }
    if !core.selection(ty, &entry.key).is_some_and(|now| core.acts_on(&now)) {
        // Another shard's, as its namespace has just said.
        return Ok(());
    }
    let wanted = VersionRecord::of(entry, &ty.ty, views);
    let host = &core.ports.host;
    let answer = match wanted.step(ty.with_work(&entry.key, |w| w.version.clone()).as_ref()) {
        RecordStep::Keep => return Ok(()),
        RecordStep::Create => host.create_version(wanted.clone()).await,
        RecordStep::Update => match host.update_version(wanted.clone()).await {
            Err(failure) if failure.is_not_found() => host.create_version(wanted.clone()).await,
            other => other,
        },
    };
    match &answer {
        Ok(()) => ty.with_work(&entry.key, |w| w.version = Some(wanted)),
        Err(failure) => debug!(object = %entry.key, %failure, "its PropagatedVersion is not written"),
    }
    answer
}

/// An object is gone, and its `PropagatedVersion` goes with it. Its owner reference is for hosts that lose fedd between
/// the two; not every host collects garbage.
async fn delete_version(core: &Core, ty: &TypeState, key: &ObjectKey) -> Result<(), ApiFailure> {
    let Some(version) = ty.with_work(key, |w| w.version.clone()) else { return Ok(()) };
    match core.ports.host.delete_version(&version.key).await {
        Err(failure) if !failure.is_not_found() => Err(failure),
        _ => {
            ty.with_work(key, |w| w.version = None);
            Ok(())
        }
    }
}

/// No member holds the object any more, as far as this engine's clusters go: if it is this engine's, it can go.
async fn release(core: &Arc<Core>, ty: &Arc<TypeState>, selection: &Selection) -> Result<(), ApiFailure> {
    if !is_still_ours(core, ty, selection, None).await? {
        return Ok(());
    }
    debug!(object = %selection.entry.key, "no member holds it any more: released");
    set_finalizer(core, ty, &selection.entry, false).await
}

/// Adds or removes the engine's finalizer, on the very version of the object that was decided on.
async fn set_finalizer(
    core: &Arc<Core>,
    ty: &Arc<TypeState>,
    entry: &Arc<Entry>,
    wanted: bool,
) -> Result<(), ApiFailure> {
    let mut finalizers: Vec<&str> =
        entry.object.finalizers().iter().map(String::as_str).filter(|f| *f != finalizer::SYNC).collect();
    if wanted {
        finalizers.push(finalizer::SYNC);
    }
    let patch = json!({"metadata": {
        "finalizers": finalizers,
        "resourceVersion": entry.object.metadata.resource_version,
        "uid": entry.object.metadata.uid,
    }});
    let object = core.ports.host.patch(&ty.ty.federated, &entry.key, patch).await?;
    if wanted {
        let (key, change) = core.apply(ty, object);
        changed(core, ty, &key, change);
    }
    Ok(())
}

async fn write_status(
    core: &Arc<Core>,
    ty: &Arc<TypeState>,
    selection: &Selection,
    views: &[ClusterView],
) -> Result<(), ApiFailure> {
    let entry = &selection.entry;
    let previous = entry.object.status.as_ref();
    let versions = core.settings.gates.is_on(Feature::VersionsInStatus);
    let status = federated_status(selection, &ty.ty, views, versions, previous, core.ports.clock.now());
    if previous == Some(&status) {
        return Ok(());
    }
    let written = ty.with_work(&entry.key, |w| w.written.clone());
    if !is_still_ours(core, ty, selection, written.as_deref()).await? {
        return Ok(());
    }
    // Who is alone need not be refused when a user was faster: what is told of the older version is true of it.
    let version = entry.object.metadata.resource_version.as_deref().filter(|_| !core.shard().is_whole());
    let patch = merge_patch(&status, version);
    let answer = core.ports.host.patch_status(&ty.ty.federated, &entry.key, patch).await;
    core.ports.telemetry.status_written(&ty.ty.name, answer.is_ok());
    let object = answer?;
    ty.with_work(&entry.key, |w| w.written.clone_from(&object.metadata.resource_version));
    // The answer may hold a user's change that the watch has not told yet, and will then tell as no news.
    let (key, change) = core.apply(ty, object);
    if change == HostChange::Wanted {
        changed(core, ty, &key, change);
    }
    Ok(())
}

/// The patch that makes the status exactly this: lists are replaced whole, so empty ones are said. With a version, it is
/// for an object at that version alone.
fn merge_patch(status: &FederatedStatus, version: Option<&str>) -> Value {
    let mut patch = json!({"status": {
        "observedGeneration": status.observed_generation,
        "conditions": status.conditions,
        "clusters": status.clusters,
    }});
    if let Some(version) = version {
        patch["metadata"] = json!({"resourceVersion": version});
    }
    patch
}
