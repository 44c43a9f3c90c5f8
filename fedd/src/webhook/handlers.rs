//! The HTTP handlers: parse, look up, decide, answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use federation_model::{Feature, Settings};
use serde_json::Value;
use tenancy::{Labels, Scope, ScopeKeys};
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::admit::{self, CellRules, FederatedFacts};
use super::review::{Request, Verdict, parse, respond};
use super::state::Lookups;
use super::{CONVERT_PATH, Limits, path};
use crate::placed;

/// Conversions larger than this run beside the threads that answer everybody else.
const LARGE: usize = 1024 * 1024;
/// How long a lookup may take; the API server waits 10 s.
const LOOKUP: Duration = Duration::from_secs(8);
/// Objects that are named when a cell cannot be deleted.
const NAMED: usize = 5;

#[derive(Clone)]
struct Context {
    lookups: Arc<Lookups>,
    rules: Arc<Rules>,
}

/// Which rules hold: what the federation's settings leave.
struct Rules {
    settings: Settings,
    keys: ScopeKeys,
}

impl Context {
    /// Keys of the scope labels; none when tenant isolation is off.
    fn keys(&self) -> Option<&ScopeKeys> {
        self.is_on(Feature::TenantIsolation).then_some(&self.rules.keys)
    }

    fn is_on(&self, feature: Feature) -> bool {
        self.rules.settings.gates.is_on(feature)
    }
}

/// All paths.
pub(super) fn router(lookups: Arc<Lookups>, settings: Settings, limits: &Limits) -> Router {
    let keys = placed::scope_keys(&settings);
    let context = Context { lookups, rules: Arc::new(Rules { settings, keys }) };
    let slots = Arc::new(Semaphore::new(limits.in_flight));
    let longest = limits.request;
    Router::new()
        .route(CONVERT_PATH, post(convert))
        .route(path::MUTATE_FEDERATED, post(|c, b| federated(c, b, admit::mutate_federated)))
        .route(path::VALIDATE_FEDERATED, post(|c, b| federated(c, b, admit::validate_federated)))
        .route(
            path::VALIDATE_CLUSTER,
            post(|State(c): State<Context>, b: Bytes| async move {
                let scope = |name: &str| c.keys().and_then(|keys| scope_of(&c.lookups, keys, name));
                answer(&b, async |r| admit::validate_cluster(r, c.keys(), scope)).await
            }),
        )
        .route(
            path::VALIDATE_TYPE_CONFIG,
            post(|b: Bytes| async move { answer(&b, async |r| admit::validate_type_config(r)).await }),
        )
        .route(
            path::VALIDATE_CONFIG,
            post(|b: Bytes| async move { answer(&b, async |r| admit::validate_config(r)).await }),
        )
        .route(
            path::DEFAULT_CONFIG,
            post(|b: Bytes| async move { answer(&b, async |r| admit::default_config(r)).await }),
        )
        .route(path::VALIDATE_CELL, post(cell))
        .route(path::DELETE_CELL, post(cell_deletion))
        .route(
            path::VALIDATE_TOPOLOGY_TYPE,
            post(|b: Bytes| async move { answer(&b, async |r| admit::validate_topology_type(r)).await }),
        )
        .route(
            path::VALIDATE_CREDENTIALS,
            post(|b: Bytes| async move { answer(&b, async |r| admit::validate_credentials(r)).await }),
        )
        .layer(middleware::from_fn(move |request, next| limited(slots.clone(), longest, request, next)))
        .layer(DefaultBodyLimit::max(limits.body))
        // Below the limits: a busy webhook is ready nonetheless.
        .route("/readyz", get(|| async { "ok" }))
        .route("/readyz/", get(|| async { "ok" }))
        .with_state(context)
}

/// Lets so many requests at once read their body and be answered, each for so long; others wait their turn.
async fn limited(
    slots: Arc<Semaphore>,
    longest: Duration,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let turn = async {
        let _slot = slots.acquire().await;
        next.run(request).await
    };
    match tokio::time::timeout(longest, turn).await {
        Ok(response) => response,
        Err(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("not answered within {longest:?}")).into_response()
        }
    }
}

async fn convert(State(context): State<Context>, body: Bytes) -> Response {
    let (registry, body_len) = (context.lookups.registry(), body.len());
    let answer = move || match serde_json::from_slice::<Value>(&body) {
        Ok(review) => {
            let answer = topology_convert::review(review, &registry);
            if let Some(message) = answer.pointer("/response/result/message") {
                warn!(%message, "a conversion failed");
            }
            Json(answer).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("not a ConversionReview: {error}")).into_response(),
    };
    if body_len <= LARGE {
        return answer();
    }
    match tokio::task::spawn_blocking(answer).await {
        Ok(response) => response,
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("a conversion ended badly: {error}")).into_response()
        }
    }
}

