//! From the credentials of a request to its user.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use federation_apiserver::auth::{
    Authenticators, ClientCertificate, Credentials, Identity, Live, Login, Reference, StaticTokens,
    TokenQuestion, User, bearer_token, certificates, kubeconfig, self_review, token_review,
};

use crate::{
    certificates::der,
    tokens::{claims, keys},
};

fn authenticators(anonymous: bool) -> Authenticators {
    let mut tokens = StaticTokens::default();
    tokens.insert("secret", User::new("robot", ["g"]));
    Authenticators { tokens, keys: keys(), anonymous }
}

async fn account(reference: Reference) -> Option<Live> {
    (reference.name == "s").then(|| Live { uid: "u".to_owned(), deleted: None })
}

#[tokio::test]
async fn a_certificate_comes_before_a_token_and_nothing_before_anonymous() {
    let now = Timestamp::now();
    let day = SignedDuration::from_hours(24);
    let authority = certificates::authority("a", now).unwrap();
    let good = der(&certificates::client(&authority, "alice", "g", now, day).unwrap());
    let old = der(&certificates::client(&authority, "alice", "g", now - day - day, day).unwrap());
    let all = authenticators(true);
    let account_token = format!("Bearer {}", all.keys.issue(&claims(&json!({}), now)).unwrap());
    for (certificate, authorization, expected) in [
        (None, None, Ok("system:anonymous")),
        (Some(&good), None, Ok("alice")),
        (Some(&good), Some("Bearer wrong"), Ok("alice")),
        (None, Some("Bearer secret"), Ok("robot")),
        (None, Some("bearer  secret"), Ok("system:anonymous")),
        (None, Some("Basic secret"), Ok("system:anonymous")),
        (None, Some(account_token.as_str()), Ok("system:serviceaccount:n:s")),
        (None, Some("Bearer wrong"), Err("invalid bearer token")),
        (Some(&old), Some("Bearer secret"), Ok("robot")),
        (Some(&old), None, Err("x509: certificate has expired")),
    ] {
        let certificate = certificate.map(|der| ClientCertificate::of(der));
        let credentials = Credentials { certificate: certificate.as_ref(), authorization };
        match (all.authenticate(credentials, now, account).await, expected) {
            (Ok(user), Ok(name)) => {
                assert_eq!(user.name, name);
                assert_ne!(user.is_in("system:authenticated"), name == "system:anonymous");
            }
            (Err(error), Err(text)) => assert!(error.to_string().starts_with(text), "{error}"),
            (answer, _) => panic!("{credentials:?}: {answer:?}, expected {expected:?}"),
        }
    }
    let closed = authenticators(false);
    assert!(closed.authenticate(Credentials::default(), now, account).await.is_err());
}

#[tokio::test]
async fn a_token_review_tells_user_audiences_or_error() {
    let now = Timestamp::now();
    let all = authenticators(true);
    let review = async |token: &str, audiences: serde_json::Value| {
        let request = json!({"spec": {"token": token, "audiences": audiences}});
        let question = TokenQuestion::read(&request).unwrap();
        let outcome = all.authenticate_token(&question.token, &question.audiences, now, account).await;
        token_review(request, outcome)["status"].clone()
    };
    assert_eq!(review("wrong", json!([])).await, json!({"user": {}, "error": "invalid bearer token"}));
    let robot = json!({"username": "robot", "groups": ["g", "system:authenticated"]});
    assert_eq!(
        review("secret", json!(["x"])).await,
        json!({"authenticated": true, "user": robot, "audiences": ["x"]})
    );
    let token = all.keys.issue(&claims(&json!({"spec": {"audiences": ["a"]}}), now)).unwrap();
    let status = review(&token, json!(["a", "b"])).await;
    assert_eq!((&status["authenticated"], &status["audiences"]), (&json!(true), &json!(["a"])));
    let status = review(&token, json!(["b"])).await;
    assert_eq!(
        status["error"],
        "[invalid bearer token, token audiences [\"a\"] is invalid for the target audiences [\"b\"]]"
    );
    let gone = all.authenticate_token(&token, &["a".to_owned()], now, async |_| None).await;
    assert_eq!(gone.unwrap_err(), "[invalid bearer token, serviceaccounts \"s\" not found]");
    let empty = TokenQuestion::read(&json!({"spec": {}})).unwrap_err();
    assert_eq!(
        (empty.code(), empty.to_string().as_str()),
        (400, "token is required for TokenReview in authentication")
    );
}

#[test]
fn headers_are_read_as_kube_apiserver_reads_them() {
    for (header, token) in [
        ("Bearer t", Some("t")),
        ("  BEARER t  ", Some("t")),
        ("Bearer t u", Some("t")),
        ("Bearer  t", None),
        ("Bearer", None),
        ("Basic t", None),
        ("", None),
    ] {
        assert_eq!(bearer_token(header), token, "{header:?}");
    }
}

#[test]
fn i_am_who_i_am() {
    let review = self_review(&User::anonymous(), Timestamp::from_millisecond(1500).unwrap());
    assert_eq!(review["metadata"]["creationTimestamp"], "1970-01-01T00:00:01Z");
    let me = json!({"username": "system:anonymous", "groups": ["system:unauthenticated"]});
    assert_eq!(review["status"]["userInfo"], me);
}

#[test]
fn a_kubeconfig_has_one_context_of_the_cluster_name() {
    let identity = Identity { certificate: "c".to_owned(), key: "k".to_owned() };
    let config = kubeconfig("fedd", "https://localhost:1", "ca", "admin", &Login::Certificate(&identity));
    assert_eq!(config["current-context"], "fedd");
    assert_eq!(config["clusters"][0]["cluster"]["certificate-authority-data"], "Y2E=");
    assert_eq!(config["users"][0]["user"]["client-key-data"], "aw==");
    let config = kubeconfig("fedd", "https://localhost:1", "ca", "admin", &Login::Token("t"));
    assert_eq!(config["users"][0]["user"], json!({"token": "t"}));
}
