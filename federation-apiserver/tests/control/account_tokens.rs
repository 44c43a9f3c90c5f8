//! Secrets with tokens of accounts.

use std::sync::Arc;

use base64::Engine as _;
use federation_apiserver::auth::{Authenticators, StaticTokens, TokenKeys};
use federation_apiserver::control::account_tokens::AccountTokens;
use serde_json::{Value, json};

use super::world::{World, settle};

const NAME: &str = "kubernetes.io/service-account.name";

async fn world() -> (World, Arc<Authenticators>) {
    let world = World::new().await;
    let keys = TokenKeys::new("issuer", vec!["us".to_owned()], &TokenKeys::generate_key().unwrap()).unwrap();
    let authenticators = Arc::new(Authenticators { tokens: StaticTokens::default(), keys, anonymous: false });
    let tokens = AccountTokens::new(Arc::clone(&world.rest), Arc::clone(&authenticators), "PEM");
    tokio::spawn(tokens.run(world.stop.clone()));
    (world, authenticators)
}

fn secret(name: &str, account: &str) -> Value {
    json!({"metadata": {"name": name, "annotations": {NAME: account}}, "type": "kubernetes.io/service-account-token"})
}

fn decoded(secret: &Value, field: &str) -> String {
    let text = secret["data"][field].as_str().unwrap_or_default();
    String::from_utf8(base64::prelude::BASE64_STANDARD.decode(text).unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_secret_gets_its_token_and_gets_it_back() {
    let (world, authenticators) = world().await;
    let account = world.create("serviceaccounts", "a", json!({"metadata": {"name": "robot"}})).await.unwrap();
    let made = world.create("secrets", "a", secret("s", "robot")).await.unwrap();
    settle().await;
    let filled = world.get("secrets", "a", "s").await.unwrap();
    assert_eq!(
        (decoded(&filled, "ca.crt"), decoded(&filled, "namespace")),
        ("PEM".to_owned(), "a".to_owned())
    );
    let uid = &filled["metadata"]["annotations"]["kubernetes.io/service-account.uid"];
    assert_eq!(*uid, account["metadata"]["uid"]);
    let token = decoded(&filled, "token");
    let verified = authenticators.keys.verify(&token, &[], jiff::Timestamp::now()).unwrap().unwrap();
    assert_eq!(verified.claims.kubernetes.secret.as_ref().unwrap().uid, made["metadata"]["uid"]);
    assert_eq!(verified.claims.user().name, "system:serviceaccount:a:robot");
    assert_eq!(verified.claims.references().len(), 2, "it ends with the account and with the Secret");

    world.edit("secrets", "a", "s", |secret| secret["data"]["ca.crt"] = json!("b2xk")).await;
    settle().await;
    let again = world.get("secrets", "a", "s").await.unwrap();
    assert_eq!((decoded(&again, "ca.crt"), decoded(&again, "token")), ("PEM".to_owned(), token));
}

#[tokio::test(start_paused = true)]
async fn a_secret_goes_with_its_account() {
    let (world, _) = world().await;
    world.create("secrets", "a", secret("nobodys", "nobody")).await.unwrap();
    world.create("serviceaccounts", "a", json!({"metadata": {"name": "robot"}})).await.unwrap();
    world.create("secrets", "a", secret("s", "robot")).await.unwrap();
    let other = json!({"metadata": {"name": "other", "annotations": {NAME: "robot"}}, "type": "Opaque"});
    world.create("secrets", "a", other).await.unwrap();
    settle().await;
    assert_eq!(world.names("secrets", "a").await, ["other", "s"]);

    // One of the same name is another account.
    world.delete("serviceaccounts", "a", "robot", "Background").await.unwrap();
    world.create("serviceaccounts", "a", json!({"metadata": {"name": "robot"}})).await.unwrap();
    settle().await;
    assert_eq!(world.names("secrets", "a").await, ["other"]);
    assert!(world.get("secrets", "a", "other").await.unwrap()["data"].is_null());
}
