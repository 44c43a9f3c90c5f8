//! Secrets of the type `kubernetes.io/service-account-token`: each gets a token of the account that its annotation names,
//! the authority's certificate and its namespace, as from kube-controller-manager
//! (`k8s.io/kubernetes/pkg/controller/serviceaccount/tokens_controller.go`). One whose account is not there goes.
//!
//! Such a token has no end of its own. It is bound to the Secret and to the account, and ends with either.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use revision_store::Entry;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::hand::Hand;
use super::reconcile::{self, Reconciler};
use crate::auth::{Authenticators, BoundTo, Claims, NamedUid};
use crate::object;
use crate::request::DeleteOptions;
use crate::rest::{At, Rest};
use crate::status::ApiError;

const SECRETS: &str = "/registry/secrets/";
const ACCOUNTS: &str = "/registry/serviceaccounts/";
/// The type of the Secrets that are filled in.
const TYPE: &str = "kubernetes.io/service-account-token";
/// The annotations that name the account.
const NAME: &str = "kubernetes.io/service-account.name";
const UID: &str = "kubernetes.io/service-account.uid";
/// The end of the year 9999, in seconds since 1970: JSON Web Tokens of this server all have an end.
const NEVER: i64 = 253_402_300_799;

/// Namespace and name.
type Key = (String, String);

/// Fills in Secrets with tokens.
pub struct AccountTokens {
    hand: Hand,
    authenticators: Arc<Authenticators>,
    /// The authority's certificate, as Secrets hold it.
    authority: String,
    /// The account's name of each Secret with a token.
    secrets: BTreeMap<Key, String>,
}

/// What a Secret with a token needs.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    /// Its account is not there, or is another one now.
    Deletion,
    /// Some of its content is missing.
    Content,
}

impl AccountTokens {
    /// With what signs tokens, and the authority's certificate, as PEM.
    pub fn new(rest: Arc<Rest>, authenticators: Arc<Authenticators>, authority: &str) -> Self {
        let hand = Hand::new(rest, "tokens-controller");
        Self { hand, authenticators, authority: BASE64_STANDARD.encode(authority), secrets: BTreeMap::new() }
    }

    /// Follows the store until it is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let changes = Changes::new(Arc::clone(self.hand.rest().store()), [SECRETS, ACCOUNTS]);
        reconcile::follow(self, changes, stop).await;
    }

    async fn see_to(&self, namespace: &str, name: &str) -> Result<(), ApiError> {
        let (secrets, accounts) =
            (self.hand.resource("", "v1", "secrets")?, self.hand.resource("", "v1", "serviceaccounts")?);
        let at = At { resource: &secrets, namespace: Some(namespace), name, subresource: None };
        let Some(secret) = self.hand.get(at).await? else { return Ok(()) };
        let of = At { resource: &accounts, name: annotation(&secret, NAME), ..at };
        let account = self.hand.get(of).await?;
        let authority = self.authority.as_str();
        match need(&secret, account.as_ref(), authority) {
            Need::Nothing => Ok(()),
            Need::Deletion => {
                let uid = Some(object::uid(&secret).to_owned());
                self.hand.delete(at, &DeleteOptions { uid, ..DeleteOptions::default() }).await
            }
            Need::Content => {
                let account = account.unwrap_or_default();
                let token = self.token(&secret, &account)?;
                let complete = |live: &mut Value| {
                    let needed = need(live, Some(&account), authority) == Need::Content
                        && object::uid(live) == object::uid(&secret);
                    if needed {
                        fill(live, &account, authority, &token);
                    }
                    needed
                };
                self.hand.edit(at, complete).await.map(drop)
            }
        }
    }

    /// A token that ends with the Secret or the account.
    fn token(&self, secret: &Value, account: &Value) -> Result<String, ApiError> {
        let keys = &self.authenticators.keys;
        let named =
            |object: &Value| NamedUid { name: object::name(object).into(), uid: object::uid(object).into() };
        let (now, namespace) = (self.hand.now().as_second(), object::namespace(secret));
        let claims = Claims {
            aud: keys.audiences().to_vec(),
            exp: NEVER,
            iat: now,
            nbf: now,
            sub: format!("system:serviceaccount:{namespace}:{}", object::name(account)),
            kubernetes: BoundTo {
                namespace: namespace.to_owned(),
                secret: Some(named(secret)),
                serviceaccount: named(account),
                ..BoundTo::default()
            },
            ..Claims::default()
        };
        keys.issue(&claims).map_err(ApiError::internal)
    }
}

impl Reconciler for AccountTokens {
    type Key = Key;

    fn forget(&mut self) {
        self.secrets.clear();
    }

    fn learn(&mut self, entry: &Entry, gone: bool) -> Vec<Key> {
        if let Some(key) = entry.key.strip_prefix(SECRETS).and_then(key) {
            let Some(account) = account_of(&entry.value).filter(|_| !gone) else {
                self.secrets.remove(&key);
                return Vec::new();
            };
            self.secrets.insert(key.clone(), account);
            return vec![key];
        }
        // A Secret of an account that is not there is gone already: only the end of an account concerns others.
        let Some((namespace, name)) = entry.key.strip_prefix(ACCOUNTS).and_then(key).filter(|_| gone) else {
            return Vec::new();
        };
        let of_account =
            self.secrets.iter().filter(|((at, _), account)| *at == namespace && **account == name);
        of_account.map(|(key, _)| key.clone()).collect()
    }

    async fn reconcile(&self, (namespace, name): &Key) -> Result<(), ApiError> {
        match self.see_to(namespace, name).await {
            // What is to go with its namespace needs no token.
            Err(error) if matches!(error.code(), 403 | 404 | 409) => Ok(()),
            done => done,
        }
    }
}

/// What a Secret with a token needs, given the account that its annotation names.
fn need(secret: &Value, account: Option<&Value>, authority: &str) -> Need {
    let wanted = annotation(secret, UID);
    let account = account.filter(|account| wanted.is_empty() || wanted == object::uid(account));
    if secret["type"] != TYPE || object::is_deleting(secret) {
        Need::Nothing
    } else if account.is_none() {
        Need::Deletion
    } else if secret["data"]["ca.crt"] != authority
        || ["namespace", "token"].iter().any(|field| is_empty(&secret["data"][field]))
    {
        Need::Content
    } else {
        Need::Nothing
    }
}

/// Writes what is missing; a token that is there stays.
fn fill(secret: &mut Value, account: &Value, authority: &str, token: &str) {
    let namespace = BASE64_STANDARD.encode(object::namespace(secret));
    if secret["data"].is_null() {
        secret["data"] = json!({});
    }
    secret["data"]["ca.crt"] = authority.into();
    for (field, value) in [("namespace", namespace), ("token", BASE64_STANDARD.encode(token))] {
        if is_empty(&secret["data"][field]) {
            secret["data"][field] = value.into();
        }
    }
    secret["metadata"]["annotations"][UID] = object::uid(account).into();
}

fn key(rest: &str) -> Option<Key> {
    rest.split_once('/').map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
}

/// The account of a stored Secret with a token; `None` for any other Secret.
fn account_of(stored: &[u8]) -> Option<String> {
    let secret: Value = serde_json::from_slice(stored).ok()?;
    (secret["type"] == TYPE).then(|| annotation(&secret, NAME).to_owned())
}

fn annotation<'a>(object: &'a Value, name: &str) -> &'a str {
    object["metadata"]["annotations"][name].as_str().unwrap_or_default()
}

fn is_empty(text: &Value) -> bool {
    text.as_str().is_none_or(str::is_empty)
}
