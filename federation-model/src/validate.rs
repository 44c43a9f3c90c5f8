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
pub use self::names::{is_dns_label, is_dns_subdomain, is_label_key, is_label_value};
pub use self::type_config::validate_type_config;

use std::collections::BTreeMap;
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

/// What `new` brings in: violations that `old` did not have, as often as it had them.
///
/// Indices are left out of the comparison, since an entry that was wrong before may move when its neighbours change. The
/// rules here do this themselves.
pub fn brought_in(new: Vec<Violation>, old: &[Violation]) -> Vec<Violation> {
    let key = |violation: &Violation| (without_indices(&violation.field), violation.message.clone());
    let mut before = BTreeMap::new();
    for violation in old {
        *before.entry(key(violation)).or_insert(0_usize) += 1;
    }
    new.into_iter()
        .filter(|violation| match before.get_mut(&key(violation)) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        })
        .collect()
}

/// `spec.overrides[].path` for `spec.overrides[3].path`. Annotation keys in brackets stay.
fn without_indices(field: &str) -> String {
    let mut parts = field.split('[');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push('[');
        plain.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_is_not_brought_in_and_what_is_doubled_is() {
        let wrong = |i: usize| Violation::new(format!("spec.overrides[{i}].path"), "\"/kind\" is wrong");
        assert_eq!(brought_in(vec![wrong(0)], &[wrong(3)]), []);
        assert_eq!(brought_in(vec![wrong(0), wrong(1)], &[wrong(1)]), [wrong(1)]);
        let annotation = |key: &str| Violation::new(format!("metadata.annotations[{key}]"), "is wrong");
        assert_eq!(brought_in(vec![annotation("a")], &[annotation("b")]), [annotation("a")]);
    }
}
