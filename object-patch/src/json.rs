//! JSON patch (RFC 6902).

use serde_json::Value;

/// Most operations of one patch, as in kube-apiserver.
const MOST_OPERATIONS: usize = 10_000;

/// A patch that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PatchError {
    /// It is no patch.
    #[error("{0}")]
    Malformed(String),
    /// It has too many operations.
    #[error(
        "The allowed maximum operations in a JSON patch is {most}, got {found}",
        most = MOST_OPERATIONS
    )]
    TooManyOperations {
        /// How many it has.
        found: usize,
    },
    /// It does not fit the object.
    #[error("the server rejected our request due to an error in our request")]
    DoesNotFit(
        /// Why.
        String,
    ),
}

/// The object after a JSON patch.
///
/// # Errors
/// The patch is malformed, too long, or an operation fails; then nothing is changed.
pub fn json_patch(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    let found = patch.as_array().map_or(0, Vec::len);
    if found > MOST_OPERATIONS {
        return Err(PatchError::TooManyOperations { found });
    }
    let patch: json_patch::Patch =
        serde_json::from_value(patch.clone()).map_err(|error| PatchError::Malformed(error.to_string()))?;
    let mut patched = object.clone();
    json_patch::patch(&mut patched, &patch).map_err(|error| PatchError::DoesNotFit(error.to_string()))?;
    Ok(patched)
}
