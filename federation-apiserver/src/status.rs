//! What a request is answered with when it fails: Kubernetes' `Status`, with its reasons and wording.
//!
//! The rules are those of the API conventions ("Error codes", "Response Status Kind"); the words are kube-apiserver's,
//! since clients match on them.

use crate::FieldError;
use serde_json::{Map, Value, json};

/// The name of a resource within its group.
#[derive(Clone, Copy, Debug)]
pub struct GroupResource<'a> {
    /// The API group; empty for the core group.
    pub group: &'a str,
    /// The plural name, or a kind where Kubernetes names kinds.
    pub resource: &'a str,
}

impl std::fmt::Display for GroupResource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.group.is_empty() {
            f.write_str(self.resource)
        } else {
            write!(f, "{}.{}", self.resource, self.group)
        }
    }
}

/// Why a request failed, in the words of `metav1.StatusReason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the documentation: metav1.StatusReason")]
pub enum Reason {
    Unauthorized,
    Forbidden,
    NotFound,
    AlreadyExists,
    Conflict,
    Gone,
    Invalid,
    Timeout,
    TooManyRequests,
    BadRequest,
    MethodNotAllowed,
    NotAcceptable,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    InternalError,
    Expired,
    ServiceUnavailable,
}

impl Reason {
    /// The HTTP status code that goes with it.
    pub fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::AlreadyExists | Self::Conflict => 409,
            Self::Gone | Self::Expired => 410,
            Self::RequestEntityTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid => 422,
            Self::TooManyRequests => 429,
            Self::InternalError => 500,
            Self::ServiceUnavailable => 503,
            Self::Timeout => 504,
        }
    }
}

/// A failed request: what becomes a `Status` object.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError(Box<Status>);

