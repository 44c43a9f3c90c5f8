//! Answers, as HTTP.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY, WARNING,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Response, StatusCode};
use serde_json::Value;

use super::Body;
use crate::body::Yaml;
use crate::status::ApiError;

/// From this many bytes on an answer is compressed for those who take it, as in kube-apiserver.
const COMPRESSED_FROM: usize = 128 * 1024;

/// Bytes of JSON.
pub(super) fn json(code: u16, bytes: Bytes) -> Response<Body> {
    with_type(code, bytes, "application/json")
}

/// Bytes of a media type.
pub(super) fn with_type(code: u16, bytes: Bytes, media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// A JSON value.
pub(super) fn value(code: u16, value: &Value, pretty: bool) -> Response<Body> {
    json(code, bytes(value, pretty))
}

/// A value's JSON.
pub(super) fn bytes(value: &Value, pretty: bool) -> Bytes {
    let text = if pretty { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) };
    // A value with text keys is always JSON.
    text.map(Bytes::from).unwrap_or_default()
}

/// A failure, as a `Status`.
pub(super) fn failure(error: &ApiError, pretty: bool) -> Response<Body> {
    let mut response = value(error.code(), &error.to_value(), pretty);
    if let Some(seconds) = error.retry_after_seconds() {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// There is no room for the request now. Not a `Status`: kube-apiserver's limits are below its API, and clients know this
/// answer by its code.
pub(super) fn too_many_requests() -> Response<Body> {
    let text = Bytes::from_static(b"Too many requests, please try again later.\n");
    let mut response = with_type(429, text, "text/plain; charset=utf-8");
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Nothing is there, and nothing is known of what should be.
pub(super) fn page_not_found() -> Response<Body> {
    with_type(404, Bytes::from_static(b"404 page not found\n"), "text/plain; charset=utf-8")
}

/// What the client is told beside the answer ("Warning mechanism" of the API).
pub(super) fn warn(response: &mut Response<Body>, warnings: &[String]) {
    for text in warnings {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        let safe: String = quoted.chars().filter(|c| !c.is_control()).collect();
        if let Ok(value) = HeaderValue::from_bytes(format!("299 - \"{safe}\"").as_bytes()) {
            response.headers_mut().append(WARNING, value);
        }
    }
}

/// The bytes, compressed if they are many and the client takes it.
pub(super) fn compressible(code: u16, bytes: Bytes, headers: &HeaderMap) -> Response<Body> {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let gzip = accepted
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().split(';').next() == Some("gzip") && !one.contains("q=0"));
    if !gzip || bytes.len() < COMPRESSED_FROM {
        return json(code, bytes);
    }
    // The fastest level: the bytes go over a network that is seldom the limit.
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    match encoder.write_all(&bytes).and_then(|()| encoder.finish()) {
        Ok(compressed) => {
            let mut response = json(code, compressed.into());
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding"));
            response
        }
        Err(_) => json(code, bytes),
    }
}

/// An answer's JSON, if it is there as a whole.
pub(super) fn json_of(response: &Response<Body>) -> Option<Value> {
    let bytes = response.body().whole()?;
    if !response.headers().contains_key(CONTENT_ENCODING) {
        return serde_json::from_slice(bytes).ok();
    }
    let mut plain = Vec::new();
    GzDecoder::new(&bytes[..]).read_to_end(&mut plain).ok()?;
    serde_json::from_slice(&plain).ok()
}

/// An answer in JSON as one in YAML; others stay as they are.
pub(super) fn in_yaml(response: Response<Body>, yaml: Yaml) -> Response<Body> {
    if response.headers().get(CONTENT_TYPE).is_none_or(|value| value != "application/json") {
        return response;
    }
    let Some(text) = json_of(&response).and_then(|value| (yaml.write)(&value).ok()) else { return response };
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/yaml"));
    parts.headers.remove(CONTENT_ENCODING);
    Response::from_parts(parts, Body::from(Bytes::from(text)))
}
