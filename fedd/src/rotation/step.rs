//! The two actions of a rotation, over ports: what is done in which order, so that an end at any point does no harm.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use propagation_engine::kube_ports::Token;

use super::claims::{Account, Anchor, Claims, Life};
use super::decide::{Kind, State};
use super::record::{is_asked_for, put_at, superseded};

/// The federation's side.
#[async_trait]
pub trait OnHost: Send + Sync {
    /// The token of a Secret.
    ///
    /// # Errors
    /// There is none, or it does not open.
    async fn token(&self, secret: &Secret) -> anyhow::Result<Token>;

    /// Writes a change, sealed where tokens are sealed, if the Secret is still as it was read.
    ///
    /// # Errors
    /// The API server refused it or did not answer; [`Overtaken`] if somebody else changed the Secret meanwhile.
    async fn write(&self, secret: &Secret, change: &Change) -> anyhow::Result<()>;
}

/// The member's side, as the federation's account there.
#[async_trait]
pub trait OnMember: Send + Sync {
    /// Makes sure that a Secret of this name is there for a token to be bound to. None if the account may not make one, or
    /// there is one that is somebody else's.
    ///
    /// # Errors
    /// The member refused it or did not answer.
    async fn anchor(&self, with: &Token, account: &Account, name: &str) -> anyhow::Result<Option<Anchor>>;

    /// Requests another token of the account.
    ///
    /// # Errors
    /// The member refused it or did not answer.
    async fn request(
        &self,
        with: &Token,
        account: &Account,
        lasting: Duration,
        anchor: Option<&Anchor>,
    ) -> anyhow::Result<Token>;

    /// Opens the member as the control plane does.
    ///
    /// # Errors
    /// It does not open.
    async fn prove(&self, token: &Token) -> anyhow::Result<()>;

    /// Deletes what keeps a previous token valid, if it is the federation's to delete.
    ///
    /// # Errors
    /// The member did not answer.
    async fn revoke(&self, with: &Token, account: &Account, anchor: &Anchor) -> anyhow::Result<Revoked>;
}

/// What is written into a Secret.
#[derive(Debug)]
pub struct Change {
    /// A new token, with its life from the moment of the write; none to leave it.
    pub token: Option<(Token, Life)>,
    /// What is to be revoked from now on; none for nothing.
    pub superseded: Option<Anchor>,
}

/// The Secret was changed by somebody else meanwhile. Whatever it is now is looked at anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Secret was changed by somebody else meanwhile")]
pub struct Overtaken;

/// What became of a previous token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// What kept it valid is deleted, or was gone.
    Deleted,
    /// It is left, valid: the account may not delete that, or it is not the federation's.
    Left,
}

/// The life of a token that takes the place of one that never expires: what `fedd join` asks for.
const A_YEAR: Duration = Duration::from_secs(8760 * 60 * 60);

/// What is known of the token of a Secret.
pub fn state(secret: &Secret, token: &Token, in_use_for: Duration) -> State {
    let kind = match Claims::of(token) {
        Some(Claims { life: Some(life), .. }) => Kind::Bound { life, put_at: put_at(secret, life) },
        Some(_) => Kind::Eternal,
        None => Kind::Foreign,
    };
    State { kind, superseded: superseded(secret).is_some(), asked: is_asked_for(secret), in_use_for }
}

/// Puts a new token in the place of the present one, which stays valid. Answers when the new one expires, by the member's
/// clock.
///
/// # Errors
/// The token is no service account's, or one of both sides refused something or did not answer. The present token is
/// in its place then.
pub async fn renew(
    host: &dyn OnHost,
    member: &dyn OnMember,
    secret: &Secret,
    lasting: Option<Duration>,
    now: impl Fn() -> Timestamp,
) -> anyhow::Result<Timestamp> {
    let present = host.token(secret).await?;
    let Some(claims) = Claims::of(&present) else {
        bail!(
            "its token is no service account's, and nobody can be asked for the next; join the cluster again"
        );
    };
    let lasting = lasting.or_else(|| claims.life.map(Life::length)).unwrap_or(A_YEAR);
    let slot = slot(&claims);
    let anchor = member.anchor(&present, &claims.account, &slot).await?;
    let new = member
        .request(&present, &claims.account, lasting, anchor.as_ref())
        .await
        .with_context(|| format!("cannot request a token of service account {}", claims.account.name))?;
    let life = Claims::of(&new).filter(|of| of.account == claims.account).and_then(|of| of.life);
    let life = life.context("the member's API server answered with a token that is not the account's")?;
    member.prove(&new).await.context("the new token does not open the member")?;
    let change = Change {
        token: Some((new, Life { issued: now(), expires: life.expires })),
        superseded: claims.anchor,
    };
    host.write(secret, &change).await?;
    Ok(life.expires)
}

/// Revokes the previous token, after the present one is seen to open the member.
///
/// # Errors
/// The present token does not open, or one of both sides did not answer. The previous token is valid then.
pub async fn revoke(host: &dyn OnHost, member: &dyn OnMember, secret: &Secret) -> anyhow::Result<Revoked> {
    let previous = superseded(secret).context("there is no previous token")?;
    let present = host.token(secret).await?;
    let claims = Claims::of(&present).context("its token is no service account's")?;
    // A Secret of old may have been put back: then the previous token is the present one.
    let is_present = claims.anchor.as_ref().is_some_and(|anchor| {
        anchor.name == previous.name && (anchor.uid == previous.uid || previous.uid.is_none())
    });
    let mut revoked = Revoked::Left;
    if !is_present {
        member.prove(&present).await.context("the new token does not open the member")?;
        revoked = member.revoke(&present, &claims.account, &previous).await?;
    }
    host.write(secret, &Change { token: None, superseded: None }).await?;
    Ok(revoked)
}

/// Names of the Secrets on the member that tokens of an account of this name are bound to, in turns. Who deletes one revokes
/// the tokens that are bound to it. See docs/adr/0014.
pub fn slots(account: &str) -> [String; 2] {
    ["a", "b"].map(|slot| format!("{account}-token-{slot}"))
}

/// The Secret that the next token is bound to: one of two, in turns. So the one of a rotation that was never finished is
/// used by the next, and there are never more.
fn slot(claims: &Claims) -> String {
    let [first, second] = slots(&claims.account.name);
    if claims.anchor.as_ref().is_some_and(|anchor| anchor.name == first) { second } else { first }
}

/// Whether a Secret of this name is one that tokens of an account are bound to.
pub fn is_slot(name: &str, account: &Account) -> bool {
    slots(&account.name).iter().any(|slot| slot == name)
}

impl Life {
    /// How long it is.
    pub fn length(self) -> Duration {
        Duration::try_from(self.expires.duration_since(self.issued)).unwrap_or_default()
    }
}

/// Refuses what cannot be a life of a token.
///
/// # Errors
/// It is shorter than a Kubernetes API server gives: ten minutes.
pub fn check_lasting(lasting: Option<Duration>) -> anyhow::Result<()> {
    ensure!(
        lasting.is_none_or(|lasting| lasting >= Duration::from_secs(600)),
        "a token lasts 10m at least: no API server gives a shorter one"
    );
    Ok(())
}
