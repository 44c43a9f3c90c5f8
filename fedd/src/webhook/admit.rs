//! What is admitted, and with which additions: pure, from a request and what was looked up for it.

mod cell_deletion;
mod credentials;
mod federated;
mod kinds;

pub use self::cell_deletion::{cell_deletion, cluster_of_cell};
pub use self::credentials::{readable_token, validate_credentials};
pub use self::federated::{FederatedFacts, mutate_federated, validate_federated};
pub use self::kinds::{
    CellRules, default_config, validate_cell, validate_cluster, validate_config, validate_topology_type,
    validate_type_config,
};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::review::Request;

/// The new and the old object of a request, typed; a finding when they are not of the type.
fn typed<T: DeserializeOwned>(request: &Request) -> Result<(T, Option<T>), String> {
    let read = |object: &Value| T::deserialize(object).map_err(|e| format!("the object cannot be read: {e}"));
    let new = read(request.object.as_ref().unwrap_or(&Value::Null))?;
    // What was stored before a rule of its form existed must stay editable.
    Ok((new, request.old_object.as_ref().and_then(|old| read(old).ok())))
}
