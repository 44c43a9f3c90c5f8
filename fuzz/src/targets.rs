//! The targets, by what they look into.

pub(crate) mod configured;
pub(crate) mod decode;
pub(crate) mod federated;
pub(crate) mod fields;
pub(crate) mod patch;
pub(crate) mod request;
pub(crate) mod schema;
pub(crate) mod select;
pub(crate) mod tunnel;

use serde_json::Value;

/// The lines of an input as JSON documents, those that are.
fn documents(input: &[u8]) -> Vec<Value> {
    input.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}
