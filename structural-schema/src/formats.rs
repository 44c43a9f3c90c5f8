//! The formats of strings that an API server checks (`format`). Unknown formats say nothing.

mod checksum;
mod network;
mod time;

use std::sync::LazyLock;

use regex::Regex;

/// A format of strings, by the name it has without dashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    BsonObjectId,
    Uri,
    Email,
    Hostname,
    Ipv4,
    Ipv6,
    Cidr,
    Mac,
    Uuid,
    Uuid3,
    Uuid4,
    Uuid5,
    Isbn,
    Isbn10,
    Isbn13,
    CreditCard,
    Ssn,
    HexColor,
    RgbColor,
    Byte,
    Password,
    Date,
    Duration,
    DateTime,
    ShortName,
    LongName,
}

impl Format {
    /// The format of that name; `None` where the name means nothing to an API server.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name.replace('-', "").as_str() {
            "bsonobjectid" => Self::BsonObjectId,
            "uri" => Self::Uri,
            "email" => Self::Email,
            "hostname" => Self::Hostname,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "cidr" => Self::Cidr,
            "mac" => Self::Mac,
            "uuid" => Self::Uuid,
            "uuid3" => Self::Uuid3,
            "uuid4" => Self::Uuid4,
            "uuid5" => Self::Uuid5,
            "isbn" => Self::Isbn,
            "isbn10" => Self::Isbn10,
            "isbn13" => Self::Isbn13,
            "creditcard" => Self::CreditCard,
            "ssn" => Self::Ssn,
            "hexcolor" => Self::HexColor,
            "rgbcolor" => Self::RgbColor,
            "byte" => Self::Byte,
            "password" => Self::Password,
            "date" => Self::Date,
            "duration" => Self::Duration,
            "datetime" => Self::DateTime,
            "k8sshortname" => Self::ShortName,
            "k8slongname" => Self::LongName,
            _ => return None,
        })
    }

    /// Whether a text is of the format.
    pub(crate) fn holds(self, text: &str) -> bool {
        match self {
            Self::BsonObjectId => text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            Self::Uri => network::is_request_uri(text),
            Self::Email => network::is_email(text),
            Self::Hostname => is_hostname(text),
            Self::Ipv4 => text.contains('.') && network::is_ip_sloppy(text),
            Self::Ipv6 => text.contains(':') && network::is_ipv6(text),
            Self::Cidr => network::is_cidr_sloppy(text),
            Self::Mac => network::is_mac(text),
            Self::Uuid => UUID.is_match(text),
            Self::Uuid3 => UUID.is_match(text) && version(text) == Some('3'),
            Self::Uuid4 => UUID.is_match(text) && version(text) == Some('4') && has_variant(text),
            Self::Uuid5 => UUID.is_match(text) && version(text) == Some('5') && has_variant(text),
            Self::Isbn => checksum::is_isbn10(text) || checksum::is_isbn13(text),
            Self::Isbn10 => checksum::is_isbn10(text),
            Self::Isbn13 => checksum::is_isbn13(text),
            Self::CreditCard => checksum::is_credit_card(text),
            Self::Ssn => text.len() == 11 && SSN.is_match(text),
            Self::HexColor => is_hex_color(text),
            Self::RgbColor => RGB.is_match(text),
            Self::Byte => is_base64(text),
            Self::Password => true,
            Self::Date => time::is_date(text),
            Self::Duration => time::is_duration(text),
            Self::DateTime => time::is_date_time(text),
            Self::ShortName => text.len() <= 63 && is_name(text),
            Self::LongName => text.len() <= 253 && text.split('.').all(is_name),
        }
    }
}

