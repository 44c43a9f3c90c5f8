//! The number of shards, which all replicas that lead agree on: pure.
//!
//! It is written in the Lease of shard 0. Who leads another shard reads it before each renewal, and leads no more when it
//! is another. Who wants another number takes shard 0, says that the number changes, waits until every claim that was
//! renewed before has run out, and then writes it down. So two numbers are never in force at once.

use std::num::NonZero;

use k8s_openapi::api::coordination::v1::Lease;

/// Annotation of the Lease of shard 0. Without it there is one shard.
pub const SHARDS: &str = "fedd.io/shards";

/// Its value while nobody may lead.
const CHANGES: &str = "changes";

/// What a Lease of shard 0 says of the number of shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// There are so many.
    InForce(NonZero<u32>),
    /// It is being changed, or what is written cannot be read: nobody leads.
    Changes,
}

impl Number {
    /// What a Lease says.
    pub fn in_lease(lease: &Lease) -> Self {
        let Some(text) = lease.metadata.annotations.as_ref().and_then(|a| a.get(SHARDS)) else {
            return Self::InForce(NonZero::<u32>::MIN);
        };
        text.parse().map_or(Self::Changes, Self::InForce)
    }

    /// Writes it into a Lease. One shard is what is meant where nothing is written.
    pub fn write(self, lease: &mut Lease) {
        let annotations = lease.metadata.annotations.get_or_insert_default();
        match self {
            Self::InForce(NonZero::<u32>::MIN) => annotations.remove(SHARDS),
            Self::InForce(number) => annotations.insert(SHARDS.to_owned(), number.to_string()),
            Self::Changes => annotations.insert(SHARDS.to_owned(), CHANGES.to_owned()),
        };
        if annotations.is_empty() {
            lease.metadata.annotations = None;
        }
    }

    /// What who takes shard 0 writes, to have `wanted` in force in the end. `settled` says that whoever led by another
    /// number has stopped.
    pub fn towards(wanted: NonZero<u32>, before: Option<&Lease>, settled: bool) -> Self {
        match before {
            Some(lease) if !settled && Self::in_lease(lease) != Self::InForce(wanted) => Self::Changes,
            _ => Self::InForce(wanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32) -> NonZero<u32> {
        NonZero::new(number).unwrap()
    }

    fn lease(number: Number) -> Lease {
        let mut lease = Lease::default();
        number.write(&mut lease);
        lease
    }

    #[test]
    fn what_is_written_is_read() {
        for number in [Number::InForce(number(1)), Number::InForce(number(4)), Number::Changes] {
            assert_eq!(Number::in_lease(&lease(number)), number);
        }
        // The Lease of one shard is as it was before there were several.
        assert_eq!(lease(Number::InForce(number(1))), Lease::default());
        let mut unclear = lease(Number::InForce(number(4)));
        unclear.metadata.annotations.get_or_insert_default().insert(SHARDS.to_owned(), "0".to_owned());
        assert_eq!(Number::in_lease(&unclear), Number::Changes);
        Number::InForce(number(1)).write(&mut unclear);
        assert_eq!(unclear, Lease::default());
    }

    #[test]
    fn another_number_is_in_force_only_when_the_one_before_is_settled() {
        let four = number(4);
        let towards = |before: Number, settled| Number::towards(four, Some(&lease(before)), settled);
        assert_eq!(Number::towards(four, None, false), Number::InForce(four));
        assert_eq!(towards(Number::InForce(four), false), Number::InForce(four));
        for before in [Number::InForce(number(2)), Number::Changes] {
            assert_eq!(towards(before, false), Number::Changes);
            assert_eq!(towards(before, true), Number::InForce(four));
        }
    }
}
