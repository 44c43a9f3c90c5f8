//! Which objects a request asks for: `labelSelector` and `fieldSelector`.

mod fields;
mod labels;

pub use fields::{FieldSelector, Refusal, SelectableField, SelectableFields};
pub use labels::LabelSelector;

/// A selector that cannot be read. The text is kube-apiserver's, for a `BadRequest`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(pub(crate) String);
