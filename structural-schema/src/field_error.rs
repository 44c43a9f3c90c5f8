//! What is wrong with a field, as an API server says it in a Status' causes.

use serde_json::Value;

use crate::go_text::{quote, shown};

/// The kind of an error: a cause's `reason` (`metav1.CauseType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// `FieldValueRequired`.
    Required,
    /// `FieldValueDuplicate`.
    Duplicate,
    /// `FieldValueInvalid`.
    Invalid,
    /// `FieldValueTypeInvalid`.
    TypeInvalid,
    /// `FieldValueNotSupported`.
    NotSupported,
    /// `FieldValueForbidden`.
    Forbidden,
    /// `FieldValueTooLong`.
    TooLong,
    /// `FieldValueTooMany`.
    TooMany,
    /// `InternalError`.
    Internal,
}

impl Cause {
    /// The word in a cause's `reason`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Internal => "InternalError",
        }
    }

    /// How a message of this kind begins.
    fn title(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Internal => "Internal error",
        }
    }
}

/// One error about one field.
///
/// Displayed as `field: message`, the form in which a Status' message lists errors.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// The kind.
    pub cause: Cause,
    /// The field, such as `spec.a[0].b`; `<nil>` for the object as a whole.
    pub field: String,
    /// The message in full, such as `Invalid value: 3: should be even`.
    pub message: String,
}

impl FieldError {
    /// An error that shows no value.
    pub(crate) fn plain(cause: Cause, field: impl Into<String>, detail: &str) -> Self {
        Self { cause, field: field.into(), message: joined(cause.title(), detail) }
    }

    /// An error that shows the value.
    pub(crate) fn with_value(cause: Cause, field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let title = format!("{}: {}", cause.title(), shown(value));
        Self { cause, field: field.into(), message: joined(&title, detail) }
    }

    pub(crate) fn required(field: impl Into<String>, detail: &str) -> Self {
        Self::plain(Cause::Required, field, detail)
    }

    pub(crate) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::plain(Cause::Forbidden, field, detail)
    }

    pub(crate) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::with_value(Cause::Invalid, field, value, detail)
    }

    /// As [`FieldError::invalid`], of a text.
    pub(crate) fn invalid_text(field: impl Into<String>, value: &str, detail: &str) -> Self {
        let title = format!("{}: {}", Cause::Invalid.title(), quote(value));
        Self { cause: Cause::Invalid, field: field.into(), message: joined(&title, detail) }
    }

    pub(crate) fn not_supported<'a>(
        field: impl Into<String>,
        value: &Value,
        supported: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let supported: Vec<String> = supported.into_iter().map(quote).collect();
        let detail = match supported.as_slice() {
            [] => String::new(),
            some => format!("supported values: {}", some.join(", ")),
        };
        Self::with_value(Cause::NotSupported, field, value, &detail)
    }

    pub(crate) fn too_long(field: impl Into<String>, max: i64) -> Self {
        let bytes = if max == 1 { "byte" } else { "bytes" };
        Self::plain(Cause::TooLong, field, &format!("may not be more than {max} {bytes}"))
    }

    pub(crate) fn too_many(field: impl Into<String>, found: usize, max: i64) -> Self {
        let items = if max == 1 { "item" } else { "items" };
        let detail = format!("must have at most {max} {items}");
        Self::with_value(Cause::TooMany, field, &Value::from(found), &detail)
    }
}

fn joined(title: &str, detail: &str) -> String {
    if detail.is_empty() { title.to_owned() } else { format!("{title}: {detail}") }
}
