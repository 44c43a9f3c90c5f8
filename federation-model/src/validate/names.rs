//! Kubernetes' rules for names.

/// A DNS-1123 label: lower-case letters, digits and `-`, at most 63, a letter or digit at both ends.
pub fn is_dns_label(name: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= 63
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && ends(name.chars().next())
        && ends(name.chars().last())
}

/// A DNS-1123 subdomain: labels with dots between, at most 253 in all.
pub fn is_dns_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(|part| part.len() <= 253 && is_dns_part(part))
}

/// A part of a subdomain may be longer than a label alone.
fn is_dns_part(part: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && ends(part.chars().next())
        && ends(part.chars().last())
}
