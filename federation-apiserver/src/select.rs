//! Which objects a request asks for: `labelSelector` and `fieldSelector`.

mod fields;
mod labels;

pub use fields::{FieldSelector, Refusal, SelectableField, SelectableFields};
pub use labels::LabelSelector;

use serde_json::Value;

/// A selector that cannot be read. The text is kube-apiserver's, for a `BadRequest`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(pub(crate) String);

/// Both selectors of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selectors {
    labels: LabelSelector,
    fields: FieldSelector,
    name: Option<String>,
}

impl Selectors {
    pub(crate) fn parse(
        options: &crate::request::ListOptions,
        selectable: &SelectableFields,
    ) -> Result<Self, SelectorError> {
        Ok(Self {
            labels: LabelSelector::parse(&options.label_selector)?,
            fields: FieldSelector::parse(&options.field_selector, selectable)?,
            name: None,
        })
    }

    /// Only the object of this name.
    pub(crate) fn only(&mut self, name: &str) {
        self.name = Some(name.to_owned());
    }

    /// Whether every object is wanted.
    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_none() && self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.name.as_deref().is_none_or(|name| crate::object::name(object) == name)
            && self.labels.matches(object)
            && self.fields.matches(object)
    }
}
