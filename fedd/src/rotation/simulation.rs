//! The two actions on a host and a member that are maps, killed between any two steps, by one or by several at once: the
//! token that is stored opens the member at every moment, and in the end every previous one is revoked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use federation_model::TOKEN_KEY;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use parking_lot::Mutex;
use propagation_engine::kube_ports::Token;
use proptest::prelude::*;
use serde_json::json;

use super::claims::{Account, Anchor, Claims, Life};
use super::decide::{Action, LEFT, Policy, decide};
use super::record::{ROTATE, SUPERSEDED, TOKEN_LIFE, superseded};
use super::step::{Change, OnHost, OnMember, Overtaken, Revoked, is_slot, renew, revoke, state};

/// Host and member.
struct World {
    state: Mutex<Inside>,
}

struct Inside {
    /// By the federation's clock, in seconds.
    now: i64,
    /// How far the member's clock is ahead.
    skew: i64,
    secret: Secret,
    /// Secrets on the member: their uids by their names.
    anchors: BTreeMap<String, String>,
    /// Whether the account may make and delete Secrets.
    may_anchor: bool,
    made: u64,
    /// Tokens that were ever stored.
    stored: BTreeSet<String>,
}

const LENGTH: i64 = 3000;

impl Inside {
    fn token(&mut self, anchor: Option<&Anchor>, length: Option<i64>) -> Token {
        self.made += 1;
        let account = json!({"name": "rz00", "uid": "u"});
        let issued = self.now + self.skew;
        let claims = match length {
            Some(length) => {
                let mut bound = json!({"namespace": "fed", "serviceaccount": account});
                if let Some(anchor) = anchor {
                    bound["secret"] = json!({"name": anchor.name, "uid": anchor.uid});
                }
                json!({"jti": self.made, "iat": issued, "exp": issued + length, "kubernetes.io": bound})
            }
            None => json!({
                "kubernetes.io/serviceaccount/namespace": "fed",
                "kubernetes.io/serviceaccount/secret.name": anchor.map(|anchor| &anchor.name),
                "kubernetes.io/serviceaccount/service-account.name": "rz00",
                "kubernetes.io/serviceaccount/service-account.uid": "u",
            }),
        };
        Token::new(&format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))).unwrap()
    }

    fn opens(&self, token: &Token) -> bool {
        let claims = Claims::of(token).unwrap();
        let is_held = claims.anchor.is_none_or(|anchor| {
            self.anchors.get(&anchor.name).is_some_and(|uid| anchor.uid.is_none_or(|of| of == *uid))
        });
        is_held && claims.life.is_none_or(|life| life.expires.as_second() > self.now + self.skew)
    }

    fn store(&mut self, token: &Token) {
        let data = BTreeMap::from([(TOKEN_KEY.to_owned(), ByteString(token.expose().as_bytes().to_vec()))]);
        self.secret.data = Some(data);
        self.stored.insert(token.expose().to_owned());
    }

    fn stored(&self) -> Token {
        Token::of_secret(&self.secret).unwrap()
    }
}

impl World {
    /// `is_noted`: the first token was put there by `fedd join`, which notes when that was.
    fn new(eternal: bool, is_noted: bool, may_anchor: bool, skew: i64) -> Arc<Self> {
        let mut inside = Inside {
            now: 1_000_000,
            skew,
            secret: Secret::default(),
            anchors: BTreeMap::new(),
            may_anchor,
            made: 0,
            stored: BTreeSet::new(),
        };
        let holder = eternal.then(|| Anchor { name: "rz00-x7k2p".to_owned(), uid: None });
        if let Some(holder) = &holder {
            inside.anchors.insert(holder.name.clone(), "legacy".to_owned());
        }
        let first = inside.token(holder.as_ref(), (!eternal).then_some(LENGTH));
        inside.store(&first);
        // From when on, by the federation's clock.
        if let Some(life) = Claims::of(&first).unwrap().life.filter(|_| is_noted) {
            let noted = Life { issued: Timestamp::from_second(inside.now).unwrap(), ..life };
            inside.secret.annotations_mut().insert(TOKEN_LIFE.to_owned(), noted.text());
        }
        inside.secret.metadata.resource_version = Some("1".to_owned());
        Arc::new(Self { state: Mutex::new(inside) })
    }
}

