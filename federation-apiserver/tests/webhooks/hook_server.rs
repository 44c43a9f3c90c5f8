//! Webhooks that answer as their path says, and remember what they were asked.

use std::convert::Infallible;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use federation_apiserver::auth::{certificates, server_config};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a webhook was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) review: Value,
}

#[derive(Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    connections: Mutex<usize>,
}

/// An HTTPS server on 127.0.0.1. It ends with the runtime.
pub(crate) struct HookServer {
    shared: Arc<Shared>,
    pub(crate) port: u16,
    /// Its authority's certificate, as a `caBundle`.
    pub(crate) bundle: String,
    /// An authority's that has not signed anything.
    #[allow(dead_code, reason = "not every test uses it")]
    pub(crate) other_bundle: String,
}

impl HookServer {
    pub(crate) async fn start() -> Self {
        let now = Timestamp::now();
        let authority = certificates::authority("hooks", now).unwrap();
        let day = SignedDuration::from_hours(24);
        let serving = certificates::serving(&authority, "hook", ["127.0.0.1"], now, day).unwrap();
        let mut tls = server_config(&serving, None).unwrap();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<Shared>::default();
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, shared) = (acceptor.clone(), Arc::clone(&accepting));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    *shared.connections.lock() += 1;
                    let service = service_fn(|request| answer(Arc::clone(&shared), request));
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        let bundle = STANDARD.encode(&authority.certificate);
        let other = certificates::authority("others", now).unwrap();
        Self { shared, port, bundle, other_bundle: STANDARD.encode(&other.certificate) }
    }

    /// What was asked since the last time.
    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.shared.asked.lock())
    }

    /// How many connections there were.
    #[allow(dead_code, reason = "not every test counts")]
    pub(crate) fn connections(&self) -> usize {
        *self.shared.connections.lock()
    }

    /// A `clientConfig` for a path.
    pub(crate) fn client_config(&self, path: &str) -> Value {
        json!({"url": format!("https://127.0.0.1:{}/{path}", self.port), "caBundle": self.bundle})
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    shared.asked.lock().push(Asked { path: format!("{path}?{query}"), review: review.clone() });
    Ok(match path.as_str() {
        "slow" => {
            tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            verdict(&review, json!({"allowed": true}))
        }
        "garbage" => Response::new(Full::new(Bytes::from_static(b"this is no review"))),
        "broken" => {
            let response = Response::builder().status(500).header("content-type", "text/plain");
            response.body(Full::new(Bytes::from_static(b"out of order"))).unwrap()
        }
        "empty" => object(&json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"})),
        "other-uid" => verdict(&review, json!({"uid": "another", "allowed": true})),
        "deny" => {
            let status = json!({"message": "not like this", "code": 403, "reason": "Forbidden"});
            verdict(&review, json!({"allowed": false, "status": status}))
        }
        "deny-warning" => verdict(&review, json!({"allowed": false, "warnings": ["mind the gap"]})),
        "deny-silently" => verdict(&review, json!({"allowed": false})),
        "warn" => verdict(&review, json!({"allowed": true, "warnings": ["mind the gap"]})),
        "label" => {
            patched(&review, json!([{"op": "add", "path": "/metadata/labels", "value": {"hook": "label"}}]))
        }
        "label-twice" => {
            let labels = &review["request"]["object"]["metadata"]["labels"];
            let count = labels["count"].as_str().and_then(|count| count.parse().ok()).unwrap_or(0);
            let value = json!({"hook": "label", "count": (count + 1).to_string()});
            patched(&review, json!([{"op": "add", "path": "/metadata/labels", "value": value}]))
        }
        "size" => patched(&review, json!([{"op": "add", "path": "/spec/size", "value": 7}])),
        "bad-patch" => patched(&review, json!([{"op": "remove", "path": "/no/such/field"}])),
        "unknown-field" => patched(&review, json!([{"op": "add", "path": "/spec/unheard", "value": 1}])),
        "convert" => converted(&review, |_| ()),
        "convert-other" => converted(&review, |object| object["metadata"]["name"] = "another".into()),
        _ => verdict(&review, json!({"allowed": true})),
    })
}

fn object(object: &Value) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from(serde_json::to_vec(object).unwrap())))
}

fn verdict(review: &Value, mut response: Value) -> Response<Full<Bytes>> {
    if response["uid"].is_null() {
        response["uid"] = review["request"]["uid"].clone();
    }
    object(&json!({"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response}))
}

fn patched(review: &Value, patch: Value) -> Response<Full<Bytes>> {
    let patch = STANDARD.encode(patch.to_string());
    verdict(review, json!({"allowed": true, "patchType": "JSONPatch", "patch": patch}))
}

fn converted(review: &Value, change: impl Fn(&mut Value)) -> Response<Full<Bytes>> {
    let request = &review["request"];
    let objects = request["objects"].as_array().unwrap().iter().cloned().map(|mut object| {
        let to_v2 = request["desiredAPIVersion"] == "example.com/v2";
        object["apiVersion"] = request["desiredAPIVersion"].clone();
        let (from, to) = if to_v2 { ("size", "extent") } else { ("extent", "size") };
        if let Some(spec) = object["spec"].as_object_mut()
            && let Some(size) = spec.remove(from)
        {
            spec.insert(to.to_owned(), size);
        }
        change(&mut object);
        object
    });
    let objects: Vec<Value> = objects.collect();
    let response =
        json!({"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": objects});
    object(&json!({"apiVersion": review["apiVersion"], "kind": "ConversionReview", "response": response}))
}
