//! Why an apply is refused.

use std::fmt;

use structural_schema::go_text::quote;

use crate::field_set::Path;
use crate::managed_fields::{Manager, Operation};

/// A field that is applied with another value than its owner gave it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The owner.
    pub manager: Manager,
    /// The field.
    pub field: Path,
}

/// The cause of a `Status`, whose `field` is the field's path and whose reason is `FieldManagerConflict`:
/// `conflict with "x" using v1`.
impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conflict with {}", describe(&self.manager))
    }
}

fn describe(manager: &Manager) -> String {
    let name = quote(&manager.name);
    let subresource = match manager.subresource.as_str() {
        "" => String::new(),
        subresource => format!(" with subresource {}", quote(subresource)),
    };
    let form = match manager.operation {
        Operation::Apply => String::new(),
        Operation::Update => format!(" using {}", manager.api_version),
    };
    format!("{name}{subresource}{form}")
}

/// An apply that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyError {
    /// Others own what is applied: 409, reason `Conflict`. In order of the managers, of each in order of the fields.
    Conflicts(Vec<Conflict>),
    /// The applied object is not one that may be applied: 400, reason `BadRequest`.
    BadRequest(String),
    /// An object does not fit its type: 500, reason `InternalError`, as kube-apiserver has no class for it.
    Internal(String),
}

impl std::error::Error for ApplyError {}

impl ApplyError {
    /// The HTTP status of the answer.
    pub fn code(&self) -> u16 {
        match self {
            Self::Conflicts(_) => 409,
            Self::BadRequest(_) => 400,
            Self::Internal(_) => 500,
        }
    }
}

/// The message of the answer.
impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conflicts = match self {
            Self::BadRequest(message) | Self::Internal(message) => return f.write_str(message),
            Self::Conflicts(conflicts) => conflicts,
        };
        if let [only] = conflicts.as_slice() {
            return write!(f, "Apply failed with 1 conflict: {only}: {}", only.field);
        }
        write!(f, "Apply failed with {} conflicts: ", conflicts.len())?;
        let mut before = None;
        for conflict in conflicts {
            if before.is_some() {
                f.write_str("\n")?;
            }
            if before != Some(&conflict.manager) {
                writeln!(f, "conflicts with {}:", describe(&conflict.manager))?;
            }
            write!(f, "- {}", conflict.field)?;
            before = Some(&conflict.manager);
        }
        Ok(())
    }
}
