//! How a call ended, in the headers `grpc-status` and `grpc-message`.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// What kind of end it is, as [gRPC has it](https://grpc.io/docs/guides/status-codes/).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// In good order.
    Ok,
    /// The request is none.
    InvalidArgument,
    /// The agent has a stream to this server already.
    AlreadyExists,
    /// The credentials are another's.
    PermissionDenied,
    /// Something is longer than allowed.
    ResourceExhausted,
    /// There is no such method.
    Unimplemented,
    /// Something failed that should not.
    Internal,
    /// Not now.
    Unavailable,
    /// There are no credentials, or none that are valid.
    Unauthenticated,
    /// Another number.
    Other(u16),
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What kind of end it is.
    pub code: Code,
    /// What is wrong; empty if nothing is.
    pub message: String,
}

/// Each code's number.
const NUMBERS: [(Code, u16); 9] = [
    (Code::Ok, 0),
    (Code::InvalidArgument, 3),
    (Code::AlreadyExists, 6),
    (Code::PermissionDenied, 7),
    (Code::ResourceExhausted, 8),
    (Code::Unimplemented, 12),
    (Code::Internal, 13),
    (Code::Unavailable, 14),
    (Code::Unauthenticated, 16),
];

impl Code {
    fn number(self) -> u16 {
        match self {
            Self::Other(number) => number,
            known => NUMBERS.iter().find(|(code, _)| *code == known).map_or(2, |(_, number)| *number),
        }
    }

    fn from_number(number: u16) -> Self {
        NUMBERS.iter().find(|(_, known)| *known == number).map_or(Self::Other(number), |(code, _)| *code)
    }
}

impl Status {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn ok() -> Self {
        Self::new(Code::Ok, "")
    }

    /// Puts it into headers or trailers.
    pub(super) fn put(&self, headers: &mut HeaderMap) {
        headers.insert(STATUS, HeaderValue::from(self.code.number()));
        if !self.message.is_empty()
            && let Ok(message) = HeaderValue::try_from(escaped(&self.message))
        {
            headers.insert(MESSAGE, message);
        }
    }

    /// Reads it from headers or trailers; `None` if none is there.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let number = headers.get(STATUS)?.to_str().ok()?.parse().unwrap_or(2);
        let message = headers.get(MESSAGE).map(|message| unescaped(message.as_bytes())).unwrap_or_default();
        Some(Self { code: Code::from_number(number), message })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.code, self.message)
    }
}

impl std::error::Error for Status {}

/// What is not printable ASCII becomes `%` and two digits.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | 0..b' ' | 0x7f.. => escaped.extend(["%", &format!("{byte:02X}")]),
            plain => escaped.push(char::from(plain)),
        }
    }
    escaped
}

fn unescaped(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let escaped = digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        text.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_it_was_written() {
        for status in [
            Status::ok(),
            Status::new(Code::PermissionDenied, "100 % of ‘m1’\nis m2's"),
            Status::new(Code::Other(11), "%4"),
        ] {
            let mut headers = HeaderMap::new();
            status.put(&mut headers);
            assert_eq!(Status::of(&headers), Some(status));
        }
        assert_eq!(Status::of(&HeaderMap::new()), None);
    }
}
