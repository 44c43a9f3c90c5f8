//! Tokens of service accounts: what is granted, what is refused, and what they say.

use serde_json::{Value, json};

use federation_apiserver::auth::{Account, BoundObject, Claims, TokenError, TokenRequest, User};

use crate::real::Real;

pub(crate) async fn tokens(real: &Real<'_>) {
    let core = "/api/v1/namespaces/n1";
    let account = real
        .create(&format!("{core}/serviceaccounts"), "ServiceAccount", &json!({"metadata": {"name": "s"}}))
        .await;
    let secret = real.create(&format!("{core}/secrets"), "Secret", &json!({"metadata": {"name": "k"}})).await;
    let uid = |object: &Value| object["metadata"]["uid"].as_str().unwrap().to_owned();
    let (account_uid, secret_uid) = (uid(&account), uid(&secret));
    let own = ["https://kubernetes.default.svc.cluster.local".to_owned()];
    let bound = |kind: &str, name: &str, uid: &str| json!({"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": kind, "name": name, "uid": uid}}});
    for request in [
        json!({"spec": {}}),
        json!({"spec": {"audiences": ["a", "b"], "expirationSeconds": 600}}),
        bound("Secret", "k", &secret_uid),
        bound("Secret", "k", "other"),
        bound("Secret", "absent", ""),
        bound("ConfigMap", "k", ""),
        json!({"spec": {"expirationSeconds": 599}}),
        json!({"spec": {"expirationSeconds": 5_000_000_000_i64}}),
        json!({"metadata": {"name": "other"}, "spec": {}}),
        json!({"metadata": {"namespace": "n2"}, "spec": {}}),
        json!({"metadata": {"uid": "other"}, "spec": {}}),
    ] {
        let answer = real.create(&format!("{core}/serviceaccounts/s/token"), "TokenRequest", &request).await;
        let account = Account { namespace: "n1", name: "s", uid: &account_uid };
        let ours = TokenRequest::read(&request, account, &own).and_then(|read| {
            let object = BoundObject { uid: secret_uid.clone(), ..Default::default() };
            let found = read.bound_object().filter(|reference| reference.name == "k").map(|_| &object);
            read.grant(found, None, &own, "id".to_owned(), jiff::Timestamp::now())
        });
        let grant = match ours {
            Ok(grant) => grant,
            Err(refusal) => {
                let message = answer["message"].as_str().unwrap_or_default().to_owned();
                assert_eq!(message, refusal.to_string(), "{request}");
                assert_eq!(answer["code"], refusal.code(), "{request}");
                continue;
            }
        };
        // The token of the real server, read with our types: the same claims, and nothing lost.
        let token = answer["status"]["token"].as_str().unwrap_or_else(|| panic!("{request}: {answer}"));
        let payload = token.split('.').nth(1).unwrap();
        let payload = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, payload).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        let claims: Claims = serde_json::from_value(payload.clone()).unwrap();
        assert_eq!(serde_json::to_value(&claims).unwrap(), payload);
        let masked = |claims: Claims| Claims {
            exp: claims.exp - claims.iat,
            iat: 0,
            nbf: claims.nbf - claims.iat,
            iss: String::new(),
            jti: String::new(),
            aud: if claims.aud.len() == 1 { Vec::new() } else { claims.aud },
            ..claims
        };
        assert_eq!(masked(claims.clone()), masked(grant.claims.clone()), "{request}");
        assert_eq!(shape(&grant.answer("t")), shape(&answer), "{request}");

        // And what the real server makes of it.
        let review = json!({"spec": {"token": token, "audiences": claims.aud}});
        let path = "/apis/authentication.k8s.io/v1/tokenreviews";
        let review = real.create(path, "TokenReview", &review).await;
        let user: User = serde_json::from_value(review["status"]["user"].clone()).unwrap();
        assert_eq!(user, claims.user().authenticated());

        let other = ["elsewhere".to_owned()];
        let review = json!({"spec": {"token": token, "audiences": other}});
        let review = real.create(path, "TokenReview", &review).await;
        let error = TokenError::Audiences { token: claims.aud.clone(), target: other.to_vec() };
        assert_eq!(review["status"]["error"], format!("[invalid bearer token, {error}]"));
    }
    let review = json!({"spec": {"token": "garbage"}});
    let review = real.create("/apis/authentication.k8s.io/v1/tokenreviews", "TokenReview", &review).await;
    assert_eq!(review["status"], json!({"user": {}, "error": "invalid bearer token"}));
}

/// The names of all fields, without managed fields.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| *key != "managedFields")
            .map(|(k, v)| (k.clone(), shape(v)))
            .collect(),
        Value::Null => Value::Null,
        _ => json!("…"),
    }
}
