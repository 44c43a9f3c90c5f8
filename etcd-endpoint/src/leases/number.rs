//! The number of a lease: when it was granted and for how long, so that it means the same to every endpoint and after a
//! restart.
//!
//! ```text
//! bit 62 … 32    31 … 8     7 … 0
//! granted        seconds    a counter, so that leases of one second differ
//! ```

/// The longest lease in seconds, about 194 days.
pub(super) const LONGEST: u32 = (1 << 24) - 1;

/// Moments count from the beginning of 2020, and so until 2088.
const EPOCH: u64 = 1_577_836_800;
const MOMENTS: u64 = 1 << 31;

/// The number of a lease of at most [`LONGEST`] seconds that is granted at a moment (seconds since 1970).
pub(super) fn number(granted: u64, seconds: u32, counter: u8) -> i64 {
    let moment = granted.saturating_sub(EPOCH) % MOMENTS;
    let number = moment << 32 | u64::from(seconds & LONGEST) << 8 | u64::from(counter);
    number.cast_signed()
}

/// When the lease of a number was granted, in seconds since 1970, and for how many seconds; `None` of no lease's number.
pub(super) fn meaning(number: i64) -> Option<(u64, u32)> {
    let number = u64::try_from(number).ok()?;
    let seconds = u32::try_from(number >> 8 & u64::from(LONGEST)).ok()?;
    let granted = (number >> 32) + EPOCH;
    (granted > EPOCH && seconds > 0).then_some((granted, seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_tells_what_it_was_made_of(granted in EPOCH + 1..EPOCH + MOMENTS, seconds in 1..=LONGEST, counter: u8) {
            let number = number(granted, seconds, counter);
            prop_assert!(number > 0);
            prop_assert_eq!(meaning(number), Some((granted, seconds)));
        }
    }

    #[test]
    fn small_and_negative_numbers_are_no_leases() {
        assert_eq!(meaning(3600), None);
        assert_eq!(meaning(-1), None);
    }
}
