//! Names that the server makes (`metadata.generateName`).

use serde_json::Value;

use crate::object;

/// Letters and digits that make no words, and that are not mistaken for each other: Kubernetes' alphabet.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX: usize = 5;
const LONGEST_BASE: usize = 63 - SUFFIX;

/// How often a taken name is exchanged for another, before the client is told to try again.
pub(super) const ATTEMPTS: usize = 8;

/// A name for an object that asks for one; `None` where it has a name, or asks for none.
pub(super) fn generated(object: &Value) -> Option<String> {
    let base = object::text(object, "generateName");
    if !object::name(object).is_empty() || base.is_empty() {
        return None;
    }
    let mut end = base.len().min(LONGEST_BASE);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    let random = uuid::Uuid::new_v4().into_bytes();
    let suffix =
        random[..SUFFIX].iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
    Some(base[..end].chars().chain(suffix).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_base_is_cut_to_leave_room_for_the_suffix() {
        let name = generated(&json!({"metadata": {"generateName": "x".repeat(80)}})).unwrap();
        assert_eq!(name.len(), 63);
        assert_eq!(generated(&json!({"metadata": {"generateName": "a-", "name": "b"}})), None);
        assert_eq!(generated(&json!({"metadata": {}})), None);
    }
}
