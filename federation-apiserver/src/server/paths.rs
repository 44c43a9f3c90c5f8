//! What is served beside resources: discovery, documents, version.

use http::request::Parts;
use http::{HeaderValue, Response};
use serde_json::json;

use super::{ApiServer, Body, answer};
use crate::builtin::{self, Profile};
use crate::discovery::{self, Described};
use crate::request::{Accept, OPENAPI_PROTOBUF, Query};
use crate::resource::Served;
use crate::status::ApiError;

/// The version of Kubernetes whose API this is.
const KUBERNETES_VERSION: &str = "v1.36.3";

/// All that discovery describes: what is stored, and the reviews that are only answered.
pub(super) fn described(served: &Served) -> Vec<Described> {
    let reviews = builtin::kinds(Profile::Federation).filter(|kind| kind.storage.is_none());
    served.iter().map(|one| one.described.clone()).chain(reviews.map(Described::from)).collect()
}

impl ApiServer {
    /// Answers a request for something that is no resource.
    pub(super) async fn path(
        &self,
        parts: &Parts,
        path: &str,
        query: &Query<'_>,
    ) -> Result<Response<Body>, ApiError> {
        let accept = parts.headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
        let aggregated = Accept::wants_aggregated_discovery(accept);
        let all = || described(&self.rest.catalog().served());
        if path.contains("//") {
            return Ok(answer::page_not_found());
        }
        if matches!(path.split('/').nth(1), Some("api" | "apis"))
            && path.matches('/').count() > 1
            && parts.method != http::Method::GET
        {
            return Err(ApiError::no_such_method());
        }
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let document = match segments.as_slice() {
            [] => {
                json!({"paths": ["/api", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]})
            }
            ["api"] if aggregated => return Ok(aggregate(&discovery::aggregated_core(&all()))),
            ["apis"] if aggregated => return Ok(aggregate(&discovery::aggregated_groups(&all()))),
            ["api"] => discovery::api_versions(&self.settings.address),
            ["apis"] => discovery::groups(&all()),
            ["api", version] => {
                discovery::resources(&all(), "", version).ok_or_else(ApiError::no_such_path)?
            }
            ["apis", group, ..] if discovery::group(&all(), group).is_none() => {
                return Ok(answer::page_not_found());
            }
            ["apis", group] => discovery::group(&all(), group).ok_or_else(ApiError::no_such_path)?,
            ["apis", group, version] => {
                discovery::resources(&all(), group, version).ok_or_else(ApiError::no_such_path)?
            }
            ["version"] => version(),
            ["healthz" | "livez" | "readyz", ..] => return Ok(self.health(path, query).await),
            ["metrics"] => return self.measured().await,
            ["openapi", "v2"] => {
                let protobuf = Accept::wants_openapi_protobuf(accept).ok_or_else(ApiError::not_acceptable)?;
                let documents = self.documents();
                let served = if protobuf { documents.v2_protobuf() } else { documents.v2() };
                let mut answer = document_answer(served.text, &served.hash, parts);
                if protobuf {
                    let media_type = HeaderValue::from_static(OPENAPI_PROTOBUF);
                    answer.headers_mut().insert(http::header::CONTENT_TYPE, media_type);
                }
                return Ok(answer);
            }
            ["openapi", "v3"] => self.documents().index(),
            ["openapi", "v3", rest @ ..] => {
                let served = self.documents().document(&rest.join("/")).ok_or_else(ApiError::no_such_path)?;
                return Ok(document_answer(served.text, &served.hash, parts));
            }
            [".well-known", "openid-configuration"] => {
                self.authenticators.keys.discovery(&format!("https://{}", self.settings.address))
            }
            ["openid", "v1", "jwks"] => self.authenticators.keys.key_set(),
            ["api" | "apis", ..] => return Err(ApiError::no_such_path()),
            _ => return Ok(answer::page_not_found()),
        };
        Ok(answer::value(200, &document, false))
    }

    /// What has been counted, with what is stored now. A count that the store cannot give is left out.
    async fn measured(&self) -> Result<Response<Body>, ApiError> {
        let store = self.rest.store();
        let revision = store.revision().await.map_err(crate::rest::store_error)?;
        let served = self.rest.catalog().served();
        let mut counts = std::collections::BTreeMap::new();
        for resource in served.iter() {
            // Versions of a resource have the same objects.
            let name = resource.group_resource().to_string();
            if !counts.contains_key(&name)
                && let Ok(count) = store.count(&format!("{}/", resource.key_prefix)).await
            {
                counts.insert(name, count);
            }
        }
        self.metrics.stored(revision, counts.into_iter().collect());
        let text = self.metrics.text().map_err(ApiError::internal)?;
        Ok(answer::with_type(200, text.into(), crate::metrics::OPEN_METRICS))
    }
}

fn aggregate(document: &serde_json::Value) -> Response<Body> {
    answer::with_type(200, answer::bytes(document, false), discovery::AGGREGATED)
}

/// A document that clients keep until its hash changes.
fn document_answer(text: bytes::Bytes, hash: &str, parts: &Parts) -> Response<Body> {
    let tag = format!("\"{hash}\"");
    let known = parts.headers.get(http::header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known == Some(tag.as_str()) {
        answer::json(304, bytes::Bytes::new())
    } else {
        answer::compressible(200, text, &parts.headers)
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(http::header::ETAG, tag);
    }
    response
}

fn version() -> serde_json::Value {
    let minor = KUBERNETES_VERSION.split('.').nth(1).unwrap_or_default();
    json!({
        "major": "1", "minor": minor, "gitVersion": format!("{KUBERNETES_VERSION}+fedd"),
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "", "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}
