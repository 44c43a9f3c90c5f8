//! The Secret in which a member's agents keep what they are.

use std::time::Duration;

use anyhow::Context as _;
use federation_apiserver::auth::Identity;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, PostParams};

use crate::tunnel::bootstrap::Token;

/// Authorities of the servers' certificates, PEM.
pub const AUTHORITIES: &str = "ca.crt";
/// The bootstrap token; gone when it was used.
pub const TOKEN: &str = "bootstrap-token";
/// The certificate and its chain, PEM.
const CERTIFICATE: &str = "tls.crt";
/// Its key, PEM.
const KEY: &str = "tls.key";
/// The key that the token is to be used for, PEM.
const PENDING_KEY: &str = "pending.key";
/// Annotation: the name of the token that was used last. A manifest that is applied again brings it back.
const USED: &str = "fedd.io/bootstrap-token-used";

/// How long the member's API server may take.
const ANSWER: Duration = Duration::from_secs(15);

/// What the Secret holds, at one version.
#[derive(Clone)]
pub(super) struct Contents(Secret);

/// A member's Secret.
pub(super) struct AgentSecret {
    api: Api<Secret>,
    title: String,
    name: String,
}

/// How a write ended.
pub(super) enum Saved {
    Done(Contents),
    /// Somebody else has written meanwhile: read again.
    Overtaken,
}

impl AgentSecret {
    pub(super) fn new(client: &Client, namespace: &str, name: &str) -> Self {
        let api = Api::namespaced(client.clone(), namespace);
        Self { api, title: format!("secret {namespace}/{name}"), name: name.to_owned() }
    }

    pub(super) async fn load(&self) -> anyhow::Result<Contents> {
        let loaded = tokio::time::timeout(ANSWER, self.api.get(&self.name)).await;
        let loaded = loaded.context("the member's API server does not answer");
        Ok(Contents(loaded.and_then(|secret| Ok(secret?)).with_context(|| self.title.clone())?))
    }

    pub(super) async fn save(&self, contents: Contents) -> anyhow::Result<Saved> {
        let params = PostParams::default();
        let saving = self.api.replace(&self.name, &params, &contents.0);
        match tokio::time::timeout(ANSWER, saving).await.context("the member's API server does not answer")? {
            Ok(secret) => Ok(Saved::Done(Contents(secret))),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Saved::Overtaken),
            Err(error) => Err(error).with_context(|| self.title.clone()),
        }
    }
}

impl Contents {
    fn text(&self, key: &str) -> Option<String> {
        let bytes = self.0.data.as_ref()?.get(key)?;
        String::from_utf8(bytes.0.clone()).ok().filter(|text| !text.trim().is_empty())
    }

    fn set(&mut self, key: &str, text: Option<String>) {
        let data = self.0.data.get_or_insert_default();
        match text {
            Some(text) => data.insert(key.to_owned(), ByteString(text.into_bytes())),
            None => data.remove(key),
        };
    }

    /// Authorities of the servers' certificates.
    pub(super) fn authorities(&self) -> anyhow::Result<String> {
        self.text(AUTHORITIES).with_context(|| format!("the agent's Secret has no {AUTHORITIES}"))
    }

    /// The certificate and its key.
    pub(super) fn identity(&self) -> Option<Identity> {
        Some(Identity { certificate: self.text(CERTIFICATE)?, key: self.text(KEY)? })
    }

    /// The key that the token is to be used for.
    pub(super) fn pending_key(&self) -> Option<String> {
        self.text(PENDING_KEY)
    }

    /// The token, if it was not used.
    pub(super) fn token(&self) -> Option<Token> {
        let token: Token = self.text(TOKEN)?.parse().ok()?;
        let used = self.0.metadata.annotations.as_ref().and_then(|annotations| annotations.get(USED));
        (used.map(String::as_str) != Some(token.id())).then_some(token)
    }

    /// With a key for the token.
    pub(super) fn with_pending_key(mut self, key: String) -> Self {
        self.set(PENDING_KEY, Some(key));
        self
    }

    /// With a new certificate, which came of the token, if one is given.
    pub(super) fn with_identity(mut self, identity: Identity, token: Option<&Token>) -> Self {
        self.set(CERTIFICATE, Some(identity.certificate));
        self.set(KEY, Some(identity.key));
        if let Some(token) = token {
            self.set(PENDING_KEY, None);
            self.set(TOKEN, None);
            let annotations = self.0.metadata.annotations.get_or_insert_default();
            annotations.insert(USED.to_owned(), token.id().to_owned());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_was_used_is_none_when_its_manifest_is_applied_again() {
        let (token, next) = (Token::make(), Token::make());
        let mut contents = Contents(Secret::default());
        contents.set(TOKEN, Some(token.to_string()));
        assert!(contents.token() == Some(token.clone()) && contents.identity().is_none());
        let contents = contents.with_pending_key("k".to_owned());
        let identity = Identity { certificate: "c".to_owned(), key: "k".to_owned() };
        let mut contents = contents.with_identity(identity.clone(), Some(&token));
        assert!(contents.token().is_none() && contents.pending_key().is_none());
        assert!(contents.identity() == Some(identity));
        contents.set(TOKEN, Some(token.to_string()));
        assert!(contents.token().is_none());
        contents.set(TOKEN, Some(next.to_string()));
        assert!(contents.token() == Some(next));
    }
}