#[expect(clippy::unwrap_used, reason = "a constant that the tests compile")]
fn constant(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

static UUID: LazyLock<Regex> = LazyLock::new(|| {
    constant("^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$")
});
static SSN: LazyLock<Regex> = LazyLock::new(|| constant("^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$"));
static RGB: LazyLock<Regex> = LazyLock::new(|| {
    let channel = r"[\t\n\f\r ]*(?:0|[1-9][0-9]?|1[0-9][0-9]?|2[0-4][0-9]|25[0-5])[\t\n\f\r ]*";
    constant(&format!(r"^rgb\({channel},{channel},{channel}\)$"))
});
static HOST: LazyLock<Regex> = LazyLock::new(|| {
    let first = r"[a-zA-Z0-9\p{S}\p{L}]";
    let inner = r"[a-zA-Z0-9\-\p{S}\p{L}]";
    constant(&format!(
        r"^(?:{first}(?:-?{first}{{0,62}})?|(?:{first}(?:{inner}{{0,61}}{first})?\.)+[a-zA-Z\p{{L}}]{{2,63}})$"
    ))
});

/// The version's digit: the 13th that is not a dash.
fn version(uuid: &str) -> Option<char> {
    uuid.chars().filter(|char| *char != '-').nth(12)
}

fn has_variant(uuid: &str) -> bool {
    uuid.chars().filter(|char| *char != '-').nth(16).is_some_and(|char| "89abAB".contains(char))
}

fn is_hostname(text: &str) -> bool {
    text.len() <= 255 && text.split('.').all(|label| label.len() <= 63) && HOST.is_match(text)
}

fn is_hex_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or(text);
    matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Not the empty text, and with padding.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty()
        && text.len() - body.len() <= 2
        && text.len().is_multiple_of(4)
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

fn is_name(text: &str) -> bool {
    let edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(edge)
        && bytes.last().is_some_and(edge)
        && bytes.iter().all(|byte| edge(byte) || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, good: &[&str], bad: &[&str]) {
        let format = Format::named(name).unwrap();
        for text in good {
            assert!(format.holds(text), "{text:?} is a {name}");
        }
        for text in bad {
            assert!(!format.holds(text), "{text:?} is no {name}");
        }
    }

    #[test]
    fn names_and_codes() {
        let id = "550e8400-e29b-41d4-a716-446655440000";
        check("uuid", &[id, "550E8400E29B41D4A716446655440000"], &["550e8400", ""]);
        check(
            "uuid4",
            &[id],
            &["550e8400-e29b-51d4-a716-446655440000", "550e8400-e29b-41d4-c716-446655440000"],
        );
        check("uuid5", &["550e8400-e29b-51d4-a716-446655440000"], &[id]);
        check("hostname", &["a", "a-b.example.com", "1.example"], &["-a", "a_b", "", "a..b"]);
        check("byte", &["YQ==", "YWJj"], &["", "YQ", "Y!==", "===="]);
        check("hexcolor", &["#fff", "FFFFFF"], &["#ff", "#ggg"]);
        check("rgbcolor", &["rgb(0,31, 255)"], &["rgb(1,349,275)", "rgb(01,31,255)"]);
        check("ssn", &["123-45-6789"], &["123456789"]);
        check("bsonobjectid", &["507f1f77bcf86cd799439011"], &["507f"]);
        check("k8s-short-name", &["a-b"], &["A", "a.b", "-a"]);
        check("k8s-long-name", &["a.b-c"], &["a..b", "A"]);
        check("password", &["", "x"], &[]);
        assert_eq!(Format::named("date-time"), Some(Format::DateTime));
        assert_eq!(Format::named("unheard-of"), None);
    }

    #[test]
    fn times_networks_and_checksums() {
        check("date", &["2024-02-29"], &["2023-02-29", "2024-2-9", "20240229"]);
        check(
            "date-time",
            &["2024-01-02T03:04:05Z", "2024-01-02t03:04:05.123+02:00"],
            &["2024-01-02", "2024-01-02T24:00:00Z"],
        );
        check("duration", &["1h30m", "22 ns", "-1.5s", "3 weeks", "0"], &["", "1", "x"]);
        check("email", &["a@b.c", "Ann <ann@example.com>", "\"a b\"@c"], &["a", "a@", "@b", "a b@c"]);
        check("ipv4", &["1.2.3.4", "01.2.3.4"], &["1.2.3", "::1", "1.2.3.256"]);
        check("ipv6", &["::1", "::ffff:1.2.3.4"], &["1.2.3.4", "::g"]);
        check("cidr", &["10.0.0.0/8", "::/0"], &["10.0.0.0", "10.0.0.0/33"]);
        check(
            "mac",
            &["01:23:45:67:89:ab", "0123.4567.89ab", "01-23-45-67-89-ab"],
            &["01:23", "01:23-45:67:89:ab"],
        );
        check(
            "uri",
            &["http://a.b/c?d", "/abs/path", "mailto:a@b", "urn:x"],
            &["", "a/b", "http://a b", ":x", "http://a/%zz"],
        );
        check("isbn", &["3836221195", "978-3-8362-2119-1"], &["3836221196", ""]);
        check("isbn10", &["3 401 01319 X"], &["978-3-8362-2119-1"]);
        check("creditcard", &["4220 8554 2622 2389"], &["4220855426213389", ""]);
    }
}
