//! What every object is wrapped in: `k8s\0` and a `runtime.Unknown`.

use super::Malformed;
use super::wire::{Raw, Wire};

const PREFIX: &[u8] = b"k8s\0";

/// An object and what it says it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Envelope<'a> {
    pub(super) api_version: String,
    pub(super) kind: String,
    /// The object's message.
    pub(super) raw: &'a [u8],
}

impl<'a> Envelope<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        if body.is_empty() {
            return Err(Malformed::Empty);
        }
        let unknown = body.strip_prefix(PREFIX).ok_or(Malformed::Prefix)?;
        if unknown.is_empty() {
            return Err(Malformed::EmptyEnvelope);
        }
        let mut envelope = Self::default();
        let mut wire = Wire::new(unknown);
        while let Some(field) = wire.field()? {
            match field {
                (1, Raw::Bytes(type_meta)) => envelope.type_meta(type_meta)?,
                (2, Raw::Bytes(raw)) => envelope.raw = raw,
                // The encoding and type of the content, which clients leave empty.
                _ => {}
            }
        }
        Ok(envelope)
    }

    fn type_meta(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let mut wire = Wire::new(message);
        while let Some(field) = wire.field()? {
            match field {
                (1, Raw::Bytes(text)) => self.api_version = String::from_utf8_lossy(text).into_owned(),
                (2, Raw::Bytes(text)) => self.kind = String::from_utf8_lossy(text).into_owned(),
                _ => {}
            }
        }
        Ok(())
    }
}