/// Who acts, and after how many effects he is killed.
struct Actor {
    world: Arc<World>,
    left: Mutex<usize>,
}

#[derive(Debug, thiserror::Error)]
#[error("killed")]
struct Killed;

impl Actor {
    /// One effect, during which others get their turn; the last one of somebody who is killed may or may not be done.
    async fn effect<T>(&self, effect: impl FnOnce(&mut Inside) -> T) -> anyhow::Result<T> {
        tokio::task::yield_now().await;
        {
            let mut left = self.left.lock();
            if *left == 0 {
                return Err(Killed.into());
            }
            *left -= 1;
        }
        let done = {
            let mut inside = self.world.state.lock();
            let done = effect(&mut inside);
            let stored = inside.stored();
            assert!(inside.opens(&stored), "locked out");
            done
        };
        if *self.left.lock() == 0 {
            return Err(Killed.into());
        }
        Ok(done)
    }

    /// What the controllers do, until there is nothing to do.
    async fn act(&self, policy: &Policy) -> anyhow::Result<()> {
        loop {
            let (secret, now) = self.effect(|inside| (inside.secret.clone(), inside.now)).await?;
            let token = self.token(&secret).await?;
            // Long in use: that it settles is the keeper's.
            let known = state(&secret, &token, policy.settle);
            let now = move || Timestamp::from_second(now).unwrap();
            let outcome = match decide(&known, policy, now()) {
                Action::Renew => renew(self, self, &secret, policy.lasting, now).await.map(drop),
                Action::Revoke => revoke(self, self, &secret).await.map(drop),
                Action::Wait(_) | Action::Nothing => return Ok(()),
            };
            match outcome {
                Err(error) if error.is::<Overtaken>() => {}
                Err(error) if error.to_string().contains("unauthorized") => {}
                other => other?,
            }
        }
    }
}

fn authorised(inside: &Inside, with: &Token) -> anyhow::Result<()> {
    anyhow::ensure!(inside.opens(with), "unauthorized");
    Ok(())
}

#[async_trait]
impl OnHost for Actor {
    async fn token(&self, secret: &Secret) -> anyhow::Result<Token> {
        Ok(Token::of_secret(secret).unwrap())
    }

    async fn write(&self, secret: &Secret, change: &Change) -> anyhow::Result<()> {
        self.effect(|inside| {
            if inside.secret.metadata.resource_version != secret.metadata.resource_version {
                return Err(Overtaken.into());
            }
            let annotations = inside.secret.annotations_mut();
            annotations.remove(SUPERSEDED);
            if let Some(anchor) = &change.superseded {
                annotations.insert(SUPERSEDED.to_owned(), anchor.text());
            }
            if let Some((token, life)) = &change.token {
                annotations.insert(TOKEN_LIFE.to_owned(), life.text());
                annotations.remove(ROTATE);
                inside.store(token);
            }
            inside.made += 1;
            inside.secret.metadata.resource_version = Some(format!("v{}", inside.made));
            Ok(())
        })
        .await?
    }
}

#[async_trait]
impl OnMember for Actor {
    async fn anchor(&self, with: &Token, _: &Account, name: &str) -> anyhow::Result<Option<Anchor>> {
        self.effect(|inside| {
            authorised(inside, with)?;
            if !inside.may_anchor {
                return Ok(None);
            }
            inside.made += 1;
            let uid = format!("uid{}", inside.made);
            let uid = inside.anchors.entry(name.to_owned()).or_insert(uid).clone();
            Ok(Some(Anchor { name: name.to_owned(), uid: Some(uid) }))
        })
        .await?
    }

    async fn request(
        &self,
        with: &Token,
        _: &Account,
        lasting: Duration,
        anchor: Option<&Anchor>,
    ) -> anyhow::Result<Token> {
        self.effect(|inside| {
            authorised(inside, with)?;
            Ok(inside.token(anchor, Some(i64::try_from(lasting.as_secs()).unwrap())))
        })
        .await?
    }

