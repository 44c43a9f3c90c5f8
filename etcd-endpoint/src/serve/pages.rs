//! What is served without gRPC: `/health`, `/readyz`, `/livez`, `/version` and `/metrics`, at etcd's paths.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::{Router, extract::State, http::StatusCode, routing::get};

use crate::{Endpoint, members::VERSION};

pub(super) fn router(endpoint: Endpoint) -> Router {
    let version = || async { format!(r#"{{"etcdserver":"{VERSION}","etcdcluster":"{VERSION}"}}"#) };
    Router::new()
        .route("/health", get(health))
        .route("/readyz", get(ready))
        .route("/livez", get(async || "ok\n"))
        .route("/version", get(version))
        .route("/metrics", get(metrics))
        .with_state(endpoint)
}

/// Whether the store answers, in etcd's words.
async fn health(State(endpoint): State<Endpoint>) -> (StatusCode, String) {
    match answers(&endpoint).await {
        Ok(()) => (StatusCode::OK, r#"{"health":"true","reason":""}"#.to_owned()),
        Err(reason) => {
            let reason = reason.replace(['"', '\\'], "'");
            (StatusCode::SERVICE_UNAVAILABLE, format!(r#"{{"health":"false","reason":"{reason}"}}"#))
        }
    }
}

async fn ready(State(endpoint): State<Endpoint>) -> (StatusCode, String) {
    match answers(&endpoint).await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

/// Reads a key, as etcd does.
async fn answers(endpoint: &Endpoint) -> Result<(), String> {
    endpoint.store().get("health", None).await.map(drop).map_err(|error| error.to_string())
}

/// In the text format of Prometheus.
async fn metrics(State(endpoint): State<Endpoint>) -> String {
    let counts = endpoint.counts();
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let mut text = String::new();
    let mut add = |name: &str, kind: &str, help: &str, value: u64| {
        let name = format!("fedd_etcd_endpoint_{name}");
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    };
    add("reads_total", "counter", "Range requests that were answered.", of(&counts.reads));
    add("writes_total", "counter", "Writes that were done.", of(&counts.writes));
    add("events_total", "counter", "Events that were sent to watches.", of(&counts.events));
    add("watches", "gauge", "Watches that are open.", of(&counts.watches));
    add("leases", "gauge", "Leases that this process knows.", endpoint.leases().all().len() as u64);
    if let Ok(revision) = endpoint.revision().await {
        add("revision", "gauge", "The newest revision of the store.", revision);
    }
    text
}
