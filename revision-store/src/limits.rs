//! How large keys and values may be.

use crate::{Write, WriteError};

/// The longest key in bytes: the width of the name's column in kine's MySQL table, so that a database can move there.
const KEY_BYTES: usize = 630;

/// The longest value in bytes: etcd's default for a request (`--max-request-bytes`).
const VALUE_BYTES: usize = 1_572_864;

/// Refuses a write whose key or value is too long.
pub(crate) fn check(write: &Write) -> Result<(), WriteError> {
    let within = |part, bytes, limit| {
        if bytes > limit { Err(WriteError::TooLarge { part, bytes, limit }) } else { Ok(()) }
    };
    within("key", write.key().len(), KEY_BYTES)?;
    match write {
        Write::Create { value, .. } | Write::Update { value, .. } => {
            within("value", value.len(), VALUE_BYTES)
        }
        Write::Delete { .. } => Ok(()),
    }
}
