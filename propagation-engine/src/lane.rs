//! A lane: everything that goes to one member API server, and only that.
//!
//! Its workers take names from its queue, plan, and carry out. Its watches keep the caches of that server's objects. Its
//! breakers, one for each access, keep requests from a server in trouble. Nothing in it waits for another lane.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use federation_model::{ObjectKey, reason};
use futures::StreamExt as _;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, debug, debug_span, warn};

use crate::core::Core;
use crate::execute::{Again, execute, release_orphan};
use crate::observed::{Change, Observed, Sync};
use crate::outcome::Outcome;
use crate::plan::{Decision, Recorded, ServerView, TargetPlan, plan};
use crate::ports::{Member, WatchEvent};
use crate::queue::{Priority, WorkQueue};
use crate::registry::{ClusterInfo, ServerId};
use crate::retry::{Breaker, backoff};
use crate::rights;
use crate::type_state::TypeState;

/// A type's name and an object's.
type Item = (Arc<str>, ObjectKey);

/// Everything that goes to one member API server.
pub(crate) struct Lane {
    pub(crate) server: ServerId,
    /// By access: one that the server refuses says nothing of the others, nor of the one that comes in its place.
    breakers: Mutex<Vec<(Weak<dyn Member>, Arc<Breaker>)>>,
    queue: WorkQueue<Item>,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// The access that the watches use.
    member: Mutex<Option<Arc<dyn Member>>>,
    /// Ends the watch of a type.
    watches: Mutex<HashMap<Arc<str>, CancellationToken>>,
}

impl Lane {
    /// Starts the lane's workers.
    pub(crate) fn start(
        core: &Arc<Core>,
        server: ServerId,
        stop: &CancellationToken,
        tasks: &TaskTracker,
    ) -> Arc<Self> {
        let lane = Arc::new(Self {
            server,
            breakers: Mutex::default(),
            queue: WorkQueue::default(),
            stop: stop.child_token(),
            tasks: tasks.clone(),
            member: Mutex::new(None),
            watches: Mutex::default(),
        });
        for _ in 0..core.settings.lane_workers.max(1) {
            let (core, lane) = (core.clone(), lane.clone());
            tasks.spawn(async move {
                while let Some(item) = lane.queue.pop().await {
                    lane.work(&core, &item).await;
                }
            });
        }
        lane
    }

    /// Ends the lane; what is under way is finished.
    pub(crate) fn close(&self) {
        self.stop.cancel();
        self.queue.close();
    }

    /// Items that wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// An object is to be looked at on this server.
    pub(crate) fn push(&self, ty: &TypeState, key: ObjectKey, priority: Priority) {
        ty.with_work(&key, |w| w.set_pending(&self.server));
        self.queue.push((ty.ty.name.clone(), key), priority);
    }

    /// The breaker of an access.
    pub(crate) fn breaker(&self, member: &Arc<dyn Member>) -> Arc<Breaker> {
        let mut breakers = self.breakers.lock();
        breakers.retain(|(of, _)| of.strong_count() > 0);
        let found = breakers.iter().find(|(of, _)| of.ptr_eq(&Arc::downgrade(member)));
        if let Some((_, breaker)) = found {
            return breaker.clone();
        }
        let breaker = Arc::<Breaker>::default();
        breakers.push((Arc::downgrade(member), breaker.clone()));
        breaker
    }

    /// Sets the access that watches use; answers whether it is another one.
    pub(crate) fn use_member(&self, member: Arc<dyn Member>) -> bool {
        let mut current = self.member.lock();
        let same = current.as_ref().is_some_and(|c| Arc::ptr_eq(c, &member));
        *current = Some(member);
        !same
    }

