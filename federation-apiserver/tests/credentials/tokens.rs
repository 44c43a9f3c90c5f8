//! Signing and checking of service account tokens.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use federation_apiserver::auth::{
    Account, BoundKind, BoundObject, Claims, Live, NamedUid, TokenKeys, TokenRequest,
};

const ISSUER: &str = "https://kubernetes.default.svc";

pub(crate) fn keys() -> TokenKeys {
    TokenKeys::new(ISSUER, vec![ISSUER.to_owned()], &TokenKeys::generate_key().unwrap()).unwrap()
}

pub(crate) fn claims(request: &Value, now: Timestamp) -> Claims {
    let account = Account { namespace: "n", name: "s", uid: "u" };
    let own = [ISSUER.to_owned()];
    let request = TokenRequest::read(request, account, &own).unwrap();
    let bound = BoundObject {
        uid: "b".to_owned(),
        service_account: "s".to_owned(),
        node: Some(NamedUid { name: "worker".to_owned(), uid: "w".to_owned() }),
    };
    let limit = Some(SignedDuration::from_hours(24));
    request.grant(Some(&bound), limit, &own, "id".to_owned(), now).unwrap().claims
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn a_token_holds_from_its_issue_to_its_end_with_a_minute_more() {
    let keys = keys();
    let token = keys.issue(&claims(&json!({"spec": {"expirationSeconds": 600}}), at(1000))).unwrap();
    let verdict = |now| keys.verify(&token, &[], at(now)).map(|v| v.is_some()).map_err(|e| e.to_string());
    assert_eq!(verdict(939), Err("service account token is not valid yet".to_owned()));
    assert_eq!(verdict(940), Ok(true));
    assert_eq!(verdict(1660), Ok(true));
    assert_eq!(verdict(1661), Err("service account token has expired".to_owned()));
    // Remembered as well signed, it ends all the same.
    assert_eq!(verdict(1661), Err("service account token has expired".to_owned()));
}

#[test]
fn the_audience_must_be_one_of_those_wanted() {
    let keys = keys();
    let spec = json!({"spec": {"audiences": ["a", "b"]}});
    let token = keys.issue(&claims(&spec, at(0))).unwrap();
    let verify = |audiences: &[&str]| {
        let audiences: Vec<_> = audiences.iter().map(|&audience| audience.to_owned()).collect();
        keys.verify(&token, &audiences, at(0)).map(|v| v.unwrap().audiences).map_err(|e| e.to_string())
    };
    assert_eq!(verify(&["x", "b", "a"]), Ok(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(
        verify(&[]).unwrap_err(),
        "token audiences [\"a\" \"b\"] is invalid for the target audiences [\"https://kubernetes.default.svc\"]"
    );
}

#[test]
fn what_others_have_signed_or_nobody_is_refused() {
    let own = keys();
    let stranger = keys();
    let claims = claims(&json!({}), at(0));
    let token = own.issue(&claims).unwrap();
    assert!(own.verify(&token, &[], at(0)).unwrap().is_some());

    // Of the same issuer, by its name, with another key.
    assert_eq!(
        stranger.verify(&token, &[], at(0)).unwrap_err().to_string(),
        "invalid signature, no keys found"
    );
    let parts: Vec<_> = token.split('.').collect();
    let encode = |value: Value| {
        base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, value.to_string().as_bytes())
    };
    let payload = encode(json!({"iss": ISSUER, "aud": [ISSUER], "exp": 9_999_999_999_i64, "sub": "root"}));
    for forged in [
        format!("{}.{payload}.{}", parts[0], parts[2]),
        format!("{}.{payload}.", encode(json!({"alg": "none"}))),
        format!("{}.{payload}.{}", encode(json!({"alg": "HS256"})), parts[2]),
        format!("{}.{payload}.{}", encode(json!({"alg": "ES256"})), parts[2]),
        format!("{}.{}.{}AAAA", parts[0], parts[1], &parts[2][..parts[2].len() - 4]),
    ] {
        assert!(own.verify(&forged, &[], at(0)).is_err(), "{forged}");
    }
    // Not of this issuer: somebody else's to judge.
    for other in ["", "garbage", "a.b.c", &format!("{}.{}.x", parts[0], encode(json!({"iss": "other"})))] {
        assert!(own.verify(other, &[], at(0)).unwrap().is_none(), "{other}");
    }
}

#[test]
fn a_former_key_is_accepted_and_published() {
    let (old, new) = (TokenKeys::generate_key().unwrap(), TokenKeys::generate_key().unwrap());
    let own = vec![ISSUER.to_owned()];
    let before = TokenKeys::new(ISSUER, own.clone(), &old).unwrap();
    let after = TokenKeys::new(ISSUER, own, &new).unwrap().with_former_key(&old).unwrap();
    let token = before.issue(&claims(&json!({}), at(0))).unwrap();
    assert!(after.verify(&token, &[], at(0)).unwrap().is_some());
    let set = after.key_set();
    let ids: Vec<_> = set["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    assert_eq!(set["keys"][0]["crv"], "P-256");
    assert_eq!(after.discovery("https://x")["jwks_uri"], "https://x/openid/v1/jwks");
}

#[test]
fn rsa_keys_sign_too_and_others_are_refused() {
    let rsa = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap().serialize_pem();
    let keys = TokenKeys::new(ISSUER, vec![ISSUER.to_owned()], &rsa).unwrap();
    let token = keys.issue(&claims(&json!({}), at(0))).unwrap();
    assert!(keys.verify(&token, &[], at(0)).unwrap().is_some());
    assert_eq!(keys.key_set()["keys"][0]["alg"], "RS256");
    let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
    for key in [ed25519.as_str(), "", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        assert!(TokenKeys::new(ISSUER, Vec::new(), key).is_err());
    }
}

#[test]
fn a_token_ends_with_what_it_is_bound_to() {
    let bound =
        |kind: &str| json!({"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": kind, "name": "o"}}});
    let now = at(10_000);
    let kinds = |claims: &Claims| claims.references().iter().map(|r| r.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&claims(&json!({}), now)), [BoundKind::ServiceAccount]);
    assert_eq!(kinds(&claims(&bound("Pod"), now)), [BoundKind::ServiceAccount, BoundKind::Pod]);
    assert_eq!(kinds(&claims(&bound("Node"), now)), [BoundKind::ServiceAccount, BoundKind::Node]);

    let claims = claims(&bound("Secret"), now);
    let [account, secret] = claims.references().try_into().unwrap();
    let live = |uid: &str, deleted: Option<i64>| Live { uid: uid.to_owned(), deleted: deleted.map(at) };
    let invalidated = "service account token has been invalidated";
    for (reference, live, verdict) in [
        (&account, Some(live("u", None)), None),
        (&account, None, Some("serviceaccounts \"s\" not found")),
        (&account, Some(live("v", None)), Some("service account UID (v) does not match claim (u)")),
        (&account, Some(live("u", Some(9_941))), None),
        (&account, Some(live("u", Some(9_939))), Some("service account n/s has been deleted")),
        (&secret, Some(live("b", None)), None),
        (&secret, None, Some(invalidated)),
        (&secret, Some(live("b", Some(9_939))), Some(invalidated)),
        (
            &secret,
            Some(live("c", None)),
            Some("secret UID (c) does not match service account secret ref claim (b)"),
        ),
    ] {
        let answer = reference.confirm(live.as_ref(), now).map_err(|error| error.to_string());
        assert_eq!(answer.err().as_deref(), verdict, "{reference:?} {live:?}");
    }
}

