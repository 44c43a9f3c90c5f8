//! Inputs like others: the same for the same seed.

/// A sequence of numbers that look random (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    /// The next one.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One below a limit; 0 below none.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.roll() % limit).unwrap_or(0)
    }
}

/// Longest input, in bytes.
const LONGEST: usize = 4096;

/// Changes an input in one to four places: bytes, words, and parts of another input.
#[must_use]
pub fn mutated(input: &[u8], other: &[u8], words: &[&str], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        let end = (at + 1 + numbers.below(16)).min(bytes.len());
        match numbers.below(6) {
            0 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
            1 => {
                bytes.drain(at.min(end)..end);
            }
            2 => {
                let repeated = bytes[at.min(end)..end].to_vec();
                bytes.splice(at..at, repeated);
            }
            3 => {
                let from = numbers.below(other.len() + 1);
                let to = (from + 1 + numbers.below(64)).min(other.len());
                bytes.splice(at..at, other[from.min(to)..to].iter().copied());
            }
            4 => bytes.insert(at, numbers.roll().to_le_bytes()[0]),
            _ => {
                let word = words.get(numbers.below(words.len())).copied().unwrap_or_default();
                bytes.splice(at..at, word.bytes());
            }
        }
        bytes.truncate(LONGEST);
    }
    bytes
}