    async fn work(self: &Arc<Self>, core: &Arc<Core>, item: &Item) {
        let (type_name, key) = item;
        let Some(ty) = core.type_state(type_name) else {
            self.queue.done(item);
            return;
        };
        let span = debug_span!("lane", server = %self.server, r#type = %type_name, object = %key);
        let started = Instant::now();
        let ok = self.reconcile(core, &ty, key).instrument(span).await;
        core.ports.telemetry.reconciled(type_name, ok, started.elapsed());
        if self.queue.done(item) {
            return; // it comes again at once, and its status is told then
        }
        let idle = ty.with_work(key, |w| {
            w.clear_pending(&self.server);
            w.is_idle()
        });
        if idle {
            ty.queue.push(key.clone(), Priority::Change);
        } else {
            ty.queue.push_after(key.clone(), Core::STATUS_GRACE);
        }
    }

    /// Plans and carries out; answers whether nothing failed.
    async fn reconcile(self: &Arc<Self>, core: &Arc<Core>, ty: &Arc<TypeState>, key: &ObjectKey) -> bool {
        if !core.can_plan(ty) {
            return true;
        }
        let cache = ty.cache(&self.server);
        let Some(selection) = core.selection(ty, key) else {
            if ty.is_elsewhere(key) {
                return true;
            }
            let released = release_orphan(core, self, ty, key).await;
            if !released {
                self.queue.push_after((ty.ty.name.clone(), key.clone()), backoff(1, &core.ports.chance));
            }
            return released;
        };
        let mut on = core.candidates(ty, &selection);
        on.retain(|c| c.server.as_ref() == Some(&self.server));
        if !selection.entry.has_finalizer() {
            return true;
        }
        match cache.sync() {
            Sync::Synced => {}
            Sync::Listing => return true, // comes again when the list is complete
            Sync::Failing(words) => {
                ty.with_work(key, |work| {
                    for cluster in on.iter().filter(|c| selection.selects(c)) {
                        let mut message = format!("its {} cannot be listed: {words}", ty.ty.target.plural);
                        if cache.refusal().is_some() {
                            message = format!("{message}; {}", rights::advice(cluster));
                        }
                        work.clusters.entry(cluster.name.clone()).or_default().outcome =
                            Some(Outcome::Problem { reason: reason::CACHED_RETRIEVAL_FAILED, message });
                    }
                });
                return false;
            }
        }
        if !self.complete(core, ty, key, &on).await {
            self.queue.push_after((ty.ty.name.clone(), key.clone()), backoff(1, &core.ports.chance));
            return false;
        }
        let plans = plan(
            &selection,
            &ty.ty,
            &ServerView {
                clusters: &on,
                observed: &|target| cache.get(target),
                recorded: &|cluster| ty.recorded(key, cluster),
                is_host: core.is_host(&self.server),
            },
        );
        let mut failed = false;
        for target_plan in plans {
            failed |= self.carry_out(core, ty, &selection, target_plan).await;
        }
        !failed
    }

    /// Makes sure that what is known of the members' objects of a name is enough for plans: what was another shard's is
    /// known by name alone. Answers whether it is.
    async fn complete(&self, core: &Core, ty: &TypeState, key: &ObjectKey, on: &[Arc<ClusterInfo>]) -> bool {
        let cache = ty.cache(&self.server);
        for cluster in on {
            let target = cluster.target_key(key, ty.ty.namespaced, ty.ty.namespaces);
            if !cache.get(&target).is_some_and(|observed| observed.shortened) {
                continue;
            }
            let Some(member) = core.member(&cluster.name) else { return false };
            match member.get(&ty.ty.target, &target).await {
                Ok(object) => cache.completed(&target, Observed::of(&ty.ty.retained, object)),
                Err(failure) if failure.is_not_found() => cache.forget(&target),
                Err(failure) => {
                    debug!(cluster = cluster.name, %target, %failure, "cannot read what was another shard's");
                    return false;
                }
            }
        }
        true
    }

    /// Carries one decision out, and notes what came of it; answers whether it is not as wanted yet.
    async fn carry_out(
        self: &Arc<Self>,
        core: &Arc<Core>,
        ty: &Arc<TypeState>,
        selection: &crate::selection::Selection,
        plan: TargetPlan,
    ) -> bool {
        let key = &selection.entry.key;
        let names: Vec<String> = plan.clusters.iter().map(|c| c.name.clone()).collect();
        let was_nothing = plan.decision == Decision::Absent;
        let result = execute(core, self, ty, selection, plan).await;
        let again = result.again;
        let attempt = ty.with_work(key, |work| {
            let mut attempt = 0;
            for name in &names {
                // A cluster that never had to do with the object leaves no trace.
                if was_nothing && !work.clusters.contains_key(name) {
                    continue;
                }
                let cluster = work.clusters.entry(name.clone()).or_default();
                cluster.failures = match again {
                    Again::No => 0,
                    Again::In(_) => cluster.failures,
                    Again::AfterBackoff => cluster.failures.saturating_add(1),
                };
                attempt = attempt.max(cluster.failures);
                if let Some(recorded) = &result.recorded {
                    // Who shares an object runs the same one, each under the revision of its own overrides.
                    let own = |r: &Recorded| Recorded {
                        revision: selection.entry.revision(name).to_owned(),
                        ..r.clone()
                    };
                    cluster.recorded = recorded.as_ref().map(own);
                }
                cluster.outcome = Some(result.outcome.clone());
                if result.outcome == Outcome::Absent {
                    work.clusters.remove(name);
                }
            }
            attempt
        });
        let delay = match again {
            Again::No => return false,
            Again::In(delay) => delay,
            Again::AfterBackoff => backoff(attempt, &core.ports.chance),
        };
        debug!(object = %key, ?delay, attempt, "is looked at again");
        self.queue.push_after((ty.ty.name.clone(), key.clone()), delay);
        true
    }

    /// Watches a type's objects on this server, from now on with the lane's present access.
    pub(crate) fn watch(self: &Arc<Self>, core: &Arc<Core>, ty: &Arc<TypeState>) {
        let Some(member) = self.member.lock().clone() else { return };
        let stop = ty.stop.child_token();
        if let Some(earlier) = self.watches.lock().insert(ty.ty.name.clone(), stop.clone()) {
            earlier.cancel();
        }
        let (core, lane, ty) = (core.clone(), self.clone(), ty.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = lane.stop.cancelled() => {}
                () = stop.cancelled() => {}
                () = lane.follow(&core, &ty, &*member) => {}
            }
        });
    }

    async fn follow(&self, core: &Arc<Core>, ty: &Arc<TypeState>, member: &dyn Member) {
        let cache = ty.cache(&self.server);
        let mut events = member.watch(&ty.ty.target);
        let deadline = tokio::time::sleep(core.settings.cache_sync_timeout);
        tokio::pin!(deadline);
        let mut waiting = cache.sync() != Sync::Synced;
        loop {
            let event = tokio::select! {
                event = events.next() => match event {
                    Some(event) => event,
                    None => return,
                },
                () = &mut deadline, if waiting => {
                    waiting = false;
                    let words = format!("no complete list within {:?}", core.settings.cache_sync_timeout);
                    self.list_fails(core, ty, &words);
                    continue;
                }
            };
            match event {
                WatchEvent::Restarted => cache.restarted(),
                WatchEvent::Listed(mut object) | WatchEvent::Applied(mut object) => {
                    if object.observed.is_managed() && core.is_others(ty, &self.server, &object.key) {
                        object.observed = object.observed.shortened();
                    }
                    if let Some(change) = cache.applied(&object.key, object.observed) {
                        self.changed(core, ty, &object.key, &change);
                    }
                }
                WatchEvent::Deleted(object) => {
                    if cache.deleted(&object.key, &object.observed) {
                        self.changed(core, ty, &object.key, &Change { before: None, after: None });
                    }
                }
                WatchEvent::Synced => {
                    let first = cache.sync() != Sync::Synced;
                    waiting = false;
                    let left_out = cache.synced();
                    for gone in left_out.gone {
                        self.changed(core, ty, &gone, &Change { before: None, after: None });
                    }
                    for (key, last) in left_out.unclear {
                        let answer = member.get(&ty.ty.target, &key).await;
                        if answer.is_err_and(|f| f.is_not_found()) && cache.deleted(&key, &last) {
                            self.changed(core, ty, &key, &Change { before: None, after: None });
                        }
                    }
                    if first {
                        debug!(server = %self.server, r#type = %ty.ty.name, "member's objects are known");
                        core.fan_out_server(ty, &self.server);
                    }
                }
                WatchEvent::Failed(failure) => {
                    if failure.lacks_rights() {
                        cache.forbidden(&failure.to_string());
                    }
                    self.list_fails(core, ty, &failure.to_string());
                }
            }
        }
    }

    fn list_fails(&self, core: &Arc<Core>, ty: &Arc<TypeState>, words: &str) {
        if !ty.cache(&self.server).failing(words) {
            return;
        }
        warn!(server = %self.server, r#type = %ty.ty.name, error = words, "cannot list a member's objects");
        for key in ty.keys() {
            core.fan_out(ty, &key, Priority::Resync);
        }
    }

    /// A member's object changed: whatever it belongs to is looked at.
    fn changed(&self, core: &Arc<Core>, ty: &Arc<TypeState>, target: &ObjectKey, change: &Change) {
        if ty.cache(&self.server).sync() != Sync::Synced || !core.can_plan(ty) {
            return; // everything is looked at when the list is complete
        }
        for origin in core.origins(ty, &self.server, target) {
            if ty.is_elsewhere(&origin) {
                continue;
            }
            if change.is_status_only() {
                if ty.ty.collect_status {
                    ty.queue.push(origin, Priority::Resync);
                }
                continue;
            }
            if ty.entry(&origin).is_some() || change.after.is_some() {
                self.push(ty, origin, Priority::Change);
            }
        }
    }
}
