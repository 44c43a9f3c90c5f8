//! What is to be done about a token: pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::claims::Life;

/// When tokens are renewed, and what becomes of the previous ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The share of its life that is left of a token when it is renewed, above 0 and below 1.
    pub left: f64,
    /// Life of renewed tokens; that of the one before when none is said.
    pub lasting: Option<Duration>,
    /// Whether tokens that never expire are replaced too.
    pub replaces_eternal: bool,
    /// How long a new token has to be in use before the previous one is revoked.
    pub settle: Duration,
}

/// The share of a token's life that is left when it is renewed, unless something else is said: a third.
pub const LEFT: f64 = 0.33;

/// What is known of a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State {
    /// What it is.
    pub kind: Kind,
    /// Whether the previous one is still to be revoked.
    pub superseded: bool,
    /// Whether somebody asks for a rotation.
    pub asked: bool,
    /// How long the token has been in use by this process, by a clock that is not set.
    pub in_use_for: Duration,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A service account's that expires.
    Bound {
        /// Its life, as the token says: its length is what counts, not the member's clock.
        life: Life,
        /// When it was put where it is, by the federation's clock; none if nobody noted it.
        put_at: Option<Timestamp>,
    },
    /// A service account's that never expires.
    Eternal,
    /// None of a service account: nobody can be asked for the next.
    Foreign,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A new token is to take its place.
    Renew,
    /// The previous token is to be revoked.
    Revoke,
    /// Nothing before so much time has passed.
    Wait(Duration),
    /// Nothing, unless something changes.
    Nothing,
}

/// What is to be done about a token.
pub fn decide(state: &State, policy: &Policy, now: Timestamp) -> Action {
    if state.superseded {
        // First things first: with two previous tokens, the older one would be forgotten.
        return match policy.settle.checked_sub(state.in_use_for) {
            Some(left) if !left.is_zero() => Action::Wait(left),
            _ => Action::Revoke,
        };
    }
    match state.kind {
        Kind::Foreign => Action::Nothing,
        _ if state.asked => Action::Renew,
        Kind::Eternal if policy.replaces_eternal => Action::Renew,
        Kind::Eternal => Action::Nothing,
        Kind::Bound { life, put_at } => match until(renewal(life, put_at, policy.left, now), now) {
            Some(wait) => Action::Wait(wait),
            None => Action::Renew,
        },
    }
}

/// When a token is to be renewed.
///
/// By the federation's clock alone: the token was put there at a time of that clock, and has a length. So it does not
/// matter how far the member's clock is from it, and no difference can make a token be renewed over and over. If the clock
/// was set back meanwhile, so that the token comes from a future that eats up half of what is to be left, it is renewed
/// at once, which puts the new one into the present. So is one of which nobody knows when it was put there: it may be about
/// to expire.
pub fn renewal(life: Life, put_at: Option<Timestamp>, left: f64, now: Timestamp) -> Timestamp {
    let Some(put_at) = put_at else { return now };
    let length = life.expires.duration_since(life.issued).max(SignedDuration::ZERO);
    let margin = length.mul_f64(left);
    if put_at.duration_since(now) > margin / 2 {
        return now;
    }
    put_at.checked_add(length - margin).unwrap_or(Timestamp::MAX)
}

