//! SHA-256, by which certificates and keys are named.

use aws_lc_rs::digest;

/// A SHA-256 hash.
pub(crate) type Sha256 = [u8; 32];

/// The hash of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Sha256 {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()) {
        *to = *from;
    }
    hash
}
