//! What a webhook's server says over HTTP.

use http::response::Parts;
use serde_json::Value;

use structural_schema::go_text::quote;

/// Why a webhook has given no answer that can be used, in the words of kube-apiserver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct CallError(String);

impl CallError {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Most of an error's text that is told on, as in client-go.
const TEXT: usize = 2048;

/// Reads the object that an answer holds.
///
/// # Errors
/// The answer is an error, or holds no object.
pub(super) fn read(parts: &Parts, body: &[u8]) -> Result<Value, CallError> {
    let object = serde_json::from_slice::<Value>(body);
    let status = parts.status.as_u16();
    if !(200..300).contains(&status) {
        if let Ok(object) = &object
            && object["kind"] == "Status"
            && let Some(message) = object["message"].as_str()
        {
            return Err(CallError::new(message));
        }
        return Err(CallError::new(error_of(status, &text(parts, body))));
    }
    let object = object
        .map_err(|error| CallError::new(format!("couldn't get version/kind; json parse error: {error}")))?;
    for (field, name) in [("kind", "Kind"), ("apiVersion", "apiVersion")] {
        if object[field].as_str().unwrap_or_default().is_empty() {
            let shown = String::from_utf8_lossy(body);
            return Err(CallError::new(format!("Object '{name}' is missing in '{shown}'")));
        }
    }
    Ok(object)
}

fn text(parts: &Parts, body: &[u8]) -> String {
    let media_type = parts.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !media_type.is_some_and(|media_type| media_type.starts_with("text/")) {
        return "unknown".to_owned();
    }
    String::from_utf8_lossy(&body[..body.len().min(TEXT)]).trim().to_owned()
}

/// What client-go makes of an error that is no `Status` (`NewGenericServerResponse`).
fn error_of(code: u16, text: &str) -> String {
    match code {
        400 => "the server rejected our request for an unknown reason",
        401 => "the server has asked for the client to provide credentials",
        404 => "the server could not find the requested resource",
        405 => "the server does not allow this method on the requested resource",
        406 if text.is_empty() || text == "unknown" => {
            "the server was unable to respond with a content type that the client supports"
        }
        403 | 406 | 415 => text,
        409 => "the server reported a conflict",
        422 => "the server rejected our request due to an error in our request",
        429 => "the server has received too many requests and has asked us to try again later",
        503 => "the server is currently unable to handle the request",
        504 => {
            "the server was unable to return a response in the time allotted, but may still be processing the request"
        }
        500.. => return format!("an error on the server ({}) has prevented the request from succeeding", quote(text)),
        _ => return format!("the server responded with the status code {code} but did not return more information"),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, media_type: &str, body: &str) -> Result<Value, String> {
        let response = http::Response::builder().status(status).header("content-type", media_type);
        let (parts, ()) = response.body(()).unwrap().into_parts();
        read(&parts, body.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn errors_are_told_as_client_go_tells_them() {
        for (status, media_type, body, told) in [
            (
                500,
                "text/plain",
                "boom\n",
                "an error on the server (\"boom\") has prevented the request from succeeding",
            ),
            (502, "", "x", "an error on the server (\"unknown\") has prevented the request from succeeding"),
            (404, "text/plain", "x", "the server could not find the requested resource"),
            (403, "text/html", "no", "no"),
            (
                302,
                "",
                "",
                "the server responded with the status code 302 but did not return more information",
            ),
            (500, "application/json", r#"{"kind":"Status","apiVersion":"v1","message":"said"}"#, "said"),
            (200, "", r#"{"apiVersion":"v1"}"#, r#"Object 'Kind' is missing in '{"apiVersion":"v1"}'"#),
        ] {
            assert_eq!(answer(status, media_type, body).unwrap_err(), told);
        }
        assert!(answer(200, "", r#"{"kind":"K","apiVersion":"v1"}"#).is_ok());
        assert!(
            answer(200, "", "nonsense")
                .unwrap_err()
                .starts_with("couldn't get version/kind; json parse error: ")
        );
    }
}
