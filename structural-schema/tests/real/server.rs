//! A real API server with one custom resource, `things.test.example.com`.

use std::time::Duration;

use http::{Method, Request, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};
use testbed::{ApiServer, Testbed};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const THINGS: &str = "/apis/test.example.com/v1/things";

/// A cause of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Said {
    pub(crate) field: String,
    pub(crate) reason: String,
    pub(crate) message: String,
}

pub(crate) struct Server {
    client: kube::Client,
    _server: ApiServer,
}

impl Server {
    pub(crate) async fn start(name: &str) -> Self {
        let server = Testbed::start().await.unwrap().api_server(name).await.unwrap();
        Self { client: server.client(), _server: server }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let body = body.map(|body| serde_json::to_vec(body).unwrap()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body))
            .unwrap();
        let response = self.client.send(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Defines the resource with this schema, and waits until it is served.
    pub(crate) async fn define(&self, schema: &Value) {
        self.create_definition(&definition(schema, false)).await;
    }

    /// As [`Server::define`], with the status subresource.
    pub(crate) async fn define_with_status(&self, schema: &Value) {
        self.create_definition(&definition(schema, true)).await;
    }

    async fn create_definition(&self, definition: &Value) {
        let (status, answer) = self.send(Method::POST, DEFINITIONS, Some(definition)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        while self.send(Method::GET, THINGS, None).await.0 != StatusCode::OK {
            // That a resource is served is no event.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Changes the schema, and waits until it refuses this object.
    pub(crate) async fn redefine(&self, schema: &Value, refused: &Value) {
        let path = format!("{DEFINITIONS}/things.test.example.com");
        loop {
            let (_, mut current) = self.send(Method::GET, &path, None).await;
            current["spec"] = definition(schema, false)["spec"].clone();
            let (status, answer) = self.send(Method::PUT, &path, Some(&current)).await;
            if status != StatusCode::CONFLICT {
                assert_eq!(status, StatusCode::OK, "{answer}");
                break;
            }
        }
        let path = format!("{THINGS}?dryRun=All");
        while self.send(Method::POST, &path, Some(refused)).await.0 != StatusCode::UNPROCESSABLE_ENTITY {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Creates an object; the answer is what is stored, or what is said.
    pub(crate) async fn create(&self, object: &Value) -> Result<Value, Vec<Said>> {
        answer(self.send(Method::POST, THINGS, Some(object)).await)
    }

    /// Replaces an object, whatever its version.
    pub(crate) async fn replace(&self, object: &Value) -> Result<Value, Vec<Said>> {
        let path = format!("{THINGS}/{}", object["metadata"]["name"].as_str().unwrap());
        let (_, current) = self.send(Method::GET, &path, None).await;
        let mut object = object.clone();
        object["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"].clone();
        answer(self.send(Method::PUT, &path, Some(&object)).await)
    }

    /// Replaces the status of an object.
    pub(crate) async fn replace_status(&self, object: &Value) -> Result<Value, Vec<Said>> {
        let path = format!("{THINGS}/{}/status", object["metadata"]["name"].as_str().unwrap());
        answer(self.send(Method::PUT, &path, Some(object)).await)
    }

    /// The errors of strict decoding.
    pub(crate) async fn strict_errors(&self, object: &Value) -> Vec<String> {
        let mut object = object.clone();
        object["metadata"]["name"] = json!("strict");
        let path = format!("{THINGS}?dryRun=All&fieldValidation=Strict");
        let (_, answer) = self.send(Method::POST, &path, Some(&object)).await;
        let message = answer["message"].as_str().unwrap_or_default();
        match message.split_once("strict decoding error: ") {
            Some((_, errors)) => errors.split(", ").map(str::to_owned).collect(),
            None => Vec::new(),
        }
    }

    /// What is said of a definition with this schema.
    pub(crate) async fn try_definition(&self, schema: &Value, has_status: bool) -> Vec<Said> {
        let path = format!("{DEFINITIONS}?dryRun=All");
        answer(self.send(Method::POST, &path, Some(&definition(schema, has_status))).await)
            .err()
            .unwrap_or_default()
    }
}

fn definition(schema: &Value, has_status: bool) -> Value {
    let mut version =
        json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}});
    if has_status {
        version["subresources"] = json!({"status": {}});
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.test.example.com"},
        "spec": {
            "group": "test.example.com",
            "scope": "Cluster",
            "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
            "versions": [version],
        },
    })
}

fn answer((status, answer): (StatusCode, Value)) -> Result<Value, Vec<Said>> {
    if status.is_success() {
        return Ok(answer);
    }
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let text = |cause: &Value, name: &str| cause[name].as_str().unwrap_or_default().to_owned();
    let mut causes: Vec<Said> = answer["details"]["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| Said {
            field: text(cause, "field"),
            reason: text(cause, "reason"),
            message: text(cause, "message"),
        })
        .collect();
    causes.sort();
    Err(causes)
}
