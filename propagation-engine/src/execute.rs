//! Carries a decision out: the only place that writes to members.

use std::sync::Arc;
use std::time::Duration;

use federation_model::{ObjectKey, reason};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::Value;
use tokio::time::Instant;
use tracing::{debug, info};

use crate::contest::{words_of_changes, words_of_deletes};
use crate::core::Core;
use crate::lane::Lane;
use crate::observed::Observed;
use crate::outcome::{Operation, Outcome};
use crate::plan::{Decision, Recorded, TargetPlan, update_of};
use crate::ports::{ApiFailure, FIELD_MANAGER, Member, NamedObserved, Notice};
use crate::registry::ClusterInfo;
use crate::retry::Breaker;
use crate::rights;
use crate::selection::Selection;
use crate::type_state::TypeState;

/// What came of a decision.
pub(crate) struct Result {
    pub(crate) outcome: Outcome,
    /// What to record: `None` leaves the record as it is.
    pub(crate) recorded: Option<Option<Recorded>>,
    pub(crate) again: Again,
}

/// Whether the object is to be looked at again though nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    No,
    /// It failed.
    AfterBackoff,
    In(Duration),
}

impl Result {
    fn settled(outcome: Outcome, recorded: Option<Option<Recorded>>) -> Self {
        Self { outcome, recorded, again: Again::No }
    }
}

/// How often an update is made anew when the member's object moved on meanwhile.
const CONFLICT_TRIES: usize = 3;

/// One member, one object, one piece of work.
struct Errand<'a> {
    core: &'a Arc<Core>,
    lane: &'a Lane,
    ty: &'a TypeState,
    selection: &'a Selection,
    target: &'a ObjectKey,
    /// The cluster under whose name the work is noted.
    holder: &'a str,
    /// The cluster whose access is used.
    cluster: &'a ClusterInfo,
    member: &'a dyn Member,
    /// Whether it answers a change that somebody made on the member.
    correction: bool,
    breaker: &'a Breaker,
}

/// Carries a decision out. While what was written is contested there, the outcome says so.
pub(crate) async fn execute(
    core: &Arc<Core>,
    lane: &Lane,
    ty: &TypeState,
    selection: &Selection,
    plan: TargetPlan,
) -> Result {
    let (key, cluster) = (selection.entry.key.clone(), plan.clusters[0].name.clone());
    let result = carry_out(core, lane, ty, selection, plan).await;
    if result.outcome != Outcome::Current {
        return result;
    }
    match ty.corrections(&key, &cluster).contest(Instant::now()) {
        Some((words, left)) => Result { recorded: result.recorded, ..contested(words, left) },
        None => result,
    }
}

fn contested(words: &str, again: Duration) -> Result {
    Result { again: Again::In(again), ..problem(reason::CONTESTED, words.to_owned()) }
}

