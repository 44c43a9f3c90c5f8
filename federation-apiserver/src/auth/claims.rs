//! What a service account's token says.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

use crate::auth::{CREDENTIAL_ID, TokenError, User};

/// How far clocks may differ, and how long a deleted object's tokens go on.
const LEEWAY: SignedDuration = SignedDuration::from_mins(1);

/// The claims of a bound service account token. Times are in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Claims {
    /// Who may accept the token.
    #[serde(deserialize_with = "one_or_many")]
    pub aud: Vec<String>,
    /// Until when it holds.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// Who issued it.
    pub iss: String,
    /// Its own name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jti: String,
    /// The service account and what else the token is bound to.
    #[serde(rename = "kubernetes.io")]
    pub kubernetes: BoundTo,
    /// From when on it holds.
    pub nbf: i64,
    /// The user's name.
    pub sub: String,
}

/// What a token is bound to: it ends with any of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BoundTo {
    /// The namespace of the service account, the pod and the secret.
    pub namespace: String,
    /// The node; beside a pod it only tells where the pod is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NamedUid>,
    /// The pod that has the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<NamedUid>,
    /// A secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<NamedUid>,
    /// The service account.
    pub serviceaccount: NamedUid,
    /// From when on the token should have been renewed, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnafter: Option<i64>,
}

/// An object's name and uid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedUid {
    /// The name.
    pub name: String,
    /// The uid; empty only for a pod's node that was not there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

/// A kind that tokens are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundKind {
    /// Always.
    ServiceAccount,
    /// A secret of the namespace.
    Secret,
    /// A pod of the namespace.
    Pod,
    /// A node.
    Node,
}

impl BoundKind {
    /// The plural name in the core group.
    pub fn resource(self) -> &'static str {
        match self {
            Self::ServiceAccount => "serviceaccounts",
            Self::Secret => "secrets",
            Self::Pod => "pods",
            Self::Node => "nodes",
        }
    }
}

/// An object that must be there for a token to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its kind.
    pub kind: BoundKind,
    /// Its namespace; empty for a node.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The uid that it must have.
    pub uid: String,
}

/// What the store has of a referenced object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// `metadata.uid`
    pub uid: String,
    /// `metadata.deletionTimestamp`
    pub deleted: Option<Timestamp>,
}

impl Claims {
    /// Whether the token's time has come and is not over.
    pub fn check_time(&self, now: Timestamp) -> Result<(), TokenError> {
        let (earliest, latest) = ((now - LEEWAY).as_second(), (now + LEEWAY).as_second());
        if self.nbf > latest {
            Err(TokenError::NotValidYet)
        } else if self.exp < earliest {
            Err(TokenError::Expired)
        } else if self.iat > latest {
            Err(TokenError::IssuedInTheFuture)
        } else {
            Ok(())
        }
    }

    /// The objects that must be there, the service account first.
    pub fn references(&self) -> Vec<Reference> {
        let bound = &self.kubernetes;
        let node = if bound.pod.is_some() { None } else { bound.node.as_ref() };
        [
            (BoundKind::ServiceAccount, Some(&bound.serviceaccount)),
            (BoundKind::Secret, bound.secret.as_ref()),
            (BoundKind::Pod, bound.pod.as_ref()),
            (BoundKind::Node, node),
        ]
        .into_iter()
        .filter_map(|(kind, object)| {
            let NamedUid { name, uid } = object?.clone();
            let namespace = if kind == BoundKind::Node { String::new() } else { bound.namespace.clone() };
            Some(Reference { kind, namespace, name, uid })
        })
        .collect()
    }

    /// The user that the token makes, once all its references are confirmed.
    pub fn user(&self) -> User {
        let BoundTo { namespace, node, pod, serviceaccount, .. } = &self.kubernetes;
        let mut user = User::service_account(namespace, &serviceaccount.name, &serviceaccount.uid);
        let mut say = |key: &str, value: &str| {
            if !value.is_empty() {
                user.extra.insert(key.to_owned(), vec![value.to_owned()]);
            }
        };
        if !self.jti.is_empty() {
            say(CREDENTIAL_ID, &format!("JTI={}", self.jti));
        }
        for (object, key) in [(pod, "pod"), (node, "node")] {
            if let Some(object) = object {
                say(&format!("authentication.kubernetes.io/{key}-name"), &object.name);
                say(&format!("authentication.kubernetes.io/{key}-uid"), &object.uid);
            }
        }
        user
    }
}

impl Reference {
    /// Whether what the store has is what the token is bound to.
    pub fn confirm(&self, live: Option<&Live>, now: Timestamp) -> Result<(), TokenError> {
        let account = self.kind == BoundKind::ServiceAccount;
        let name = &self.name;
        let Some(live) = live else {
            return Err(if account { TokenError::NoAccount(name.clone()) } else { TokenError::Invalidated });
        };
        if live.uid != self.uid {
            let (live, claimed) = (live.uid.clone(), self.uid.clone());
            return Err(match self.kind {
                BoundKind::ServiceAccount => TokenError::OtherAccount { live, claimed },
                BoundKind::Secret => TokenError::OtherObject { kind: "secret", live, claimed },
                BoundKind::Pod => TokenError::OtherObject { kind: "pod", live, claimed },
                BoundKind::Node => TokenError::OtherObject { kind: "node", live, claimed },
            });
        }
        if live.deleted.is_some_and(|deleted| deleted < now - LEEWAY) {
            return Err(if account {
                TokenError::DeletedAccount { namespace: self.namespace.clone(), name: name.clone() }
            } else {
                TokenError::Invalidated
            });
        }
        Ok(())
    }
}

/// RFC 7519 allows one audience to stand without a list.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}
