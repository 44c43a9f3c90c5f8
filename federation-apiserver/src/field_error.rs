//! What is wrong with one field of an object.

use serde_json::Value;

/// The kind of an error of a field: `reason` of a `Status`' cause (`metav1.CauseType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A required value is absent.
    Required,
    /// The value appears a second time where it may be once.
    Duplicate,
    /// The value is malformed.
    Invalid,
    /// The value is not one of the values that are known.
    NotSupported,
    /// The value is well formed, but not allowed here.
    Forbidden,
    /// The value is too long.
    TooLong,
    /// There are too many values.
    TooMany,
    /// The value has the wrong JSON type.
    TypeInvalid,
    /// What the value names does not exist.
    NotFound,
}

impl Cause {
    /// The text in a `Status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotFound => "FieldValueNotFound",
        }
    }
}

/// One field that is wrong, in kube-apiserver's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The kind of the error.
    pub cause: Cause,
    /// The field's path, such as `spec.ports[0].port`.
    pub field: String,
    /// What is wrong, without the path, such as `Invalid value: 0: must be between 1 and 65535, inclusive`.
    pub message: String,
}

impl FieldError {
    /// `Required value: detail`.
    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        Self::new(Cause::Required, field, "Required value", None, detail)
    }

    /// `Invalid value: value: detail`.
    pub fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::new(Cause::Invalid, field, "Invalid value", Some(value), detail)
    }

    /// `Invalid value: "text": detail`.
    pub fn invalid_text(field: impl Into<String>, text: &str, detail: &str) -> Self {
        Self::invalid(field, &Value::from(text), detail)
    }

    /// `Forbidden: detail`.
    pub fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new(Cause::Forbidden, field, "Forbidden", None, detail)
    }

    /// `Duplicate value: value`.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new(Cause::Duplicate, field, "Duplicate value", Some(value), "")
    }

    /// `Unsupported value: value: supported values: "a", "b"`.
    pub fn not_supported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let quoted: Vec<_> = supported.iter().map(|one| quoted(one)).collect();
        let detail = format!("supported values: {}", quoted.join(", "));
        Self::new(Cause::NotSupported, field, "Unsupported value", Some(value), &detail)
    }

    /// `Too long: may not be more than n bytes`.
    pub fn too_long(field: impl Into<String>, most: usize) -> Self {
        Self::new(Cause::TooLong, field, "Too long", None, &format!("may not be more than {most} bytes"))
    }

    /// An error whose value is shown in Go's words: kube-apiserver prints its internal structs, whose fields have the
    /// names of the source.
    pub(crate) fn shown(cause: Cause, field: impl Into<String>, value: &str, detail: &str) -> Self {
        let title = if cause == Cause::Duplicate { "Duplicate value" } else { "Invalid value" };
        let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        Self { cause, field: field.into(), message: format!("{title}: {value}{detail}") }
    }

    fn new(cause: Cause, field: impl Into<String>, title: &str, value: Option<&Value>, detail: &str) -> Self {
        let mut message = title.to_owned();
        if let Some(value) = value {
            message.push_str(": ");
            message.push_str(&shown(value));
        }
        if !detail.is_empty() {
            message.push_str(": ");
            message.push_str(detail);
        }
        Self { cause, field: field.into(), message }
    }
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message)
    }
}

/// A value as Go prints it in such an error: strings quoted, everything else as JSON.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), quoted)
}

/// Go's `%q`.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                let code = c as u32;
                out.extend(['\\', 'x']);
                out.extend(
                    [code >> 4, code & 15].into_iter().filter_map(|digit| char::from_digit(digit, 16)),
                );
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