async fn carry_out(
    core: &Arc<Core>,
    lane: &Lane,
    ty: &TypeState,
    selection: &Selection,
    plan: TargetPlan,
) -> Result {
    let TargetPlan { target, clusters, decision } = plan;
    let revision = selection.entry.revision(&clusters[0].name).to_owned();
    // Decisions without a write.
    let decision = match decision {
        Decision::Absent => return Result::settled(Outcome::Absent, Some(None)),
        Decision::Held { due } => return Result::settled(Outcome::Held { due }, None),
        Decision::WaitForRemoval => return Result::settled(Outcome::WaitingForRemoval, None),
        Decision::Problem { reason, message } => {
            return Result::settled(Outcome::Problem { reason, message }, None);
        }
        Decision::Current => {
            let recorded = ty.cache(&lane.server).get(&target).map(|o| Some(record(&revision, &o)));
            return Result::settled(Outcome::Current, recorded);
        }
        write => write,
    };
    let correction = match &decision {
        Decision::Update { drift, .. } => *drift,
        // It was written, and is not there (or not visible) any more.
        Decision::Create(_) => {
            ty.recorded(&selection.entry.key, &clusters[0].name).is_some_and(|r| r.revision == revision)
        }
        _ => false,
    };
    if correction {
        let (history, now) = (ty.corrections(&selection.entry.key, &clusters[0].name), Instant::now());
        let wait = history.wait(now);
        if let Some((words, _)) = history.contest(now).filter(|_| !wait.is_zero()) {
            return contested(words, wait);
        }
    }
    let Some(cluster) = clusters.iter().find(|c| c.ready) else {
        let message = clusters[0].trouble.clone();
        return Result::settled(Outcome::Problem { reason: reason::CLUSTER_NOT_READY, message }, None);
    };
    let Some(member) = core.member(&cluster.name) else {
        let message = "no client for it: check its KubeFedCluster and Secret".to_owned();
        return Result::settled(Outcome::Problem { reason: reason::CLIENT_RETRIEVAL_FAILED, message }, None);
    };
    if !core.may_write() {
        let message = "this replica does not lead any more".to_owned();
        return Result {
            outcome: Outcome::Problem { reason: reason::PENDING, message },
            recorded: None,
            again: Again::In(Core::FORBIDDEN),
        };
    }
    let breaker = lane.breaker(&member);
    if let Err((wait, words)) = breaker.admit(Instant::now()) {
        let message = format!("its API server is in trouble: {words}");
        return Result {
            outcome: Outcome::Problem { reason: reason::CLUSTER_NOT_READY, message },
            recorded: None,
            again: Again::In(wait),
        };
    }
    let errand = Errand {
        core,
        lane,
        ty,
        selection,
        target: &target,
        holder: &clusters[0].name,
        cluster,
        member: &*member,
        correction,
        breaker: &breaker,
    };
    match decision {
        Decision::Create(object) => errand.create(object, &revision).await,
        Decision::Update { object, .. } => errand.update(object, &revision).await,
        Decision::Delete(options) => errand.delete(options).await,
        Decision::RemoveLabel => errand.remove_label().await,
        _ => Result::settled(Outcome::Current, None),
    }
}

/// There is no federated object, but members hold managed ones of its name: the label comes off, the objects stay
/// (KubeFed). Answers whether nothing failed.
pub(crate) async fn release_orphan(core: &Arc<Core>, lane: &Lane, ty: &TypeState, key: &ObjectKey) -> bool {
    let clusters = core.clusters();
    let cache = ty.cache(&lane.server);
    let target_on = |cluster: &ClusterInfo| cluster.target_key(key, ty.ty.namespaced, ty.ty.namespaces);
    // To a cell with name templates, the same object may be that of another federated one.
    let is_anyones =
        |target: &ObjectKey| core.origins(ty, &lane.server, target).iter().any(|key| ty.knows(key));
    let mut held = clusters.on(&lane.server).to_vec();
    held.retain(|c| c.ready && cache.get(&target_on(c)).is_some_and(|_| !is_anyones(&target_on(c))));
    if held.is_empty() {
        return true;
    }
    // The engine of another shard may have written it for an object that this one's watch has not told of yet.
    match core.ports.host.has(&ty.ty.federated, key).await {
        Ok(false) => {}
        Ok(true) => return true,
        Err(failure) => {
            debug!(object = %key, %failure, "cannot ask whether there is a federated object");
            return false;
        }
    }
    let mut ok = true;
    for cluster in held.iter().filter(|_| core.may_write()) {
        let target = target_on(cluster);
        let Some(member) = core.member(&cluster.name) else { continue };
        info!(cluster = cluster.name, target = %target, "no federated object: the managed label is removed");
        match member.remove_label(&ty.ty.target, &target).await {
            Ok(()) => cache.forget(&target),
            Err(failure) if failure.is_not_found() => cache.forget(&target),
            Err(failure) => {
                debug!(cluster = cluster.name, %failure, "label not removed");
                ok = false;
            }
        }
    }
    ok
}

fn record(revision: &str, observed: &Observed) -> Recorded {
    Recorded {
        revision: revision.to_owned(),
        version: observed.version(),
        resource_version: observed.resource_version.clone(),
        content_hash: Some(observed.content_hash),
    }
}

