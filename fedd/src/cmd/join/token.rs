//! The token that opens a member.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use federation_model::{KubeFedCluster, TOKEN_KEY};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::Client;
use kube::api::{Api, PostParams};
use propagation_engine::kube_ports::{MemberAccess, Timeouts};
use propagation_engine::ports::Member as _;

use super::account::{Account, MADE_BY};
use crate::apply::{apply, await_object};
use crate::manifest::Manifest;
use crate::output::warning;
use crate::rotation::claims::Life;

/// A bearer token.
pub(super) struct Token {
    /// The token itself.
    pub(super) text: String,
    /// When it expires, RFC 3339; never, when absent.
    pub(super) expires: Option<String>,
    /// Its life, from now on by this clock: the member's may be another. None of one that never expires.
    pub(super) life: Option<Life>,
}

impl Token {
    /// What stands for a token in a dry run.
    pub(super) fn example() -> Self {
        Self { text: "requested when it is no dry run".to_owned(), expires: None, life: None }
    }
}

/// Requests a token that expires.
///
/// # Errors
/// The member's API server refused it or did not answer.
pub(super) async fn expiring(member: &Client, account: &Account, lasting: Duration) -> anyhow::Result<Token> {
    let api: Api<ServiceAccount> = Api::namespaced(member.clone(), &account.namespace);
    let seconds = i64::try_from(lasting.as_secs()).unwrap_or(i64::MAX);
    let request = TokenRequest {
        spec: Some(TokenRequestSpec { expiration_seconds: Some(seconds), ..TokenRequestSpec::default() }),
        ..TokenRequest::default()
    };
    let answer = api
        .create_token_request(&account.name, &PostParams::default(), &request)
        .await
        .with_context(|| format!("cannot request a token of service account {}", account.name))?;
    let status = answer.status.unwrap_or_default();
    let (Some(text), Some(expires)) = (status.token, status.expiration_timestamp.map(|t| t.0)) else {
        bail!("the API server answered without a token");
    };
    // A minute covers the way there and back and clocks that differ a little.
    let given = expires.duration_since(jiff::Timestamp::now()).as_secs();
    if given + 60 < seconds {
        warning(&format!(
            "the member's API server limits tokens: this one lasts {given} s, and {seconds} s were asked for"
        ));
    }
    let life = Life { issued: jiff::Timestamp::now(), expires };
    Ok(Token { text, expires: Some(expires.to_string()), life: Some(life) })
}

/// Asks for a token that never expires: kube-controller-manager puts it into a Secret of a type of its own.
///
/// # Errors
/// The member's API server refused it or did not answer, or no token came in time.
pub(super) async fn eternal(member: &Client, account: &Account, within: Duration) -> anyhow::Result<Token> {
    let mut secret =
        Secret { type_: Some("kubernetes.io/service-account-token".to_owned()), ..Secret::default() };
    secret.metadata.name = Some(account.name.clone());
    secret.metadata.namespace = Some(account.namespace.clone());
    secret.metadata.labels = Some(BTreeMap::from([(MADE_BY.0.to_owned(), MADE_BY.1.to_owned())]));
    let owner = ("kubernetes.io/service-account.name".to_owned(), account.name.clone());
    secret.metadata.annotations = Some(BTreeMap::from([owner]));
    apply(member, &Manifest::of(&secret)?, false).await?;
    let api: Api<Secret> = Api::namespaced(member.clone(), &account.namespace);
    await_object(api.clone(), &account.name, |s: Option<&Secret>| s.and_then(token_in).is_some(), within)
        .await
        .with_context(|| {
            format!(
                "no token came into Secret {}/{}; does the member run kube-controller-manager? without --token-secret \
                 none is needed",
                account.namespace, account.name
            )
        })?;
    match token_in(&api.get(&account.name).await?) {
        Some(text) => Ok(Token { text, expires: None, life: None }),
        None => bail!("the token went out of Secret {}/{} again", account.namespace, account.name),
    }
}

fn token_in(secret: &Secret) -> Option<String> {
    let bytes = secret.data.as_ref()?.get(TOKEN_KEY)?;
    String::from_utf8(bytes.0.clone()).ok().filter(|t| !t.is_empty())
}

/// Between two tries of a new token: rights take effect when the member's authorizer has heard of them, which no event
/// tells.
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// Opens the member as the control plane will.
///
/// # Errors
/// It does not open within the time.
pub(super) async fn try_out(
    cluster: &KubeFedCluster,
    secret: &Secret,
    within: Duration,
) -> anyhow::Result<()> {
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    let failed = || format!("the new token does not open {name} at {}", cluster.spec.api_endpoint);
    let member = MemberAccess::of(cluster, Some(secret))
        .and_then(|a| a.connect(Timeouts::default(), None))
        .with_context(failed)?;
    let deadline = tokio::time::Instant::now() + within;
    loop {
        match member.probe().await {
            Ok(probe) if probe.cluster_uid.is_some() => return Ok(()),
            Ok(probe) if tokio::time::Instant::now() >= deadline => {
                bail!("{}: /healthz answers {:?}", failed(), probe.healthz);
            }
            Err(failure) if tokio::time::Instant::now() >= deadline => {
                return Err(failure).with_context(failed);
            }
            Ok(_) | Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
        }
    }
}
