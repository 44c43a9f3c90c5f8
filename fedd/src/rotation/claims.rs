//! What a service account's token says of itself.
//!
//! Its signature is not checked: the token is the federation's own, and what is read here is only when to renew it and whom
//! to ask for the next. The member judges the rest.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;

use propagation_engine::kube_ports::Token;

/// Of a token of a service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whose it is.
    pub account: Account,
    /// From when to when it is valid, by the member's clock; none of one that never expires.
    pub life: Option<Life>,
    /// The Secret on the member without which it is not valid: what it is bound to, or of an eternal one what holds it.
    pub anchor: Option<Anchor>,
}

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// The time between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Its beginning.
    pub issued: Timestamp,
    /// Its end.
    pub expires: Timestamp,
}

/// A Secret on the member, in the namespace of the account, whose deletion revokes a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Its name.
    pub name: String,
    /// Its uid; eternal tokens do not tell it.
    pub uid: Option<String>,
}

/// A life of so many seconds has no end that anybody will see: a hundred years. The federation's own API server has such
/// tokens in the place of eternal ones.
const NEVER: i64 = 100 * 365 * 24 * 60 * 60;

impl Claims {
    /// Of a token; none if it is no service account's, or nothing that can be read.
    ///
    /// Eternal tokens have flat claims, bound ones a structure (Kubernetes documentation, "Managing Service Accounts").
    pub fn of(token: &Token) -> Option<Self> {
        let payload = token.expose().split('.').nth(1)?;
        let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let bound = &claims["kubernetes.io"];
        if bound.is_object() {
            let of = &bound["serviceaccount"];
            let (issued, expires) = (claims["iat"].as_i64()?, claims["exp"].as_i64()?);
            let at = |second: i64| Timestamp::from_second(second).ok();
            let anchor = text(&bound["secret"]["name"]);
            return Some(Self {
                account: Account {
                    namespace: text(&bound["namespace"])?,
                    name: text(&of["name"])?,
                    uid: text(&of["uid"])?,
                },
                life: (expires.checked_sub(issued)? < NEVER)
                    .then_some(Life { issued: at(issued)?, expires: at(expires).unwrap_or(Timestamp::MAX) }),
                anchor: anchor.map(|name| Anchor { name, uid: text(&bound["secret"]["uid"]) }),
            });
        }
        let flat = |field: &str| text(&claims[format!("kubernetes.io/serviceaccount/{field}")]);
        Some(Self {
            account: Account {
                namespace: flat("namespace")?,
                name: flat("service-account.name")?,
                uid: flat("service-account.uid")?,
            },
            life: None,
            anchor: flat("secret.name").map(|name| Anchor { name, uid: None }),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn token(claims: &Value) -> Token {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        Token::new(&format!("eyJh.{payload}.c2ln")).unwrap()
    }

    #[test]
    fn both_kinds_of_tokens_are_read() {
        let bound = token(&json!({"iat": 100, "exp": 700, "kubernetes.io": {
            "namespace": "fed", "serviceaccount": {"name": "rz00", "uid": "u"}, "secret": {"name": "a", "uid": "s"}}}));
        let claims = Claims::of(&bound).unwrap();
        assert_eq!(claims.account.name, "rz00");
        assert_eq!(claims.life.unwrap().expires, Timestamp::from_second(700).unwrap());
        assert_eq!(claims.anchor, Some(Anchor { name: "a".to_owned(), uid: Some("s".to_owned()) }));

        let eternal = token(&json!({"iss": "kubernetes/serviceaccount",
            "kubernetes.io/serviceaccount/namespace": "fed", "kubernetes.io/serviceaccount/secret.name": "rz00-x7",
            "kubernetes.io/serviceaccount/service-account.name": "rz00",
            "kubernetes.io/serviceaccount/service-account.uid": "u"}));
        let claims = Claims::of(&eternal).unwrap();
        assert_eq!((claims.life, claims.account.namespace.as_str()), (None, "fed"));
        assert_eq!(claims.anchor, Some(Anchor { name: "rz00-x7".to_owned(), uid: None }));
    }

    #[test]
    fn an_end_that_nobody_sees_is_none() {
        let bound = token(&json!({"iat": 1_800_000_000, "exp": 253_402_300_799_i64, "kubernetes.io": {
            "namespace": "fed", "serviceaccount": {"name": "rz00", "uid": "u"}, "secret": {"name": "t", "uid": "s"}}}));
        let claims = Claims::of(&bound).unwrap();
        assert!(claims.life.is_none() && claims.anchor.is_some());
    }

    #[test]
    fn what_is_no_service_accounts_token_is_not_taken_for_one() {
        for claims in [json!({"sub": "alice", "exp": 1}), json!({"kubernetes.io": {}}), json!([])] {
            assert_eq!(Claims::of(&token(&claims)), None, "{claims}");
        }
        assert_eq!(Claims::of(&Token::new("0123456789abcdef").unwrap()), None);
    }

    proptest! {
        #[test]
        fn whatever_is_there_is_read_or_left(text in ".{1,60}") {
            let _ = Token::new(&text).map(|token| Claims::of(&token));
        }
    }
}
