//! Requests that are too large, and too many.

use std::sync::Arc;

use async_trait::async_trait;
use federation_apiserver::admission::{Attributes, Plugin};
use federation_apiserver::auth::User;
use federation_apiserver::status::ApiError;
use federation_apiserver::{EmbeddedServer, Options};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::connection::{Connection, TOKEN};
use crate::options;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_ten_megabytes_is_too_large_and_the_connection_goes_on() {
    let server = EmbeddedServer::start(options()).await.unwrap();
    let mut connection = Connection::to(&server).await;
    let body = json!({"metadata": {"name": "large"}, "data": {"k": "x".repeat(10_000_000)}}).to_string();
    let (code, answer) = connection.ask(Some(TOKEN), "POST", MAPS, body).await;
    let expected = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 413,
        "message": "Request entity too large: limit is 3145728", "reason": "RequestEntityTooLarge",
    });
    assert_eq!((code, answer), (413, expected));
    assert_eq!(connection.ask(Some(TOKEN), "GET", MAPS, "").await.0, 200);
    server.stop().await;
}

/// Lets a write of an object named `slow` wait for a permit.
struct Slow {
    arrived: Semaphore,
    may_pass: Semaphore,
}

#[async_trait]
impl Plugin for Slow {
    async fn validate(&self, write: &mut Attributes<'_>) -> Result<(), ApiError> {
        if write.name == "slow" {
            self.arrived.add_permits(1);
            self.may_pass.acquire().await.map_err(ApiError::internal)?.forget();
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_at_once_are_asked_to_come_back() {
    let slow = Arc::new(Slow { arrived: Semaphore::new(0), may_pass: Semaphore::new(0) });
    let mut options = Options { plugins: vec![slow.clone()], ..options() };
    options.settings.in_flight = 1;
    options.tokens.insert("somebody", User::new("somebody", ["people"]));
    let server = EmbeddedServer::start(options).await.unwrap();
    let mut first = Connection::to(&server).await;
    let waiting =
        tokio::spawn(
            async move { first.ask(Some(TOKEN), "POST", MAPS, r#"{"metadata":{"name":"slow"}}"#).await },
        );
    slow.arrived.acquire().await.unwrap().forget();

    let mut second = Connection::to(&server).await;
    let response = second.send(Some("somebody"), "GET", MAPS, "").await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(second.ask(Some("somebody"), "GET", "/livez", "").await.0, 200, "the server is well");
    assert_eq!(second.ask(Some(TOKEN), "GET", MAPS, "").await.0, 200, "an administrator is heard");
    let metrics = server.api().metrics().text().unwrap();
    let counted = |line: &str| metrics.lines().any(|one| one.starts_with(line));
    assert!(counted("apiserver_current_inflight_requests{request_kind=\"mutating\"} 1"), "{metrics}");

    slow.may_pass.add_permits(1);
    assert_eq!(waiting.await.unwrap().0, 201);
    assert_eq!(second.ask(Some("somebody"), "GET", MAPS, "").await.0, 403, "there is room, but no right");
    server.stop().await;
}
