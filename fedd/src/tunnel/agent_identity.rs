//! An agent's identity: how it comes by its certificate and keeps it good. Decisions alone; [`Keeper`] carries them out.
//!
//! Everything is in one Secret of the member, which the agents of the cluster share. Each step is one write that expects
//! what was read, so agents that act at once end with the same, and one that is killed goes on where it was:
//!
//! 1. There is a token: a key is made and written down, before anybody hears of it.
//! 2. The token is exchanged for a certificate of that key; both are written down, and the token is gone.
//! 3. At a third of its life left, the certificate is exchanged for one of a new key.

mod keeper;
mod secret;

use jiff::Timestamp;

pub use self::keeper::{Keeper, Kept};
pub use self::secret::{AUTHORITIES, TOKEN};
use super::agent_certificate::Validity;

/// What an agent has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its certificate's times.
    pub certificate: Option<Validity>,
    /// Whether there is a token that was not used and not refused.
    pub has_token: bool,
    /// Whether there is a key that is to be certified for the token.
    pub has_pending_key: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the key that the token is to be used for.
    MakeKey,
    /// Ask for a certificate with the token.
    Exchange,
    /// Ask for a new certificate with the present one.
    Renew,
    /// Nothing until then.
    Keep {
        /// When the certificate is to be renewed.
        until: Timestamp,
    },
    /// Nothing helps but a new token.
    Stranded,
}

/// What is to be done now. A token comes before a certificate: whoever put it there wants it to be used.
pub fn next_step(held: &Held, now: Timestamp) -> Step {
    if held.has_token {
        return if held.has_pending_key { Step::Exchange } else { Step::MakeKey };
    }
    match held.certificate {
        Some(validity) if now < validity.until => {
            let renewal = validity.until - validity.life() / 3;
            if now < renewal { Step::Keep { until: renewal } } else { Step::Renew }
        }
        _ => Step::Stranded,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    fn held(certificate: Option<i64>) -> Held {
        let certificate = certificate.map(|until| Validity { from: at(0), until: at(until) });
        Held { certificate, has_token: false, has_pending_key: false }
    }

    #[test]
    fn a_certificate_is_renewed_at_a_third_of_its_life_left() {
        let held = held(Some(90));
        assert_eq!(next_step(&held, at(0)), Step::Keep { until: at(60) });
        assert_eq!(next_step(&held, at(59)), Step::Keep { until: at(60) });
        assert_eq!(next_step(&held, at(60)), Step::Renew);
        assert_eq!(next_step(&held, at(89)), Step::Renew);
        assert_eq!(next_step(&held, at(90)), Step::Stranded);
    }

    #[test]
    fn a_token_is_used_with_a_key_that_was_made_before() {
        for certificate in [None, Some(1), Some(90)] {
            let new = Held { has_token: true, ..held(certificate) };
            assert_eq!(next_step(&new, at(2)), Step::MakeKey);
            assert_eq!(next_step(&Held { has_pending_key: true, ..new }, at(2)), Step::Exchange);
        }
        // A key that is left over is nothing by itself.
        assert_eq!(next_step(&Held { has_pending_key: true, ..held(None) }, at(0)), Step::Stranded);
    }

    proptest! {
        /// Whenever it is looked at, an agent that can renew does so before its certificate ends.
        #[test]
        fn there_is_no_gap(life in 3..100_000_i64, looked in prop::collection::vec(0..100_000_i64, 1..20)) {
            let held = held(Some(life));
            for hour in looked.into_iter().filter(|hour| *hour < life) {
                match next_step(&held, at(hour)) {
                    Step::Keep { until } => {
                        prop_assert!(at(hour) < until && until < at(life));
                        prop_assert!(at(life).duration_since(until) >= SignedDuration::from_hours(life) / 3);
                    }
                    step => prop_assert_eq!(step, Step::Renew),
                }
            }
        }
    }
}