impl Errand<'_> {
    async fn create(&self, object: Value, revision: &str) -> Result {
        let started = Instant::now();
        let answer = self.member.create(&self.ty.ty.target, object).await;
        self.answered(Operation::Create, started, answer.as_ref().err());
        match answer {
            Ok(stored) => {
                self.notice(Operation::Create, None);
                if self.correction {
                    self.corrected(words_of_deletes());
                }
                if self.ty.ty.namespaces {
                    self.core.namespace_made(&self.selection.entry.key.name, &self.lane.server);
                }
                self.stored(stored, revision)
            }
            Err(failure) if failure.is_already_exists() => self.adopt(revision).await,
            Err(failure) => self.failed(Operation::Create, &failure),
        }
    }

    /// The member has an object of that name already.
    async fn adopt(&self, revision: &str) -> Result {
        let is_host_namespace = self.ty.ty.namespaces && self.core.is_host(&self.lane.server);
        let live = match self.live().await {
            Ok(live) => live,
            Err(failure) => return self.failed(Operation::Read, &failure),
        };
        if live.deleting {
            return Result {
                again: Again::AfterBackoff,
                ..Result::settled(Outcome::WaitingForRemoval, None)
            };
        }
        if !self.core.settings.adopt && !is_host_namespace && !live.is_managed() {
            let message = format!(
                "{} {} exists there and adoption is off; delete it there, or set syncController.adoptResources to Enabled",
                self.ty.ty.target.kind, self.target
            );
            return Result::settled(Outcome::Problem { reason: reason::ALREADY_EXISTS, message }, None);
        }
        if live.refuses_management() {
            return Result::settled(refused_management(), None);
        }
        match update_of(self.selection, &self.ty.ty, self.target, &self.cluster.name, &live) {
            Ok(object) => self.update(object, revision).await,
            Err(error) => problem(error.reason(), error.to_string()),
        }
    }

    async fn update(&self, mut object: Value, revision: &str) -> Result {
        let words = self.words_of_contest(&object).await;
        for attempt in 1.. {
            let base = object.pointer("/metadata/resourceVersion").and_then(Value::as_str).map(str::to_owned);
            let started = Instant::now();
            let answer = self.member.update(&self.ty.ty.target, self.target, object).await;
            self.answered(Operation::Update, started, answer.as_ref().err());
            match answer {
                Ok(stored) => {
                    // A write that changed nothing undid nothing: what moved on was the member's own.
                    if self.correction && base.as_ref() != Some(&stored.observed.resource_version) {
                        debug!(cluster = self.cluster.name, target = %self.target, "drift corrected");
                        self.corrected(words);
                    }
                    self.notice(Operation::Update, None);
                    return self.stored(stored, revision);
                }
                Err(failure) if failure.is_conflict() && attempt < CONFLICT_TRIES => {
                    // The member's object moved on; what it says now is the base of another try.
                    let live = match self.live().await {
                        Ok(live) => live,
                        Err(failure) if failure.is_not_found() => return self.vanished(),
                        Err(failure) => return self.failed(Operation::Read, &failure),
                    };
                    if live.refuses_management() {
                        return Result::settled(refused_management(), None);
                    }
                    match update_of(self.selection, &self.ty.ty, self.target, &self.cluster.name, &live) {
                        Ok(again) => object = again,
                        Err(error) => return problem(error.reason(), error.to_string()),
                    }
                }
                Err(failure) if failure.is_not_found() => return self.vanished(),
                Err(failure) => return self.failed(Operation::Update, &failure),
            }
        }
        self.vanished()
    }

    /// The object is gone although we knew of it: it is planned anew at once.
    fn vanished(&self) -> Result {
        self.ty.cache(&self.lane.server).forget(self.target);
        Result {
            outcome: Outcome::Problem {
                reason: reason::UPDATE_FAILED,
                message: "the object was deleted there meanwhile; it is created again".to_owned(),
            },
            recorded: None,
            again: Again::In(Duration::ZERO),
        }
    }

    async fn delete(&self, options: DeleteOptions) -> Result {
        let started = Instant::now();
        let answer = self.member.delete(&self.ty.ty.target, self.target, options).await;
        let not_found = answer.as_ref().err().is_some_and(ApiFailure::is_not_found);
        self.answered(Operation::Delete, started, answer.as_ref().err().filter(|f| !f.is_not_found()));
        match answer {
            Ok(()) => {
                self.notice(Operation::Delete, None);
                // The watch tells when it is gone.
                Result::settled(Outcome::WaitingForRemoval, None)
            }
            Err(_) if not_found => {
                self.ty.cache(&self.lane.server).forget(self.target);
                Result::settled(Outcome::Absent, Some(None))
            }
            Err(failure) => self.failed(Operation::Delete, &failure),
        }
    }

    async fn remove_label(&self) -> Result {
        let started = Instant::now();
        let answer = self.member.remove_label(&self.ty.ty.target, self.target).await;
        self.answered(Operation::RemoveLabel, started, answer.as_ref().err().filter(|f| !f.is_not_found()));
        match answer {
            Err(failure) if !failure.is_not_found() => self.failed(Operation::RemoveLabel, &failure),
            done => {
                if done.is_ok() {
                    self.notice(Operation::RemoveLabel, None);
                }
                self.ty.cache(&self.lane.server).forget(self.target);
                Result::settled(Outcome::Absent, Some(None))
            }
        }
    }

    /// The object as the member has it, managed or not.
    async fn live(&self) -> std::result::Result<Observed, ApiFailure> {
        let object = self.member.get(&self.ty.ty.target, self.target).await?;
        Ok(Observed::of(&self.ty.ty.retained, object))
    }

    /// Who contests what is about to be written: asked of the member once a contest begins, as what is kept of its
    /// objects does not say.
    async fn words_of_contest(&self, wanted: &Value) -> String {
        let history = self.ty.corrections(&self.selection.entry.key, self.holder);
        if !self.correction || !history.next_is_contested(Instant::now()) {
            return String::new();
        }
        let live = self.member.get(&self.ty.ty.target, self.target).await.unwrap_or_default();
        words_of_changes(&live, wanted, FIELD_MANAGER)
    }

    /// A change that somebody made on the member was undone.
    fn corrected(&self, words: String) {
        self.ty.with_work(&self.selection.entry.key, |work| {
            let cluster = work.clusters.entry(self.holder.to_owned()).or_default();
            cluster.corrections.corrected(Instant::now(), words);
        });
    }

    fn stored(&self, stored: NamedObserved, revision: &str) -> Result {
        let recorded = record(revision, &stored.observed);
        // Known before the watch says so, and before the next plan of this object.
        self.ty.cache(&self.lane.server).written(&stored.key, stored.observed);
        Result::settled(Outcome::Current, Some(Some(recorded)))
    }

    fn failed(&self, operation: Operation, failure: &ApiFailure) -> Result {
        self.notice(operation, Some(failure));
        debug!(cluster = self.cluster.name, target = %self.target, operation = operation.name(), %failure, "failed");
        let mut message = failure.to_string();
        if failure.lacks_rights() {
            message = format!("{message}; {}", rights::advice(self.cluster));
        }
        Result {
            outcome: Outcome::Problem { reason: operation.failure_reason(failure), message },
            recorded: None,
            again: Again::AfterBackoff,
        }
    }

    /// Tells the breaker and the telemetry of an answer.
    fn answered(&self, operation: Operation, started: Instant, failure: Option<&ApiFailure>) {
        match failure {
            Some(failure) if failure.is_server_trouble() => {
                self.breaker.failed(Instant::now(), &failure.to_string(), &self.core.ports.chance);
            }
            _ => self.breaker.succeeded(),
        }
        self.core.ports.telemetry.dispatched(
            operation.name(),
            &self.cluster.name,
            failure.is_none(),
            started.elapsed(),
        );
    }

    /// Shows an event on the federated object, in KubeFed's words.
    fn notice(&self, operation: Operation, failure: Option<&ApiFailure>) {
        let (done, failed) = operation.event_reasons();
        let what = format!(
            "{} {} \"{}\" in cluster \"{}\"",
            operation.gerund(),
            self.ty.ty.target.kind,
            self.target,
            self.cluster.name
        );
        self.core.ports.host.notice(Notice {
            ty: self.ty.ty.federated.clone(),
            key: self.selection.entry.key.clone(),
            uid: self.selection.entry.uid().to_owned(),
            warning: failure.is_some(),
            reason: if failure.is_some() { failed } else { done },
            message: failure.map_or_else(|| what.clone(), |f| format!("{what}: {f}")),
        });
    }
}

fn problem(reason: &'static str, message: String) -> Result {
    Result::settled(Outcome::Problem { reason, message }, None)
}

fn refused_management() -> Outcome {
    Outcome::Problem {
        reason: reason::MANAGED_LABEL_FALSE,
        message: "its object says kubefed.io/managed: \"false\"; take that label off to let it be managed"
            .to_owned(),
    }
}