#[derive(Clone, Debug, PartialEq)]
struct Status {
    code: u16,
    reason: String,
    message: String,
    details: Map<String, Value>,
    /// The answer has details even if they say nothing.
    empty_details: bool,
    /// Where a list that expired can go on.
    continue_token: String,
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for ApiError {}

impl ApiError {
    /// An error without details.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self(Box::new(Status {
            code: reason.code(),
            reason: format!("{reason:?}"),
            message: message.into(),
            details: Map::new(),
            empty_details: false,
            continue_token: String::new(),
        }))
    }

    fn about(reason: Reason, resource: GroupResource<'_>, name: &str, message: String) -> Self {
        let mut error = Self::new(reason, message);
        if !name.is_empty() {
            error.0.details.insert("name".into(), name.into());
        }
        if !resource.group.is_empty() {
            error.0.details.insert("group".into(), resource.group.into());
        }
        if !resource.resource.is_empty() {
            error.0.details.insert("kind".into(), resource.resource.into());
        }
        error
    }

    /// An error that another server answered with: a webhook, for instance.
    pub fn from_status(status: &Value) -> Self {
        let text = |field: &str| status.get(field).and_then(Value::as_str).map(str::to_owned);
        let code = status.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        Self(Box::new(Status {
            code: code.filter(|code| *code >= 400).unwrap_or(500),
            reason: text("reason").unwrap_or_default(),
            message: text("message").unwrap_or_default(),
            details: status.get("details").and_then(Value::as_object).cloned().unwrap_or_default(),
            empty_details: false,
            continue_token: String::new(),
        }))
    }

    /// No such object.
    pub fn not_found(resource: GroupResource<'_>, name: &str) -> Self {
        Self::about(Reason::NotFound, resource, name, format!("{resource} \"{name}\" not found"))
    }

    /// No such path.
    pub fn no_such_path() -> Self {
        Self::new(Reason::NotFound, "the server could not find the requested resource").without_details()
    }

    /// The details are there, but empty: errors of the path, before it is known what the request is about.
    pub(crate) fn without_details(mut self) -> Self {
        self.0.details = Map::new();
        self.0.empty_details = true;
        self
    }

    /// The path is there, the method is not.
    pub fn no_such_method() -> Self {
        const WHY: &str = "the server does not allow this method on the requested resource";
        Self::new(Reason::MethodNotAllowed, WHY).without_details()
    }

    /// A failure that kube-apiserver has no reason for.
    pub(crate) fn unclassified(message: impl Into<String>) -> Self {
        let mut error = Self::new(Reason::InternalError, message);
        error.0.reason = String::new();
        error
    }

    /// An object of this name is there already.
    pub fn already_exists(resource: GroupResource<'_>, name: &str) -> Self {
        Self::about(Reason::AlreadyExists, resource, name, format!("{resource} \"{name}\" already exists"))
    }

    /// The object is not as the client believes.
    pub fn conflict(resource: GroupResource<'_>, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}");
        Self::about(Reason::Conflict, resource, name, message)
    }

    /// The object has been changed since the client read it.
    pub fn modified(resource: GroupResource<'_>, name: &str) -> Self {
        const WHY: &str =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, WHY)
    }

    /// Not allowed, for this reason.
    pub fn forbidden(resource: GroupResource<'_>, name: &str, why: &str) -> Self {
        let message = match (resource.resource, name) {
            ("", _) => format!("forbidden: {why}"),
            (_, "") => format!("{resource} is forbidden: {why}"),
            _ => format!("{resource} \"{name}\" is forbidden: {why}"),
        };
        let error = Self::about(Reason::Forbidden, resource, name, message);
        if resource.resource.is_empty() { error.without_details() } else { error }
    }

    /// The object breaks rules; all that were found.
    pub fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Self {
        let resource = GroupResource { group, resource: kind };
        let mut seen: Vec<String> = Vec::new();
        for error in errors {
            let text = if error.field.is_empty() {
                error.message.clone()
            } else {
                format!("{}: {}", error.field, error.message)
            };
            if !seen.contains(&text) {
                seen.push(text);
            }
        }
        let list = match seen.as_slice() {
            [] => "<nil>".to_owned(),
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{resource} \"{name}\" is invalid: {list}");
        let causes: Vec<Value> = errors
            .iter()
            .map(|e| json!({"reason": e.cause.reason(), "message": e.message, "field": e.field}))
            .collect();
        let mut error = Self::about(Reason::Invalid, resource, name, message);
        if !causes.is_empty() {
            error.0.details.insert("causes".into(), Value::Array(causes));
        }
        error
    }

    /// The request itself is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Reason::BadRequest, message)
    }

    /// What the server failed at, through no fault of the client.
    pub fn internal(why: impl std::fmt::Display) -> Self {
        let mut error = Self::new(Reason::InternalError, format!("Internal error occurred: {why}"));
        error.0.details.insert("causes".into(), json!([{"message": why.to_string()}]));
        error
    }

    /// Nobody is known by what the client presented.
    pub fn unauthorized() -> Self {
        Self::new(Reason::Unauthorized, "Unauthorized")
    }

    /// A revision that is no longer kept.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(Reason::Expired, message)
    }

    /// A revision that has not been reached yet.
    pub fn too_large_resource_version(asked: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {asked}, current: {current}");
        let mut error = Self::new(Reason::Timeout, format!("Timeout: {message}"));
        error.0.details.insert(
            "causes".into(),
            json!([{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]),
        );
        error.0.details.insert("retryAfterSeconds".into(), 1.into());
        error
    }

    /// One more cause, told to the client with the rest.
    #[must_use]
    pub fn with_cause(mut self, reason: &str, field: Option<&str>, message: &str) -> Self {
        let mut cause = json!({"reason": reason, "message": message});
        if let Some(field) = field {
            cause["field"] = field.into();
        }
        match self.0.details.get_mut("causes").and_then(Value::as_array_mut) {
            Some(causes) => causes.push(cause),
            None => {
                self.0.details.insert("causes".into(), json!([cause]));
            }
        }
        self
    }

    /// The same, with more in front of the message.
    #[must_use]
    pub(crate) fn preceded_by(mut self, text: &str) -> Self {
        self.0.message.insert_str(0, text);
        self
    }

    /// A list that ended can go on from here.
    #[must_use]
    pub(crate) fn continuing(mut self, token: &str) -> Self {
        token.clone_into(&mut self.0.continue_token);
        self
    }

    /// Every name that was made for an object was taken.
    pub(crate) fn generated_name_taken(resource: GroupResource<'_>, name: &str) -> Self {
        let message = format!(
            "{resource} \"{name}\" already exists, the server was not able to generate a unique name for the object"
        );
        Self::about(Reason::AlreadyExists, resource, name, message).retry_after(1)
    }

    /// Server-side apply without a name for who applies.
    pub(crate) fn apply_needs_manager() -> Self {
        const WHY: &str = "Required value: is required for apply patch";
        Self::new(Reason::Invalid, format!("PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: {WHY}"))
            .about_options("PatchOptions")
            .with_cause("FieldValueRequired", Some("fieldManager"), WHY)
    }

    /// Only server-side apply can be forced.
    pub(crate) fn force_is_for_apply() -> Self {
        const WHY: &str = "Forbidden: may not be specified for non-apply patch";
        Self::new(Reason::Invalid, format!("PatchOptions.meta.k8s.io \"\" is invalid: force: {WHY}"))
            .about_options("PatchOptions")
            .with_cause("FieldValueForbidden", Some("force"), WHY)
    }

    /// A body of a kind that is not read.
    pub(crate) fn unsupported_media_type(media_type: &str) -> Self {
        Self::new(
            Reason::UnsupportedMediaType,
            format!(
                "the body of the request was in an unknown format - accepted media types include: application/json; got {media_type}"
            ),
        )
    }

    /// What a patch made of an object cannot be read as one.
    pub(crate) fn patched_misfit(patched: &Value, why: &Self) -> Self {
        let message = &why.0.message;
        let why = message.split_once(" cannot be handled as a ").and_then(|(_, rest)| rest.split_once(": "));
        let why = why.map_or(message.as_str(), |(_, why)| why);
        let error = FieldError::invalid_text("patch", &patched.to_string(), why);
        Self::invalid("", "", "", &[error])
    }

    /// A kind of patch that the resource does not take.
    pub(crate) fn unsupported_patch(accepted: &[&str]) -> Self {
        let accepted = accepted.join(", ");
        Self::new(
            Reason::UnsupportedMediaType,
            format!(
                "the body of the request was in an unknown format - accepted media types include: {accepted}"
            ),
        )
        .without_details()
    }

    /// No form of answer that the client takes is served.
    pub(crate) fn not_acceptable() -> Self {
        Self::new(Reason::NotAcceptable, "only the following media types are accepted: application/json")
            .without_details()
    }

    /// An error about the options of a request, which are of a kind of their own.
    #[must_use]
    pub(crate) fn about_options(mut self, kind: &str) -> Self {
        self.0.details.insert("group".into(), "meta.k8s.io".into());
        self.0.details.insert("kind".into(), kind.into());
        self
    }

    /// Asks the client to wait before it tries again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.details.insert("retryAfterSeconds".into(), seconds.into());
        self
    }

    /// The HTTP status code.
    pub fn code(&self) -> u16 {
        self.0.code
    }

    /// The reason, as `metav1.StatusReason` has it.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// How long the client should wait, if it was asked to.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.0.details.get("retryAfterSeconds").and_then(Value::as_u64)
    }

    /// The `Status` object.
    pub fn to_value(&self) -> Value {
        let Status { code, reason, message, details, empty_details, continue_token } = &*self.0;
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        });
        if !reason.is_empty() {
            status["reason"] = reason.as_str().into();
        }
        if !continue_token.is_empty() {
            status["metadata"]["continue"] = continue_token.as_str().into();
        }
        if !details.is_empty() || *empty_details {
            status["details"] = Value::Object(details.clone());
        }
        status["code"] = (*code).into();
        status
    }
}

