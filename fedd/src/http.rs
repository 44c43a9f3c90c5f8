//! Health and metrics over plain HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// Answers whether all is ready; if not, what is missing.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// `/healthz` and `/readyz`.
pub fn health(ready: Readiness) -> Router {
    let readyz = move || {
        let ready = ready.clone();
        async move {
            match ready() {
                Ok(()) => (StatusCode::OK, "ok".to_owned()),
                Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, missing),
            }
        }
    };
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(readyz))
}

/// `/metrics`.
pub fn metrics(metrics: Arc<Metrics>) -> Router {
    let handler = move || {
        let metrics = metrics.clone();
        async move {
            match metrics.text() {
                Ok(text) => {
                    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                    ([(header::CONTENT_TYPE, kind)], text).into_response()
                }
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
    };
    Router::new().route("/metrics", get(handler))
}

/// Serves until told to stop; the address is taken before this returns.
pub async fn serve(address: SocketAddr, what: &str, router: Router, stop: CancellationToken) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address} for {what}"))?;
    Ok(tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
        if let Err(error) = served.await {
            tracing::warn!(%error, "server ended");
        }
    }))
}
