//! Objects of Kubernetes' own kinds in protobuf, as clients send them (`application/vnd.kubernetes.protobuf`).
//!
//! A body is an envelope, which says what it holds, around a message. What is read from it is the JSON value that the
//! same client would have sent had it written JSON, so that nothing behind it knows the difference. Answers are JSON,
//! which those clients take as well.
//!
//! How messages are laid out is packed in the program beside the OpenAPI definitions, under the same names, and
//! unpacked when the first body in protobuf arrives.

mod decode;
mod descriptor;
mod envelope;
mod form;
mod wire;

use serde_json::Value;

use crate::builtin::KINDS;
use crate::object;
use crate::status::ApiError;
use envelope::Envelope;

/// The media type of such bodies.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// How deep an object may be: as deep as one that is read from JSON.
const DEEPEST: usize = 127;

/// Why bytes are not a message. The texts are those of Go's generated code where it has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Malformed {
    #[error("empty data")]
    Empty,
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    Prefix,
    #[error("empty body")]
    EmptyEnvelope,
    #[error("unexpected EOF")]
    End,
    #[error("proto: integer overflow")]
    Overflow,
    #[error("proto: illegal tag {0} (wire type {1})")]
    Tag(u64, u8),
    #[error("proto: illegal wireType {0}")]
    WireType(u8),
    #[error("proto: unexpected end of group")]
    Group,
    #[error("proto: wrong wireType = {0} for field {1}")]
    Field(u8, String),
    #[error("exceeded max depth")]
    Depth,
    #[error("a time is out of range: {0} seconds since 1970")]
    Time(i64),
    #[error("impossible IntOrString.Type")]
    IntOrString,
    #[error("a number is not finite")]
    Number,
    #[error("embedded JSON cannot be read: {0}")]
    Json(String),
}

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{context}: {reason}{content}")]
pub struct Refused {
    /// What cannot be done with it.
    context: String,
    /// What is wrong, in the words of Go's decoder.
    pub reason: String,
    /// How a body begins that is no envelope.
    content: String,
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        Self::bad_request(refused.to_string())
    }
}

/// Reads an object by the name of its OpenAPI definition, such as `io.k8s.api.core.v1.ConfigMap`.
///
/// # Errors
/// What is wrong with the body, or that it holds another kind, as kube-apiserver says it.
pub fn read(body: &[u8], definition: &str) -> Result<Value, Refused> {
    let mut names = definition.rsplit('.');
    let (wanted, version) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    let envelope = Envelope::read(body).map_err(|why| Refused {
        context: format!("the object provided is unrecognized (must be of type {wanted})"),
        reason: why.to_string(),
        content: format!(" ({})", beginning(body)),
    })?;
    let kind = if envelope.kind.is_empty() { wanted } else { &envelope.kind };
    let said = if envelope.api_version.is_empty() { version } else { &envelope.api_version };
    let unfit = |reason: String| {
        let version = said.rsplit('/').next().unwrap_or_default();
        let context = format!("{kind} in version \"{version}\" cannot be handled as a {wanted}");
        Refused { context, reason, content: String::new() }
    };
    if kind != wanted {
        let known = KINDS.iter().any(|one| one.kind == kind && one.group_version.api_version() == said);
        return Err(unfit(if known {
            "unknown conversion".to_owned()
        } else {
            format!("no kind \"{kind}\" is registered for version \"{said}\"")
        }));
    }
    let mut value = decode::message(definition, envelope.raw).map_err(|why| unfit(why.to_string()))?;
    for (field, said) in [("apiVersion", &envelope.api_version), ("kind", &envelope.kind)] {
        if !said.is_empty() {
            object::set_top(&mut value, field, Some(said.as_str().into()));
        }
    }
    Ok(value)
}

/// The first bytes of a body, as text if they look like JSON.
fn beginning(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    let shown = &body[..body.len().min(SHOWN)];
    let text = match shown {
        [] => return "<empty>".to_owned(),
        [b'{', ..] => String::from_utf8_lossy(shown).into_owned(),
        _ => shown.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")),
    };
    if body.len() > SHOWN { text + " ..." } else { text }
}

#[cfg(test)]
mod tests;