impl From<crate::select::SelectorError> for ApiError {
    fn from(error: crate::select::SelectorError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<crate::auth::Refusal> for ApiError {
    fn from(refusal: crate::auth::Refusal) -> Self {
        use crate::auth::Refusal;
        let message = refusal.to_string();
        match refusal {
            Refusal::BadRequest(_) => Self::bad_request(message),
            Refusal::Internal(_) => Self::internal(message),
            Refusal::Forbidden { group, resource, name, .. } => {
                let of = GroupResource { group: &group, resource: &resource };
                let error = Self::about(Reason::Forbidden, of, &name, message);
                if resource.is_empty() { error.without_details() } else { error }
            }
            Refusal::NotFound { group, resource, name } => {
                Self::about(Reason::NotFound, GroupResource { group, resource }, &name, message)
            }
            Refusal::Conflict { group, resource, name, .. } => {
                Self::about(Reason::Conflict, GroupResource { group, resource }, &name, message)
            }
            Refusal::Invalid { group, kind, name, causes } => {
                let mut error =
                    Self::about(Reason::Invalid, GroupResource { group, resource: kind }, &name, message);
                for cause in causes {
                    error = error.with_cause(cause.cause.reason(), Some(&cause.field), &cause.message);
                }
                error
            }
        }
    }
}

impl From<object_patch::PatchError> for ApiError {
    fn from(error: object_patch::PatchError) -> Self {
        use object_patch::PatchError;
        let message = error.to_string();
        match error {
            PatchError::BadRequest(_) => Self::bad_request(message),
            PatchError::TooLarge(_) => Self::new(Reason::RequestEntityTooLarge, message),
            PatchError::Unprocessable { detail } => {
                tracing::debug!(detail, "a patch does not fit its object");
                Self::new(Reason::Invalid, message).without_details()
            }
            PatchError::Internal(_) => Self::unclassified(message),
        }
    }
}

impl From<object_patch::ApplyError> for ApiError {
    fn from(error: object_patch::ApplyError) -> Self {
        use object_patch::ApplyError;
        let message = error.to_string();
        match error {
            ApplyError::Conflicts(conflicts) => {
                let refused = Self::new(Reason::Conflict, message);
                conflicts.iter().fold(refused, |refused, conflict| {
                    let field = conflict.field.to_string();
                    refused.with_cause("FieldManagerConflict", Some(&field), &conflict.to_string())
                })
            }
            ApplyError::BadRequest(_) => Self::bad_request(message),
            ApplyError::Internal(_) => Self::unclassified(message),
        }
    }
}
