//! The federation's side of a rotation: a Secret on a real API server.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use federation_model::{KubeFedCluster, TOKEN_KEY, annotation};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use propagation_engine::kube_ports::{OpenSealed as _, SEALED_TOKEN_KEY, Token, destination, sealed_token};
use serde_json::{Value, json};

use super::record::{ROTATE, SUPERSEDED, TOKEN_LIFE};
use super::step::{Change, OnHost, Overtaken};
use crate::cmd::join::TOKEN_EXPIRES;
use crate::sealing::{SEALED_WITH, Sealing};

/// The clusters of a federation, by the Secret that opens them. Cells have the Secrets of their clusters and are left
/// out.
///
/// # Errors
/// The API server refused it or did not answer.
pub async fn clusters_by_secret(
    client: &Client,
    namespace: &str,
) -> anyhow::Result<BTreeMap<String, Vec<KubeFedCluster>>> {
    let api: Api<KubeFedCluster> = Api::namespaced(client.clone(), namespace);
    let mut clusters: BTreeMap<String, Vec<KubeFedCluster>> = BTreeMap::new();
    let listed = api.list(&ListParams::default()).await.context("cannot list KubeFedClusters")?;
    for cluster in listed.items.into_iter().filter(|c| !c.annotations().contains_key(annotation::ACCESS_OF)) {
        clusters.entry(cluster.spec.secret_ref.name.clone()).or_default().push(cluster);
    }
    Ok(clusters)
}

/// A member's Secret, and the clusters that it opens.
pub struct KubeHost<'a> {
    client: &'a Client,
    namespace: &'a str,
    clusters: &'a [KubeFedCluster],
    sealing: Option<&'a Sealing>,
}

impl<'a> KubeHost<'a> {
    /// With the keys that seal its token, if tokens are sealed.
    pub fn new(
        client: &'a Client,
        namespace: &'a str,
        clusters: &'a [KubeFedCluster],
        sealing: Option<&'a Sealing>,
    ) -> Self {
        Self { client, namespace, clusters, sealing }
    }

    /// On the clusters too, for who looks at those.
    async fn tell_clusters(&self, expires: &str) {
        // Whatever was wrong, there is a new token.
        let annotations = json!({TOKEN_EXPIRES: expires, annotation::TOKEN_NOT_ROTATED: null});
        for cluster in self.clusters {
            self.annotate(cluster, &annotations).await;
        }
    }

    /// Says on a cluster why its token is not rotated, or says it no more.
    pub async fn tell_trouble(&self, cluster: &KubeFedCluster, message: Option<&str>) {
        self.annotate(cluster, &json!({annotation::TOKEN_NOT_ROTATED: message})).await;
    }

    /// It changes nothing that it is not there, so a failure is no failure.
    async fn annotate(&self, cluster: &KubeFedCluster, annotations: &Value) {
        let api: Api<KubeFedCluster> = Api::namespaced(self.client.clone(), self.namespace);
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        if let Err(error) = api.patch(&cluster.name_any(), &params(), &patch).await {
            tracing::debug!(cluster = cluster.name_any(), %error, "the state of its token is not noted on the cluster");
        }
    }
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some("fedd".to_owned()), ..PatchParams::default() }
}

#[async_trait]
impl OnHost for KubeHost<'_> {
    async fn token(&self, secret: &Secret) -> anyhow::Result<Token> {
        match (sealed_token(secret), self.sealing) {
            (Some(_), Some(sealing)) => Ok(sealing.open(secret).await?),
            (Some(_), None) => bail!("its token is sealed; name the keys by --sealing-config"),
            (None, _) => Token::of_secret(secret).context("it holds no token; join the cluster again"),
        }
    }

    async fn write(&self, secret: &Secret, change: &Change) -> anyhow::Result<()> {
        let mut annotations =
            json!({SUPERSEDED: change.superseded.as_ref().map(super::claims::Anchor::text)});
        let mut patch = json!({"metadata": {"resourceVersion": secret.metadata.resource_version}});
        let mut expires = None;
        if let Some((token, life)) = &change.token {
            let new = self.with_token(secret, token).await?;
            let data = |key: &str| {
                new.data.as_ref().and_then(|data| data.get(key)).map_or(Value::Null, |v| json!(v))
            };
            patch["data"] = json!({TOKEN_KEY: data(TOKEN_KEY), SEALED_TOKEN_KEY: data(SEALED_TOKEN_KEY)});
            let until = expires.insert(life.expires.to_string());
            annotations[TOKEN_EXPIRES] = json!(until);
            annotations[TOKEN_LIFE] = json!(life.text());
            annotations[SEALED_WITH] = json!(new.annotations().get(SEALED_WITH));
            // What was asked for is done.
            annotations[ROTATE] = Value::Null;
        }
        patch["metadata"]["annotations"] = annotations;
        let api: Api<Secret> = Api::namespaced(self.client.clone(), self.namespace);
        match api.patch(&secret.name_any(), &params(), &Patch::Merge(patch)).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 409 => return Err(Overtaken.into()),
            Err(error) => return Err(error).context("cannot write the Secret"),
        }
        if let Some(expires) = expires {
            self.tell_clusters(&expires).await;
        }
        Ok(())
    }
}

impl KubeHost<'_> {
    /// The Secret with another token, sealed if tokens are.
    async fn with_token(&self, secret: &Secret, token: &Token) -> anyhow::Result<Secret> {
        let mut new = secret.clone();
        let data = new.data.get_or_insert_default();
        data.remove(SEALED_TOKEN_KEY);
        data.insert(TOKEN_KEY.to_owned(), ByteString(token.expose().as_bytes().to_vec()));
        new.annotations_mut().remove(SEALED_WITH);
        if let (Some(sealing), Some(cluster)) = (self.sealing, self.clusters.first()) {
            // The present token was let go there: that is where it was sealed for.
            sealing.seal(&mut new, &destination(cluster)).await?;
        }
        Ok(new)
    }
}
