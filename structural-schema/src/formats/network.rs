//! Addresses, as Go's `net`, `net/url` and `net/mail` read them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Also with leading zeros in the parts of an IPv4 address.
pub(super) fn is_ip_sloppy(text: &str) -> bool {
    if text.contains(':') { is_ipv6(text) } else { is_ipv4_sloppy(text) }
}

fn is_ipv4_sloppy(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 4
        && parts.iter().all(|part| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && part.parse::<u32>().is_ok_and(|number| number <= 255)
        })
}

pub(super) fn is_ipv6(text: &str) -> bool {
    if text.parse::<Ipv6Addr>().is_ok() {
        return true;
    }
    // The last 32 bits in the form of IPv4, which the standard library takes only in its own places.
    match text.rsplit_once(':') {
        Some((head, tail)) if tail.parse::<Ipv4Addr>().is_ok() => {
            format!("{head}:0:0").parse::<Ipv6Addr>().is_ok()
        }
        _ => false,
    }
}

pub(super) fn is_cidr_sloppy(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let most = if address.contains(':') { 128 } else { 32 };
    is_ip_sloppy(address)
        && !length.is_empty()
        && length.bytes().all(|byte| byte.is_ascii_digit())
        && length.parse::<u32>().is_ok_and(|length| length <= most)
}

/// 6, 8 or 20 bytes, in pairs of digits or in fours between dots.
pub(super) fn is_mac(text: &str) -> bool {
    let parts = |separator: char, digits: usize| {
        let parts: Vec<&str> = text.split(separator).collect();
        let whole = parts
            .iter()
            .all(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_hexdigit()));
        whole && matches!(parts.len() * digits / 2, 6 | 8 | 20)
    };
    parts(':', 2) || parts('-', 2) || parts('.', 4)
}

/// An absolute URI or an absolute path.
pub(super) fn is_request_uri(text: &str) -> bool {
    if text.is_empty() || text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return false;
    }
    if text == "*" {
        return true;
    }
    let Some((has_scheme, rest)) = after_scheme(text) else { return false };
    let rest = rest.split('?').next().unwrap_or_default();
    if !rest.starts_with('/') {
        // An opaque URI.
        return has_scheme;
    }
    let authority = rest.strip_prefix("//").filter(|more| has_scheme || !more.starts_with('/'));
    match authority {
        Some(after) if has_scheme || !rest.starts_with("///") => {
            let end = after.find('/').unwrap_or(after.len());
            is_authority(&after[..end]) && is_escaped(&after[end..])
        }
        _ => is_escaped(rest),
    }
}

/// Whether there is a scheme, and what follows it; `None` if the text begins with a colon.
fn after_scheme(text: &str) -> Option<(bool, &str)> {
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if index > 0 => {}
            b':' if index > 0 => return Some((true, &text[index + 1..])),
            b':' => return None,
            _ => break,
        }
    }
    Some((false, text))
}

fn is_authority(text: &str) -> bool {
    let host = match text.rsplit_once('@') {
        Some((user, host)) => {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
            if !user.bytes().all(allowed) || !is_escaped(user) {
                return false;
            }
            host
        }
        None => text,
    };
    let (name, port) = match host.strip_prefix('[') {
        Some(literal) => match literal.split_once(']') {
            Some((_, port)) => ("", port),
            None => return false,
        },
        None => host.find(':').map_or((host, ""), |at| (&host[..at], &host[at..])),
    };
    let port_holds = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let allowed =
        |byte: u8| byte >= 0x80 || byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:[]<>\"%".contains(&byte);
    port_holds && name.bytes().all(allowed) && is_escaped(name)
}

/// Each `%` begins two hexadecimal digits.
fn is_escaped(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|after| after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

/// An address of RFC 5322, with or without a name before it.
pub(super) fn is_email(text: &str) -> bool {
    let text = text.trim_matches([' ', '\t']);
    match text.strip_suffix('>') {
        Some(body) => match body.rsplit_once('<') {
            Some((name, address)) => is_phrase(name) && is_address(address),
            None => false,
        },
        None => is_address(text),
    }
}

fn is_phrase(text: &str) -> bool {
    let text = text.trim_matches([' ', '\t']);
    if is_quoted(text) {
        return true;
    }
    text.split([' ', '\t'])
        .filter(|word| !word.is_empty())
        .all(|word| is_quoted(word) || is_dot_atom(word, true))
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let domain_holds = match domain.strip_prefix('[') {
        Some(literal) => {
            literal.strip_suffix(']').is_some_and(|ip| is_ipv6(ip) || ip.parse::<Ipv4Addr>().is_ok())
        }
        None => is_dot_atom(domain, false),
    };
    domain_holds && (is_quoted(local) || is_dot_atom(local, false))
}

fn is_quoted(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    let mut escaped = false;
    for char in inner.chars() {
        if !escaped && char == '"' || char.is_control() && char != '\t' {
            return false;
        }
        escaped = !escaped && char == '\\';
    }
    !escaped
}

fn is_dot_atom(text: &str, permissive: bool) -> bool {
    let atom =
        |char: char| !char.is_ascii() || char.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(char);
    if permissive {
        return !text.is_empty() && text.chars().all(|char| atom(char) || char == '.');
    }
    text.split('.').all(|part| !part.is_empty() && part.chars().all(atom))
}
