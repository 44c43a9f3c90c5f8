//! YAML that people read and write. The one place that names the YAML library, so that it can be changed.

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One document.
pub fn to_string(value: &impl Serialize) -> anyhow::Result<String> {
    serde_yaml::to_string(value).context("cannot write YAML")
}

/// Reads one document.
pub fn from_str<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    serde_yaml::from_str(text).context("cannot read YAML")
}

/// A stream of documents, each after a line `---`.
pub fn stream<T: Serialize>(values: &[T]) -> anyhow::Result<String> {
    let mut text = String::new();
    for value in values {
        text.push_str("---\n");
        text.push_str(&to_string(value)?);
    }
    Ok(text)
}