/// How long it is until then; none when it has come.
fn until(then: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(then.duration_since(now)).ok().filter(|wait| !wait.is_zero())
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, reason = "seconds of a few years fit a double exactly")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn policy() -> Policy {
        Policy { left: LEFT, lasting: None, replaces_eternal: false, settle: Duration::from_secs(60) }
    }

    fn bound(put_at: i64, length: i64, skew: i64) -> Kind {
        let issued = at(put_at + skew);
        Kind::Bound { life: Life { issued, expires: at(put_at + skew + length) }, put_at: Some(at(put_at)) }
    }

    fn fresh(kind: Kind) -> State {
        State { kind, superseded: false, asked: false, in_use_for: Duration::ZERO }
    }

    #[test]
    fn a_third_before_its_end_a_token_is_renewed() {
        let state = fresh(bound(1_000_000, 3000, 0));
        assert_eq!(decide(&state, &policy(), at(1_000_000)), Action::Wait(Duration::from_secs(2010)));
        assert_eq!(decide(&state, &policy(), at(1_002_010)), Action::Renew);
    }

    #[test]
    fn eternal_tokens_stay_unless_somebody_wants_otherwise_and_foreign_ones_always() {
        let (policy, eternal) = (policy(), fresh(Kind::Eternal));
        assert_eq!(decide(&eternal, &policy, at(0)), Action::Nothing);
        assert_eq!(decide(&State { asked: true, ..eternal }, &policy, at(0)), Action::Renew);
        assert_eq!(
            decide(&eternal, &Policy { replaces_eternal: true, ..policy.clone() }, at(0)),
            Action::Renew
        );
        assert_eq!(decide(&State { asked: true, ..fresh(Kind::Foreign) }, &policy, at(0)), Action::Nothing);
    }

    proptest! {
        /// Nobody knows how much of it is left, whatever the member's clock says.
        #[test]
        fn a_token_that_nobody_noted_is_renewed_at_once(issued in 0_i64..1 << 32, length in 0_i64..1 << 32, now in 0_i64..1 << 32) {
            let life = Life { issued: at(issued), expires: at(issued + length) };
            let state = fresh(Kind::Bound { life, put_at: None });
            prop_assert_eq!(decide(&state, &policy(), at(now)), Action::Renew);
        }

        #[test]
        fn the_previous_token_goes_first_and_not_too_soon(used in 0_u64..200, asked: bool, now in 0_i64..1 << 32) {
            let state = State { superseded: true, asked, in_use_for: Duration::from_secs(used), ..fresh(bound(0, 600, 0)) };
            match decide(&state, &policy(), at(now)) {
                Action::Revoke => prop_assert!(used >= 60),
                Action::Wait(wait) => prop_assert_eq!(wait.as_secs() + used, 60),
                other => prop_assert!(false, "{other:?}"),
            }
        }

        /// Whatever the clocks say of each other, a token is renewed in good time, and the next one not at once again.
        #[test]
        fn clocks_that_differ_neither_lock_out_nor_loop(
            skew in -10_000_000_i64..10_000_000, length in 600_i64..40_000_000, left in 1_u8..100, late in 0_i64..100,
        ) {
            let policy = Policy { left: f64::from(left) / 100.0, ..policy() };
            let begin = 1_000_000_000;
            let mut now = begin + late;
            match decide(&fresh(bound(begin, length, skew)), &policy, at(now)) {
                Action::Renew => prop_assert!(late as f64 >= (1.0 - policy.left) * length as f64 - 1.0),
                Action::Wait(wait) => {
                    now += i64::try_from(wait.as_secs()).unwrap() + 1;
                    prop_assert!(now - begin <= length + 1, "it would have expired");
                    prop_assert_eq!(decide(&fresh(bound(begin, length, skew)), &policy, at(now)), Action::Renew);
                }
                other => prop_assert!(false, "{other:?}"),
            }
            let next = decide(&fresh(bound(now, length, skew)), &policy, at(now));
            prop_assert!(matches!(next, Action::Wait(_)), "renewed over and over: {next:?}");
        }

        /// A clock that is set back by more than can be borne leads to one renewal, not to a token that expires.
        #[test]
        fn a_clock_that_is_set_back_is_borne(back in 0_i64..10_000_000, length in 600_i64..10_000_000) {
            let put = 1_000_000_000;
            let now = at(put - back);
            let renewal = renewal(Life { issued: at(put), expires: at(put + length) }, Some(at(put)), LEFT, now);
            // In true time, at which the clock shows `back` less.
            let remains = at(put + length - back).duration_since(renewal).as_secs();
            prop_assert!(remains as f64 >= LEFT / 2.0 * length as f64 - 1.0 , "{remains} of {length}");
        }
    }
}
