//! What is wrong with a patch, in the classes that decide kube-apiserver's answer.

/// A patch that cannot be applied. The text is the answer's message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch itself is malformed: 400, reason `BadRequest`.
    #[error("{0}")]
    BadRequest(String),
    /// The patch has more operations than are allowed: 413, reason `RequestEntityTooLarge`.
    #[error("Request entity too large: {0}")]
    TooLarge(String),
    /// The patch is well formed and does not fit the object: 422, reason `Invalid`. kube-apiserver keeps the detail
    /// to itself; it is here for logs.
    #[error("the server rejected our request due to an error in our request")]
    Unprocessable {
        /// What does not fit.
        detail: String,
    },
    /// A strategic merge patch that contradicts the type's merge keys, or is of another shape than the type:
    /// 500, reason `InternalError`, as kube-apiserver has no class for it.
    #[error("{0}")]
    Internal(String),
}

impl PatchError {
    /// The HTTP status of the answer.
    pub fn code(&self) -> u16 {
        match self {
            Self::BadRequest(_) => 400,
            Self::TooLarge(_) => 413,
            Self::Unprocessable { .. } => 422,
            Self::Internal(_) => 500,
        }
    }

    pub(crate) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::Unprocessable { detail: detail.into() }
    }
}
