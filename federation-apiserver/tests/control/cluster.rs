//! The real cluster and the embedded server, asked the same.

use std::time::Duration;

use http::Request;
use kube::Client;
use serde_json::{Value, json};
use tokio::time::Instant;

/// How long the two may take to come to the same state.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Cluster {
    pub(crate) client: Client,
}

pub(crate) struct Pair {
    pub(crate) real: Cluster,
    pub(crate) own: Cluster,
}

/// The two answers to one request.
pub(crate) struct Answers {
    real: Value,
    own: Value,
}

impl Cluster {
    /// The answer, be it an object or a `Status`.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let media = match method {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let request = Request::builder().method(method).uri(path).header("Content-Type", media);
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let response = self.client.send(request.body(body.into_bytes().into()).unwrap()).await.unwrap();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)))
    }

    /// What is told of a namespace; `null` if it is not there.
    pub(crate) async fn namespace(&self, name: &str) -> Value {
        let namespace = self.send("GET", &format!("/api/v1/namespaces/{name}"), &json!({})).await;
        if namespace["kind"] == "Status" {
            return Value::Null;
        }
        let fields = ["type", "status", "reason", "message"];
        let conditions = namespace["status"]["conditions"].as_array().into_iter().flatten();
        let conditions: Vec<Value> =
            conditions.map(|one| json!(fields.map(|field| one[field].clone()))).collect();
        json!({
            "phase": namespace["status"]["phase"],
            "finalizers": namespace["spec"]["finalizers"],
            "conditions": conditions,
        })
    }
}

impl Pair {
    pub(crate) async fn both(&self, method: &str, path: &str, body: &Value) -> Answers {
        let (real, own) = tokio::join!(self.real.send(method, path, body), self.own.send(method, path, body));
        Answers { real, own }
    }

    pub(crate) async fn create_namespace(&self, name: &str) {
        self.both("POST", "/api/v1/namespaces", &json!({"metadata": {"name": name}})).await;
    }

    /// Waits until both are ready and in the same state; that they are not, after a while, is a difference.
    pub(crate) async fn agree(
        &self,
        what: &str,
        differences: &mut Vec<String>,
        state: impl AsyncFn(&Cluster) -> (bool, Value),
    ) {
        let end = Instant::now() + PATIENCE;
        loop {
            let ((real_ready, real), (own_ready, own)) = tokio::join!(state(&self.real), state(&self.own));
            if real_ready && own_ready && real == own {
                return;
            }
            if Instant::now() > end {
                differences.push(format!("{what}:\n  real {real}\n  own  {own}"));
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Answers {
    /// The two must be the same.
    pub(crate) fn differ(&self, what: &str, differences: &mut Vec<String>) {
        let Self { real, own } = self;
        if real != own {
            differences.push(format!("{what}:\n  real {real}\n  own  {own}"));
        }
    }
}
