//! How a sealed value is written, versions 1 and 2. The second has a note, and is otherwise the first.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `SEAL` |
//! | 1 | version: 1 or 2 |
//! | 1 + n | length and name of the provider that wrapped the data key |
//! | 2 + n | length and id of the key that wrapped it |
//! | 2 + n | length and wrapped data key |
//! | 2 | number of annotations of the provider; each of them: |
//! | 2 + n, 2 + n | length and name, length and value; names ascend |
//! | 2 + n | in version 2: length and text of the note |
//! | 32 | salt, random for each value |
//! | n + 16 | ciphertext and tag of AES-256-GCM |
//!
//! Lengths and numbers are big-endian. Names and ids are UTF-8. Key (32 bytes) and nonce (12 bytes) of the cipher are
//! HKDF-SHA256's expansion of the data key with the info `credential-seal v1` and the salt. Its associated data is
//! everything before the ciphertext, and after that the identity: cluster uid, namespace, name and field, each preceded
//! by its length in 8 bytes. So whatever is changed, in the value or around it, it does not open.

use std::collections::BTreeMap;

use crate::provider::WrappedKey;

/// What every sealed value begins with.
pub const MAGIC: &[u8; 4] = b"SEAL";
/// The version without a note.
pub const PLAIN: u8 = 1;
/// The version with a note, the newest.
pub const NOTED: u8 = 2;
/// Bytes of the salt.
pub const SALT_LENGTH: usize = 32;
/// The longest value that is sealed or opened, in bytes: more than an object of Kubernetes can hold.
pub const MOST: usize = 4 << 20;

/// Why bytes are no sealed value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// They are something else.
    #[error("not a sealed value: it does not begin with SEAL")]
    NotSealed,
    /// A later version wrote them.
    #[error(
        "sealed in version {0} of the format, and this program reads versions {PLAIN} to {NOTED}; use a newer one"
    )]
    Version(u8),
    /// They end too early, or a part is not as it must be.
    #[error("damaged: {0} is cut short or malformed")]
    Damaged(&'static str),
    /// They are too many.
    #[error("{0} bytes are too many, {MOST} are taken")]
    TooLong(usize),
}

/// The parts of a sealed value. None of them is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Name of the provider that wrapped the data key.
    pub provider: String,
    /// The wrapped data key.
    pub key: WrappedKey,
    /// Text that goes with the value: anybody reads it, and once the value is opened, it is what was sealed with it. What
    /// it means is between who seals and who opens.
    pub note: Option<String>,
    /// What makes the value's own key from the data key.
    pub salt: [u8; SALT_LENGTH],
    /// Ciphertext and tag.
    pub ciphertext: Vec<u8>,
}

/// Everything before the ciphertext.
pub(crate) fn header(
    provider: &str,
    key: &WrappedKey,
    note: Option<&str>,
    salt: &[u8; SALT_LENGTH],
) -> Result<Vec<u8>, FormatError> {
    let mut out = Vec::with_capacity(128 + key.ciphertext.len());
    out.extend_from_slice(MAGIC);
    out.push(if note.is_some() { NOTED } else { PLAIN });
    out.push(u8::try_from(provider.len()).map_err(|_| FormatError::TooLong(provider.len()))?);
    out.extend_from_slice(provider.as_bytes());
    put(&mut out, key.key_id.as_bytes())?;
    put(&mut out, &key.ciphertext)?;
    let number = key.annotations.len();
    out.extend_from_slice(&u16::try_from(number).map_err(|_| FormatError::TooLong(number))?.to_be_bytes());
    for (name, value) in &key.annotations {
        put(&mut out, name.as_bytes())?;
        put(&mut out, value)?;
    }
    if let Some(note) = note {
        put(&mut out, note.as_bytes())?;
    }
    out.extend_from_slice(salt);
    Ok(out)
}

fn put(out: &mut Vec<u8>, part: &[u8]) -> Result<(), FormatError> {
    let length = u16::try_from(part.len()).map_err(|_| FormatError::TooLong(part.len()))?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(part);
    Ok(())
}

impl Sealed {
    /// Reads the parts. Nothing is decrypted.
    ///
    /// # Errors
    /// The bytes are no sealed value.
    pub fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > MOST {
            return Err(FormatError::TooLong(bytes.len()));
        }
        let rest = bytes.strip_prefix(MAGIC).ok_or(FormatError::NotSealed)?;
        let mut reader = Reader(rest);
        let version = reader.byte("the version")?;
        if !matches!(version, PLAIN | NOTED) {
            return Err(FormatError::Version(version));
        }
        let length = usize::from(reader.byte("the provider's name")?);
        let provider = text(reader.take(length, "the provider's name")?, "the provider's name")?;
        let key_id = text(reader.part("the key's id")?, "the key's id")?;
        let ciphertext = reader.part("the wrapped key")?.to_vec();
        let mut annotations = BTreeMap::new();
        for _ in 0..reader.length("the annotations")? {
            let name = text(reader.part("the annotations")?, "the annotations")?;
            // One value has one writing: names ascend.
            if annotations.last_key_value().is_some_and(|(last, _)| *last >= name) {
                return Err(FormatError::Damaged("the annotations"));
            }
            annotations.insert(name, reader.part("the annotations")?.to_vec());
        }
        let note = match version {
            NOTED => Some(text(reader.part("the note")?, "the note")?),
            _ => None,
        };
        let mut salt = [0; SALT_LENGTH];
        salt.copy_from_slice(reader.take(SALT_LENGTH, "the salt")?);
        if reader.0.len() < crate::data_key::TAG_LENGTH {
            return Err(FormatError::Damaged("the ciphertext"));
        }
        let key = WrappedKey { key_id, ciphertext, annotations };
        Ok(Self { provider, key, note, salt, ciphertext: reader.0.to_vec() })
    }

    /// Writes the parts.
    ///
    /// # Errors
    /// A part is longer than its length can say.
    pub fn write(&self) -> Result<Vec<u8>, FormatError> {
        let mut out = header(&self.provider, &self.key, self.note.as_deref(), &self.salt)?;
        out.extend_from_slice(&self.ciphertext);
        Ok(out)
    }
}

fn text(bytes: &[u8], what: &'static str) -> Result<String, FormatError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| FormatError::Damaged(what))
}

/// What is still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(FormatError::Damaged(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, FormatError> {
        self.take(1, what).map(|bytes| bytes[0])
    }

    fn length(&mut self, what: &'static str) -> Result<usize, FormatError> {
        self.take(2, what).map(|bytes| usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
    }

    fn part(&mut self, what: &'static str) -> Result<&'a [u8], FormatError> {
        let length = self.length(what)?;
        self.take(length, what)
    }
}
