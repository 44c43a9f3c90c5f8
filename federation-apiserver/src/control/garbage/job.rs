//! What is done about one object, from facts that are read at that moment.

use serde_json::Value;
use thiserror::Error;

use super::metadata::{self, Owner};
use crate::control::finalizers;
use crate::control::hand::Hand;
use crate::control::stored::{Place, Stored};
use crate::object;
use crate::request::DeleteOptions;
use crate::rest::{At, FOREGROUND, ORPHAN};
use crate::status::ApiError;

/// Something to be done.
pub(super) enum Job {
    /// Are its owners there?
    Check {
        key: String,
        /// It is an owner itself.
        has_dependents: bool,
        /// A dependent of it waits for its own dependents: there may be a circle.
        circle: bool,
    },
    /// It need not wait for dependents any more.
    Release { key: String },
    /// Its dependents are to be on their own.
    Orphan { key: String, dependents: Vec<Dependent> },
}

/// An object with a reference to another.
pub(super) struct Dependent {
    pub(super) uid: String,
    pub(super) key: String,
}

/// Why something could not be done; it may be possible later.
#[derive(Debug, Error)]
pub(super) enum NotYet {
    #[error("no resource is served that is stored as {0}")]
    Stored(String),
    #[error("no kind {kind} is served in {api_version}")]
    Kind { api_version: String, kind: String },
    #[error(transparent)]
    Refused(#[from] ApiError),
}

/// An owner as it is.
enum State {
    /// There, and to stay or to go by itself.
    Solid,
    /// There, and waiting for its dependents to go.
    Waiting,
    /// Not there.
    Absent,
    /// It cannot be known.
    Unknowable,
}

impl Job {
    pub(super) async fn run(self, hand: &Hand, stored: &Stored, uid: &str) -> Result<(), NotYet> {
        match self {
            Self::Check { key, has_dependents, circle } => {
                let place = place(stored, &key)?;
                check(hand, stored, place.at(), uid, has_dependents, circle).await
            }
            Self::Release { key } => release(hand, place(stored, &key)?.at(), uid, FOREGROUND).await,
            Self::Orphan { key, dependents } => {
                let owner = [uid.to_owned()];
                for dependent in dependents {
                    let place = place(stored, &dependent.key)?;
                    let is_it = |object: &Value| object::uid(object) == dependent.uid;
                    hand.edit(place.at(), |object| is_it(object) && metadata::remove_owners(object, &owner))
                        .await?;
                }
                release(hand, place(stored, &key)?.at(), uid, ORPHAN).await
            }
        }
    }
}

fn place<'a>(stored: &'a Stored, key: &'a str) -> Result<Place<'a>, NotYet> {
    stored.place(key).ok_or_else(|| NotYet::Stored(key.to_owned()))
}

async fn release(hand: &Hand, at: At<'_>, uid: &str, finalizer: &str) -> Result<(), NotYet> {
    let is_it = |object: &Value| object::uid(object) == uid && object::is_deleting(object);
    hand.edit(at, |object| is_it(object) && finalizers::remove(object, finalizer)).await?;
    Ok(())
}

async fn check(
    hand: &Hand,
    stored: &Stored,
    at: At<'_>,
    uid: &str,
    has_dependents: bool,
    circle: bool,
) -> Result<(), NotYet> {
    let Some(object) = hand.get(at).await? else { return Ok(()) };
    // One that is to go already does not need to be told.
    if object::uid(&object) != uid || object::is_deleting(&object) {
        return Ok(());
    }
    let (mut solid, mut waiting, mut gone) = (false, false, Vec::new());
    for owner in metadata::owners(&object) {
        match state(hand, stored, at, &owner).await? {
            State::Solid => solid = true,
            State::Waiting => {
                waiting = true;
                gone.push(owner.uid);
            }
            State::Absent => gone.push(owner.uid),
            State::Unknowable => {
                tracing::debug!(
                    uid,
                    owner = owner.uid,
                    "an owner cannot be looked for; the object is left alone"
                );
                return Ok(());
            }
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    let is_it = |object: &Value| object::uid(object) == uid;
    if solid {
        // An owner that waits would otherwise wait for an object that stays.
        hand.edit(at, |object| is_it(object) && metadata::remove_owners(object, &gone)).await?;
        return Ok(());
    }
    let foreground = waiting && has_dependents;
    let mut version = object::text(&object, "resourceVersion").to_owned();
    if foreground && circle {
        let edited = hand.edit(at, |object| is_it(object) && metadata::unblock_owners(object)).await?;
        let Some(object) = edited else { return Ok(()) };
        object::text(&object, "resourceVersion").clone_into(&mut version);
    }
    let has = object::finalizers(&object);
    let policy = match () {
        () if foreground => "Foreground",
        () if has.contains(&ORPHAN) => "Orphan",
        () if has.contains(&FOREGROUND) => "Foreground",
        () => "Background",
    };
    let options = DeleteOptions {
        propagation_policy: Some(policy.to_owned()),
        uid: Some(uid.to_owned()),
        // Whoever changes the object in between may have given it an owner.
        resource_version: Some(version),
        ..DeleteOptions::default()
    };
    hand.delete(at, &options).await?;
    Ok(())
}

/// An owner of the object at a place, as the store has it. An owner is in its dependent's namespace, or in none.
async fn state(hand: &Hand, stored: &Stored, dependent: At<'_>, owner: &Owner) -> Result<State, NotYet> {
    let (group, version) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
    let Some(resource) = stored.served().of_kind(group, version, &owner.kind) else {
        let Owner { api_version, kind, .. } = owner.clone();
        return Err(NotYet::Kind { api_version, kind });
    };
    let lost = resource.namespaced && dependent.namespace.is_none();
    if lost || owner.name.is_empty() || owner.name.contains('/') {
        return Ok(State::Unknowable);
    }
    let namespace = dependent.namespace.filter(|_| resource.namespaced);
    let at = At { resource, namespace, name: &owner.name, subresource: None };
    Ok(match hand.get(at).await? {
        Some(live) if object::uid(&live) != owner.uid => State::Absent,
        Some(live) if object::is_deleting(&live) && object::finalizers(&live).contains(&FOREGROUND) => {
            State::Waiting
        }
        Some(_) => State::Solid,
        None => State::Absent,
    })
}
