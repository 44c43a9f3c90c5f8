//! What admission refuses, kind by kind. Pure: an object in, what is wrong with it out.
//!
//! On an update only what the update brings in is refused: an object that was stored before a rule existed stays
//! editable and deletable.

mod cell;
mod cluster;
mod config;
mod federated;
mod names;
mod type_config;

pub use self::cell::{validate_cell, validate_topology_type};
pub use self::cluster::validate_cluster;
pub use self::config::validate_config;
pub use self::federated::{MAX_TEMPLATE_BYTES, validate_federated};
pub use self::names::{is_dns_label, is_dns_subdomain};
pub use self::type_config::validate_type_config;

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The field, as a user writes it: `spec.overrides[0].clusterName`.
    pub field: String,
    /// What is wrong, and what to write.
    pub message: String,
}

impl Violation {
    /// A violation.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// What `new` brings in: violations that `old` did not have.
fn brought_in(new: Vec<Violation>, old: &[Violation]) -> Vec<Violation> {
    new.into_iter().filter(|v| !old.contains(v)).collect()
}
