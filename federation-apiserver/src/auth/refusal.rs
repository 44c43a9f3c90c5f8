//! What is wrong with a request, in the terms of the `Status` that answers it.

use std::{borrow::Cow, fmt};

use crate::FieldError;
use crate::auth::{attributes::qualified, quote::quoted};

/// Why a request is refused. Its `Display` is the answer's message, in kube-apiserver's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400, reason `BadRequest`.
    BadRequest(
        /// The message.
        String,
    ),
    /// 403, reason `Forbidden`.
    Forbidden {
        /// The API group of what was asked for.
        group: Cow<'static, str>,
        /// Its plural name; empty for a path.
        resource: Cow<'static, str>,
        /// Its name; empty for a collection.
        name: String,
        /// Why.
        message: String,
    },
    /// 404, reason `NotFound`.
    NotFound {
        /// The API group of what is missing.
        group: &'static str,
        /// Its plural name.
        resource: &'static str,
        /// Its name.
        name: String,
    },
    /// 409, reason `Conflict`.
    Conflict {
        /// The API group that the answer names.
        group: &'static str,
        /// The resource that the answer names; a kind in places, as kube-apiserver has it.
        resource: &'static str,
        /// The name.
        name: String,
        /// Why.
        message: String,
    },
    /// 422, reason `Invalid`.
    Invalid {
        /// The API group of the kind.
        group: &'static str,
        /// The kind; empty where kube-apiserver's answer has none.
        kind: &'static str,
        /// The name, where the answer has one.
        name: String,
        /// Every field that is wrong; at least one.
        causes: Vec<FieldError>,
    },
    /// 500 without a reason.
    Internal(
        /// The message.
        String,
    ),
}

impl Refusal {
    /// The HTTP status.
    pub fn code(&self) -> u16 {
        match self {
            Self::BadRequest(_) => 400,
            Self::Forbidden { .. } => 403,
            Self::NotFound { .. } => 404,
            Self::Conflict { .. } => 409,
            Self::Invalid { .. } => 422,
            Self::Internal(_) => 500,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRequest(message) | Self::Internal(message) => f.write_str(message),
            Self::Forbidden { group, resource, name, message } => {
                match (resource.as_ref(), name.as_str()) {
                    ("", _) => f.write_str("forbidden")?,
                    (resource, "") => write!(f, "{} is forbidden", qualified(group, resource))?,
                    (resource, name) => {
                        write!(f, "{} {} is forbidden", qualified(group, resource), quoted(name))?;
                    }
                }
                write!(f, ": {message}")
            }
            Self::NotFound { group, resource, name } => {
                write!(f, "{} {} not found", qualified(group, resource), quoted(name))
            }
            Self::Conflict { group, resource, name, message } => {
                let resource = qualified(group, resource);
                write!(f, "Operation cannot be fulfilled on {resource} {}: {message}", quoted(name))
            }
            Self::Invalid { group, kind, name, causes } => {
                let causes: Vec<_> = causes.iter().map(ToString::to_string).collect();
                let causes =
                    if causes.len() == 1 { causes.concat() } else { format!("[{}]", causes.join(", ")) };
                write!(f, "{} {} is invalid: {causes}", qualified(group, kind), quoted(name))
            }
        }
    }
}