#[test]
fn a_token_lasts_as_long_as_asked_within_the_server_limit() {
    let life = |claims: &Claims| claims.exp - claims.iat;
    let seconds = |seconds: i64| json!({"spec": {"expirationSeconds": seconds}});
    assert_eq!(life(&claims(&json!({}), at(0))), 3600);
    assert_eq!(life(&claims(&seconds(600), at(0))), 600);
    assert_eq!(life(&claims(&seconds(1_000_000), at(0))), 24 * 3600);

    // A kubelet's token goes on for those who do not read it again.
    let mut projected = seconds(3607);
    assert_eq!(claims(&projected, at(0)).kubernetes.warnafter, None);
    projected["spec"]["boundObjectRef"] = json!({"apiVersion": "v1", "kind": "Pod", "name": "p"});
    let extended = claims(&projected, at(0));
    assert_eq!((life(&extended), extended.kubernetes.warnafter), (365 * 24 * 3600, Some(3607)));
    let user = extended.user();
    assert_eq!(user.extra["authentication.kubernetes.io/pod-name"], ["p"]);
    assert_eq!(user.extra["authentication.kubernetes.io/node-uid"], ["w"]);
    projected["spec"]["audiences"] = json!(["elsewhere"]);
    assert_eq!(life(&claims(&projected, at(0))), 3607);
}
