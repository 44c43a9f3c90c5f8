//! Kubernetes' rules for names
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>).

/// Whether a text is a DNS-1123 label: at most 63 of a-z, 0-9 and `-`, which neither begins nor ends it.
pub(crate) fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_label_of_any_length(text)
}

/// Whether a text is a DNS-1123 subdomain: at most 253 characters, labels joined by dots. Kubernetes does not hold the
/// labels of a subdomain to 63 characters.
pub(crate) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label_of_any_length)
}

fn is_label_of_any_length(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    !bytes.is_empty()
        && bytes.first() != Some(&b'-')
        && bytes.last() != Some(&b'-')
        && bytes.iter().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_subdomains() {
        let long = "a".repeat(63);
        for name in ["a", "0", "a-b", "rz00a", long.as_str()] {
            assert!(is_label(name) && is_subdomain(name), "{name}");
        }
        let too_long = "a".repeat(64);
        for name in ["", "-a", "a-", "A", "a_b", "a/b", "ä", "a b"] {
            assert!(!is_label(name) && !is_subdomain(name), "{name}");
        }
        assert!(!is_label(&too_long) && is_subdomain(&too_long));
        assert!(!is_label("a.b") && is_subdomain("a.b"));
        assert!(
            !is_subdomain("a..b") && !is_subdomain(".a") && !is_subdomain(&format!("{}.b", "a".repeat(252)))
        );
    }
}
