//! Kubernetes' rules for names and labels.

/// A DNS-1123 label: lower-case letters, digits and `-`, at most 63, a letter or digit at both ends.
pub fn is_dns_label(name: &str) -> bool {
    name.len() <= 63 && is_dns_part(name)
}

/// A DNS-1123 subdomain: parts with dots between, at most 253 in all.
pub fn is_dns_subdomain(name: &str) -> bool {
    // A part alone may be longer than a label's 63: so do Kubernetes' names.
    name.len() <= 253 && name.split('.').all(is_dns_part)
}

/// A label's key: a name of at most 63, with or without a DNS subdomain and `/` before it.
///
/// Source: Kubernetes' documentation, "Labels and Selectors".
pub fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_label_word(name),
        None => is_label_word(key),
    }
}

/// A label's value: empty, or at most 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends.
///
/// Source: Kubernetes' documentation, "Labels and Selectors".
pub fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_label_word(value)
}

fn is_label_word(word: &str) -> bool {
    word.len() <= 63
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && has_ends(word, |c| c.is_ascii_alphanumeric())
}

fn is_dns_part(part: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    part.chars().all(|c| inner(c) || c == '-') && has_ends(part, inner)
}

/// Whether the first and the last character are there, and as wanted.
fn has_ends(text: &str, wanted: impl Fn(char) -> bool) -> bool {
    text.chars().next().is_some_and(&wanted) && text.chars().last().is_some_and(&wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_names() {
        let long = "a".repeat(64);
        for (name, label, subdomain) in [
            ("a", true, true),
            ("rz00a", true, true),
            ("0-0", true, true),
            ("rz00a.bank", false, true),
            (long.as_str(), false, true),
            ("", false, false),
            ("-a", false, false),
            ("a-", false, false),
            ("a..b", false, false),
            ("a.-b", false, false),
            ("A", false, false),
            ("a_b", false, false),
            ("\u{e4}", false, false),
        ] {
            assert_eq!((is_dns_label(name), is_dns_subdomain(name)), (label, subdomain), "{name}");
        }
        assert!(!is_dns_subdomain(&"a".repeat(254)));
    }

    #[test]
    fn labels() {
        for key in ["a", "A_b.c-d", "fedd.io/tenant", "topology.kubernetes.io/zone"] {
            assert!(is_label_key(key), "{key}");
        }
        for key in ["", "/a", "a/", "a/b/c", "-a", "a b", "Fedd.io/tenant"] {
            assert!(!is_label_key(key), "{key}");
        }
        assert!(is_label_value("") && is_label_value("Gold-1"));
        assert!(!is_label_value("a/b") && !is_label_value(".a") && !is_label_value(&"a".repeat(64)));
    }
}
