//! The start of an engine on a host that may not answer just then: a leader is elected in the middle of others' faults.

use std::sync::Arc;

use federation_model::{Cell, Scope};
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, ListParams};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{EngineError, EngineOptions};
use crate::ports::Chance;
use crate::retry::backoff;

/// The uid of the host's `kube-system`, by which a member that is the host itself is known. Asks again, ever more
/// rarely, while the host does not answer; nothing when told to stop before it did.
///
/// # Errors
/// It answers that it will not be asked.
pub(super) async fn server(
    host: &Client,
    chance: &Chance,
    shutdown: &CancellationToken,
) -> Result<Option<Option<Arc<str>>>, EngineError> {
    let namespaces: Api<Namespace> = Api::all(host.clone());
    let mut attempt = 0;
    loop {
        let error = tokio::select! {
            () = shutdown.cancelled() => return Ok(None),
            system = namespaces.get("kube-system") => match system {
                Ok(system) => return Ok(Some(system.metadata.uid.as_deref().map(Arc::from))),
                Err(error) => error,
            },
        };
        if is_refusal(&error) {
            return Err(EngineError::Host(error));
        }
        attempt += 1;
        let wait = backoff(attempt, chance);
        warn!(%error, "the federation's API server does not answer; asked again in {:.1} s", wait.as_secs_f32());
        tokio::select! {
            () = shutdown.cancelled() => return Ok(None),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Whether the host has a cell. One that serves none, or will not be asked, has none to care for; of one that does not
/// answer just then, the watch will tell.
pub(super) async fn has_cells(options: &EngineOptions) -> bool {
    let cells: Api<Cell> = match options.settings.scope {
        Scope::Cluster => Api::all(options.host.clone()),
        Scope::Namespaced => Api::namespaced(options.host.clone(), &options.namespace),
    };
    let first = ListParams::default().limit(1);
    match tokio::time::timeout(options.timeouts.request, cells.list_metadata(&first)).await {
        Ok(Ok(some)) => !some.items.is_empty(),
        Ok(Err(error)) => !is_refusal(&error),
        Err(_) => true,
    }
}

/// Whether the answer would be the same next time. A server that is too busy, or has no database just now, says so too.
fn is_refusal(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => (400..500).contains(&status.code) && !matches!(status.code, 408 | 429),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;

    use super::*;

    /// A client of a host that answers so, one answer after another, and how often it was asked.
    fn host(answers: &'static [u16]) -> (Client, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let asks = asked.clone();
        let service = tower::service_fn(move |_: Request<Body>| {
            let code = answers[asks.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1)];
            let answer = match code {
                200 => json!({"metadata": {"name": "kube-system", "uid": "the-host"}}),
                code => json!({"kind": "Status", "status": "Failure", "message": "", "code": code}),
            };
            let answer = Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()));
            async { Ok::<_, Infallible>(answer.unwrap()) }
        });
        (Client::new(service, "default"), asked)
    }

    async fn started(host: &Client) -> Result<Option<Option<Arc<str>>>, EngineError> {
        server(host, &Chance::seeded(1), &CancellationToken::new()).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_does_not_answer_is_asked_again() {
        let (host, asked) = host(&[503, 429, 500, 200]);
        assert_eq!(started(&host).await.unwrap(), Some(Some(Arc::from("the-host"))));
        assert_eq!(asked.load(Ordering::Relaxed), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_ends_the_start() {
        for answers in [&[503, 403][..], &[401], &[404]] {
            let (host, asked) = host(answers);
            assert!(matches!(started(&host).await, Err(EngineError::Host(_))), "{answers:?}");
            assert_eq!(asked.load(Ordering::Relaxed), answers.len());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn told_to_stop_it_asks_no_more() {
        let (host, _) = host(&[503]);
        let shutdown = CancellationToken::new();
        let chance = Chance::seeded(1);
        let starting = server(&host, &chance, &shutdown);
        let stopping = async {
            tokio::time::sleep(std::time::Duration::from_mins(10)).await;
            shutdown.cancel();
        };
        assert_eq!(tokio::join!(starting, stopping).0.unwrap(), None);
    }
}