/// Answers a review with what `decide` makes of its request.
async fn answer(body: &[u8], decide: impl AsyncFnOnce(&Request) -> Verdict) -> Response {
    match parse(body) {
        Ok(request) => {
            let verdict = decide(&request).await;
            if let Verdict::Deny(denial) = &verdict {
                debug!(
                    kind = request.kind.kind,
                    namespace = request.namespace,
                    name = request.name,
                    message = denial.message,
                    "refused"
                );
            }
            Json(respond(&request.uid, verdict)).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

/// The labels of a request's namespace; none for cluster-scoped objects.
async fn namespace_labels(lookups: &Lookups, request: &Request) -> Result<Option<Labels>, Verdict> {
    if request.namespace.is_empty() {
        return Ok(None);
    }
    match tokio::time::timeout(LOOKUP, lookups.namespace_labels(&request.namespace)).await {
        Ok(Ok(labels)) => Ok(Some(labels.unwrap_or_default())),
        Ok(Err(error)) => {
            warn!(%error, namespace = request.namespace, "cannot look a namespace up");
            Err(Verdict::unchecked(format!("namespace {} cannot be looked up: {error}", request.namespace)))
        }
        Err(_) => {
            Err(Verdict::unchecked(format!("namespace {} could not be looked up in time", request.namespace)))
        }
    }
}

fn scope_of(lookups: &Lookups, keys: &ScopeKeys, cluster: &str) -> Option<Scope> {
    lookups.cluster_labels(cluster).map(|labels| keys.of_labels(&labels))
}

async fn federated(
    State(context): State<Context>,
    body: Bytes,
    decide: for<'a, 'b, 'c> fn(&'a Request, &'b FederatedFacts<'c>) -> Verdict,
) -> Response {
    answer(&body, async |request| {
        let lookups = &context.lookups;
        let namespace = match namespace_labels(lookups, request).await {
            Ok(labels) => labels,
            Err(verdict) => return verdict,
        };
        let config = lookups.type_config(&request.kind.group, &request.kind.kind);
        let keys = context.keys();
        let facts = FederatedFacts {
            type_config: config.as_ref(),
            namespace: namespace.as_ref(),
            registry: &lookups.registry(),
            keys,
            masks: context.is_on(Feature::PlacementMask),
            scope_of_cluster: &|name| keys.and_then(|keys| scope_of(lookups, keys, name)),
        };
        decide(request, &facts)
    })
    .await
}

async fn cell(State(context): State<Context>, body: Bytes) -> Response {
    answer(&body, async |request| {
        let namespace = match namespace_labels(&context.lookups, request).await {
            Ok(labels) => labels.unwrap_or_default(),
            Err(verdict) => return verdict,
        };
        let keys = context.keys();
        let cluster =
            request.object.as_ref().and_then(|o| o.pointer("/spec/clusterName")).and_then(Value::as_str);
        let scope = keys.zip(cluster).and_then(|(keys, cluster)| scope_of(&context.lookups, keys, cluster));
        let rules = CellRules {
            cells: context.is_on(Feature::Cells),
            keys,
            namespace: &namespace,
            cluster: scope.as_ref(),
        };
        admit::validate_cell(request, &rules)
    })
    .await
}

async fn cell_deletion(State(context): State<Context>, body: Bytes) -> Response {
    answer(&body, async |request| {
        let (lookups, Rules { settings, keys }) = (&context.lookups, &*context.rules);
        let labels = match namespace_labels(lookups, request).await {
            Ok(labels) => labels.unwrap_or_default(),
            Err(verdict) => return verdict,
        };
        let cluster = admit::cluster_of_cell(request, keys, &labels);
        let (types, namespace) = (lookups.type_configs(), request.namespace.as_str());
        let question =
            placed::on_cluster(lookups.client(), &types, settings, &cluster, Some(namespace), NAMED);
        match tokio::time::timeout(LOOKUP, question).await {
            Ok(Ok(placed)) => admit::cell_deletion(request.object_name(), namespace, &placed),
            Ok(Err(error)) => {
                Verdict::unchecked(format!("what is placed on the cell cannot be listed: {error}"))
            }
            Err(_) => Verdict::unchecked("what is placed on the cell could not be listed in time".to_owned()),
        }
    })
    .await
}
