//! `/healthz`, `/readyz` and `/metrics`, over plain HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::RawQuery;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// A part that is ready or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What is wrong, for people; none when it is ready.
    pub trouble: Option<String>,
}

impl Check {
    /// A part, and what is wrong with it if it is not `ready`.
    pub fn new(name: &'static str, ready: bool, trouble: &str) -> Self {
        Self { name, trouble: (!ready).then(|| trouble.to_owned()) }
    }
}

/// How the parts are, now.
pub type Readiness = Arc<dyn Fn() -> Vec<Check> + Send + Sync>;

/// `/healthz`: the process lives. `/readyz`: what is not ready, if anything; `?exclude=NAME` leaves a part out, as
/// kube-apiserver's does.
pub fn health(ready: Readiness) -> Router {
    let readyz = move |RawQuery(query): RawQuery| {
        let query = query.unwrap_or_default();
        let excluded: Vec<_> =
            form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "exclude").collect();
        let missing: Vec<_> = ready()
            .into_iter()
            .filter(|check| excluded.iter().all(|(_, name)| name != check.name))
            .filter_map(|check| Some(format!("{}: {}", check.name, check.trouble?)))
            .collect();
        let answer = if missing.is_empty() {
            (StatusCode::OK, "ok".to_owned())
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n"))
        };
        std::future::ready(answer)
    };
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(readyz))
}

/// `/metrics`, in OpenMetrics' text form.
pub fn metrics(metrics: Arc<Metrics>) -> Router {
    let answer = move || {
        let answer = match metrics.text() {
            Ok(text) => {
                ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
                    .into_response()
            }
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        };
        std::future::ready(answer)
    };
    Router::new().route("/metrics", get(answer))
}

/// A server that listens already.
pub struct Server {
    /// Where it listens; the port is a real one even if 0 was asked for.
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Listens, and serves until told to stop.
///
/// # Errors
/// The address cannot be had; `flag` says where it comes from.
pub async fn serve(
    address: SocketAddr,
    flag: &str,
    router: Router,
    stop: CancellationToken,
) -> anyhow::Result<Server> {
    let failed = || format!("{flag}: cannot listen on {address}");
    let listener = TcpListener::bind(address).await.with_context(failed)?;
    let address = listener.local_addr().with_context(failed)?;
    let task = tokio::spawn(async move {
        axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await }).await
    });
    Ok(Server { address, task })
}

impl Server {
    /// Waits until it has ended. Connections that a client keeps open do not hold it up.
    pub async fn ended(self) {
        // A client that never closes must not hold an exit up.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), self.task).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn health_and_readiness_are_told_apart() {
        let ready = Arc::new(AtomicBool::new(false));
        let readiness: Readiness = {
            let ready = ready.clone();
            Arc::new(move || {
                let webhooks = Check::new("webhooks", ready.load(Ordering::Relaxed), "not yet");
                vec![webhooks, Check::new("controllers", true, "")]
            })
        };
        let router = health(readiness).merge(metrics(Arc::new(Metrics::default())));
        let stop = CancellationToken::new();
        let server = serve(([127, 0, 0, 1], 0).into(), "--healthz-addr", router, stop.clone()).await.unwrap();
        let healthz = ask(server.address, "/healthz").await;
        assert!(healthz.starts_with("HTTP/1.1 200") && healthz.ends_with("ok"), "{healthz}");
        let readyz = ask(server.address, "/readyz").await;
        assert!(readyz.starts_with("HTTP/1.1 503") && readyz.ends_with("webhooks: not yet"), "{readyz}");
        assert!(ask(server.address, "/readyz?exclude=webhooks").await.starts_with("HTTP/1.1 200"));
        assert!(ask(server.address, "/readyz?exclude=controllers").await.starts_with("HTTP/1.1 503"));
        ready.store(true, Ordering::Relaxed);
        assert!(ask(server.address, "/readyz").await.starts_with("HTTP/1.1 200"));
        let metrics = ask(server.address, "/metrics").await;
        assert!(metrics.contains("openmetrics-text") && metrics.ends_with("# EOF\n"), "{metrics}");
        stop.cancel();
        server.ended().await;
    }

    #[tokio::test]
    async fn an_address_in_use_is_named_with_its_flag() {
        let first = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = first.local_addr().unwrap();
        let error =
            serve(address, "--metrics-addr", Router::new(), CancellationToken::new()).await.err().unwrap();
        assert!(
            error.to_string().contains("--metrics-addr") && error.to_string().contains(&address.to_string())
        );
    }
}
