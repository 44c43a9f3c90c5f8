//! The member's side of a rotation: its API server, as the federation's account.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use async_trait::async_trait;
use federation_model::KubeFedCluster;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, PostParams, Preconditions};
use propagation_engine::kube_ports::{Dialer, KubeMember, MemberAccess, Timeouts, Token};
use propagation_engine::ports::Member as _;
use serde_json::json;

use super::claims::{Account, Anchor};
use super::step::{OnMember, Revoked, is_slot};

/// A member's API server, reached as the control plane reaches it.
pub struct MemberPort<'a> {
    cluster: &'a KubeFedCluster,
    timeouts: Timeouts,
    dialer: Option<&'a Arc<dyn Dialer>>,
}

/// How long a new token may take to open the member: all replicas of its API server have to hear of what it is bound to.
const PROVED_WITHIN: Duration = Duration::from_secs(10);
/// Between two tries of it.
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// On the Secrets that tokens are bound to.
const MADE_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "fedd");
/// Type of a Secret that holds an eternal token, and whose that is.
const ETERNAL: (&str, &str) = ("kubernetes.io/service-account-token", "kubernetes.io/service-account.name");

impl<'a> MemberPort<'a> {
    /// Of a cluster. `dialer` makes the connections of those that are reached by tunnel.
    pub fn new(cluster: &'a KubeFedCluster, timeouts: Timeouts, dialer: Option<&'a Arc<dyn Dialer>>) -> Self {
        Self { cluster, timeouts, dialer }
    }

    fn connected(&self, with: &Token) -> anyhow::Result<KubeMember> {
        Ok(MemberAccess::with_token(self.cluster, with.clone())?.connect(self.timeouts, self.dialer)?)
    }

    fn secrets(&self, with: &Token, account: &Account) -> anyhow::Result<Api<Secret>> {
        Ok(Api::namespaced(self.connected(with)?.client().clone(), &account.namespace))
    }

    /// What the member answers, in time.
    async fn in_time<T>(
        &self,
        answer: impl Future<Output = kube::Result<T>>,
    ) -> anyhow::Result<kube::Result<T>> {
        let limit = self.timeouts.request;
        tokio::time::timeout(limit, answer)
            .await
            .with_context(|| format!("the member does not answer within {} s", limit.as_secs()))
    }
}

/// The code of an answer that is a refusal.
fn code<T>(answer: &kube::Result<T>) -> u16 {
    match answer {
        Err(kube::Error::Api(status)) => status.code,
        _ => 0,
    }
}

fn is_made_by_us(secret: &Secret) -> bool {
    secret.labels().get(MADE_BY.0).is_some_and(|by| by == MADE_BY.1)
}

#[async_trait]
impl OnMember for MemberPort<'_> {
    async fn anchor(&self, with: &Token, account: &Account, name: &str) -> anyhow::Result<Option<Anchor>> {
        let api = self.secrets(with, account)?;
        // It holds nothing. It goes with the account.
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {
                "name": name,
                "labels": {MADE_BY.0: MADE_BY.1},
                "annotations": {"fedd.io/holds": "nothing: a token of the federation is valid as long as this is there"},
                "ownerReferences": [{
                    "apiVersion": "v1", "kind": "ServiceAccount", "name": account.name, "uid": account.uid,
                }],
            },
            "immutable": true,
        }))?;
        let params = PostParams { field_manager: Some("fedd".to_owned()), ..PostParams::default() };
        let mut answer = self.in_time(api.create(&params, &secret)).await?;
        if code(&answer) == 409 {
            answer = self.in_time(api.get(name)).await?;
        }
        match answer {
            Err(kube::Error::Api(status)) if status.code == 403 => Ok(None),
            answer => {
                let found = answer.with_context(|| format!("cannot make Secret {name} on the member"))?;
                if !is_made_by_us(&found) {
                    return Ok(None);
                }
                ensure!(
                    found.metadata.deletion_timestamp.is_none(),
                    "Secret {name} on the member is being deleted"
                );
                Ok(Some(Anchor { name: name.to_owned(), uid: found.metadata.uid }))
            }
        }
    }

    async fn request(
        &self,
        with: &Token,
        account: &Account,
        lasting: Duration,
        anchor: Option<&Anchor>,
    ) -> anyhow::Result<Token> {
        let client = self.connected(with)?.client().clone();
        let api: Api<ServiceAccount> = Api::namespaced(client, &account.namespace);
        let bound = anchor.map(|anchor| BoundObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Secret".to_owned()),
            name: Some(anchor.name.clone()),
            uid: anchor.uid.clone(),
        });
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                expiration_seconds: Some(i64::try_from(lasting.as_secs()).unwrap_or(i64::MAX)),
                bound_object_ref: bound,
                ..TokenRequestSpec::default()
            }),
            ..TokenRequest::default()
        };
        let params = PostParams::default();
        let answer = self.in_time(api.create_token_request(&account.name, &params, &request)).await??;
        let token = answer.status.and_then(|status| Token::new(&status.token?));
        token.context("the member's API server answered without a token")
    }

    async fn prove(&self, token: &Token) -> anyhow::Result<()> {
        let member = self.connected(token)?;
        let deadline = tokio::time::Instant::now() + PROVED_WITHIN;
        loop {
            let failure = match member.probe().await {
                Ok(probe) => match (&probe.cluster_uid, self.cluster.cluster_uid()) {
                    (Some(found), Some(known)) if found != known => {
                        bail!("it opens another cluster, whose kube-system has the uid {found}, not {known}");
                    }
                    (Some(_), _) => return Ok(()),
                    (None, _) => anyhow::anyhow!("/healthz answers {:?}", probe.healthz),
                },
                Err(failure) => failure.into(),
            };
            if tokio::time::Instant::now() >= deadline {
                return Err(failure);
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
    }

    async fn revoke(&self, with: &Token, account: &Account, anchor: &Anchor) -> anyhow::Result<Revoked> {
        let api = self.secrets(with, account)?;
        let failed = || format!("cannot delete Secret {} on the member", anchor.name);
        let found = self.in_time(api.get(&anchor.name)).await?;
        match code(&found) {
            404 => return Ok(Revoked::Deleted),
            403 => return Ok(Revoked::Left),
            _ => {}
        }
        let found = found.with_context(failed)?;
        if anchor.uid.is_some() && anchor.uid != found.metadata.uid {
            // Another one has its name by now.
            return Ok(Revoked::Deleted);
        }
        let holds_eternal = found.type_.as_deref() == Some(ETERNAL.0)
            && found.annotations().get(ETERNAL.1).is_some_and(|of| *of == account.name);
        let is_ours = holds_eternal || is_slot(&anchor.name, account) && is_made_by_us(&found);
        if !is_ours {
            return Ok(Revoked::Left);
        }
        let preconditions = Preconditions { uid: found.metadata.uid, resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        let answer = self.in_time(api.delete(&anchor.name, &params)).await?;
        match code(&answer) {
            403 => Ok(Revoked::Left),
            // Gone, or another one has its name.
            404 | 409 => Ok(Revoked::Deleted),
            _ => answer.with_context(failed).map(|_| Revoked::Deleted),
        }
    }
}
