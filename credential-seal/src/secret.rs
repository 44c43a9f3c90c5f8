//! Bytes that nobody is to see.

use zeroize::Zeroizing;

/// Secret bytes: overwritten when they are dropped, and absent from `Debug`. There is no `Display` and no serialisation.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes bytes over. Copies that were made before are the caller's to overwrite.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SecretBytes({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::SecretBytes;

    #[test]
    fn debug_output_says_how_long_it_is_and_nothing_else() {
        let secret = SecretBytes::new(b"open sesame".to_vec());
        assert_eq!(
            format!("{secret:?} {:#?}", Some(&secret)),
            "SecretBytes(11 bytes) Some(\n    SecretBytes(11 bytes),\n)"
        );
    }
}
