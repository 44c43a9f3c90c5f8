//! Messages, written field by field.

/// A field of bytes.
#[allow(clippy::cast_possible_truncation, reason = "each byte holds the lowest seven bits")]
pub(crate) fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(content);
    bytes
}

/// A field of a small number.
pub(crate) fn number(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value & 0x7f]
}

/// An object in its envelope.
pub(crate) fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let type_meta = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [b"k8s\0".to_vec(), field(1, &type_meta), field(2, raw)].concat()
}
