//! Requests to a server, and what comes back.

use http::Request;
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::Value;

/// A client of one server.
pub(crate) struct Api {
    client: Client,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
    pub(crate) warnings: Vec<String>,
}

impl Api {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let media_type = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        self.send(method, path, media_type, body).await
    }

    /// Server-side apply.
    #[allow(dead_code, reason = "not every test applies")]
    pub(crate) async fn apply(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, "application/apply-patch+yaml", body).await
    }

    async fn send(&self, method: &str, path: &str, media_type: &str, body: &Value) -> Answer {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("accept", "application/json")
            .header("content-type", media_type)
            .header("user-agent", "webhooks/1.0");
        let response = self.client.send(request.body(Body::from(bytes)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let warnings =
            parts.headers.get_all("warning").iter().map(|value| value.to_str().unwrap().to_owned());
        Answer {
            code: parts.status.as_u16(),
            body: serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into()),
            warnings: warnings.collect(),
        }
    }
}