    async fn prove(&self, token: &Token) -> anyhow::Result<()> {
        self.effect(|inside| authorised(inside, token)).await?
    }

    async fn revoke(&self, with: &Token, account: &Account, anchor: &Anchor) -> anyhow::Result<Revoked> {
        self.effect(|inside| {
            authorised(inside, with)?;
            let uid = inside.anchors.get(&anchor.name).cloned();
            if !inside.may_anchor {
                return Ok(Revoked::Left);
            }
            let is_it = uid.is_some() && anchor.uid.as_ref().is_none_or(|of| Some(of) == uid.as_ref());
            if is_it {
                assert!(anchor.uid.is_none() || is_slot(&anchor.name, account));
                inside.anchors.remove(&anchor.name);
            }
            Ok(Revoked::Deleted)
        })
        .await?
    }
}

fn policy() -> Policy {
    Policy {
        left: LEFT,
        lasting: Some(Duration::from_secs(LENGTH.unsigned_abs())),
        replaces_eternal: true,
        settle: Duration::from_secs(60),
    }
}

/// Kills, one after another or several at once, and at last somebody who lives.
async fn run(world: &Arc<World>, kills: &[(bool, usize)]) {
    let policy = policy();
    let mut at_once = Vec::new();
    for (waits, effects) in kills {
        let (world, policy) = (world.clone(), policy.clone());
        let actor = Actor { world, left: Mutex::new(*effects) };
        at_once.push(async move {
            let ended = actor.act(&policy).await;
            assert!(ended.is_ok() || ended.is_err_and(|error| error.is::<Killed>()));
        });
        if *waits {
            futures::future::join_all(at_once.drain(..)).await;
        }
    }
    futures::future::join_all(at_once).await;
    let last = Actor { world: world.clone(), left: Mutex::new(usize::MAX) };
    last.act(&policy).await.unwrap();
}

fn rotate(eternal: bool, is_noted: bool, may_anchor: bool, skew: i64, rounds: &[Vec<(bool, usize)>]) {
    let world = World::new(eternal, is_noted, may_anchor, skew);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for kills in rounds {
        world.state.lock().now += LENGTH * 9 / 10;
        let before = world.state.lock().stored();
        runtime.block_on(run(&world, kills));
        let inside = world.state.lock();
        let now = inside.stored();
        assert_ne!(before, now, "not renewed");
        assert!(inside.opens(&now) && superseded(&inside.secret).is_none());
        if may_anchor {
            assert!(inside.anchors.len() <= 2, "{:?}", inside.anchors);
            let bound_before = Claims::of(&before).unwrap().anchor;
            assert!(bound_before.is_none() || !inside.opens(&before), "the previous one still opens it");
        }
    }
}

#[test]
fn a_kill_after_any_effect_does_no_harm() {
    for eternal in [false, true] {
        for may_anchor in [false, true] {
            for effects in 0..12 {
                let calm = vec![(true, usize::MAX)];
                rotate(
                    eternal,
                    true,
                    may_anchor,
                    0,
                    &[vec![(true, effects)], calm.clone(), vec![(true, effects)], calm],
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn nor_do_many_kills_and_many_who_act_at_once(
        eternal: bool, is_noted: bool, may_anchor: bool, skew in -2_000_000_i64..2_000_000,
        rounds in prop::collection::vec(prop::collection::vec((any::<bool>(), 0_usize..14), 0..5), 1..5),
    ) {
        rotate(eternal, is_noted, may_anchor, skew, &rounds);
    }
}

/// What the test is worth: revoking before the new token is stored is noticed.
#[test]
#[should_panic(expected = "locked out")]
fn the_simulation_notices_a_member_that_is_locked_out() {
    let world = World::new(true, true, true, 0);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let actor = Actor { world: world.clone(), left: Mutex::new(usize::MAX) };
    let stored = world.state.lock().stored();
    let claims = Claims::of(&stored).unwrap();
    let _ = runtime.block_on(actor.revoke(&stored, &claims.account, &claims.anchor.unwrap()));
}
