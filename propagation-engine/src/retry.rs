//! When to try again: back-off of one object, and the circuit breaker of one access to an API server.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::ports::Chance;

/// First wait after a failure.
const FIRST: Duration = Duration::from_millis(500);
/// Longest wait. KubeFed's is the same; its first is 5 s.
const LONGEST: Duration = Duration::from_secs(60);

/// The wait before try `attempt` (from 1): doubling from 0.5 s to 60 s, less up to a quarter by chance, so that objects
/// that failed together do not come back together.
pub fn backoff(attempt: u32, chance: &Chance) -> Duration {
    let full = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(7)).min(LONGEST);
    full.mul_f64(1.0 - chance.fraction() / 4.0)
}

/// Keeps requests from a server that is in trouble, or that does not take this access, and lets one through now and then
/// to see whether it still is so.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<BreakerState>,
}

#[derive(Debug, Default)]
struct BreakerState {
    /// Failures since the last success.
    failures: u32,
    /// Closed when none; else no request before this time, and then one.
    open_until: Option<Instant>,
    /// The words of the last failure.
    words: String,
}

/// Failures in a row that open the breaker.
const FAILURES_THAT_OPEN: u32 = 3;

impl Breaker {
    /// May a request go? If not: how long to wait, and what is wrong.
    pub fn admit(&self, now: Instant) -> Result<(), (Duration, String)> {
        let mut state = self.state.lock();
        match state.open_until {
            None => Ok(()),
            Some(until) if now < until => Err((until - now, state.words.clone())),
            Some(_) => {
                // This one is the trial; the others wait for its result.
                state.open_until = Some(now + FIRST);
                Ok(())
            }
        }
    }

    /// A request was answered.
    pub fn succeeded(&self) {
        let mut state = self.state.lock();
        state.failures = 0;
        state.open_until = None;
    }

    /// A request failed for a reason that is the server's.
    pub fn failed(&self, now: Instant, words: &str, chance: &Chance) {
        let mut state = self.state.lock();
        state.failures += 1;
        words.clone_into(&mut state.words);
        if state.failures >= FAILURES_THAT_OPEN {
            state.open_until = Some(
                now + backoff(state.failures - FAILURES_THAT_OPEN + 1, chance).min(Duration::from_secs(15)),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute() {
        let chance = Chance::seeded(1);
        for (attempt, seconds) in [(1, 0.5), (2, 1.0), (3, 2.0), (8, 60.0), (100, 60.0)] {
            let wait = backoff(attempt, &chance).as_secs_f64();
            assert!(wait <= seconds && wait >= seconds * 0.75, "attempt {attempt}: {wait}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_breaker_opens_lets_one_through_and_closes() {
        let (breaker, chance) = (Breaker::default(), Chance::seeded(1));
        let now = Instant::now();
        for _ in 0..FAILURES_THAT_OPEN {
            assert!(breaker.admit(now).is_ok());
            breaker.failed(now, "refused", &chance);
        }
        let (wait, words) = breaker.admit(now).unwrap_err();
        assert_eq!(words, "refused");
        let later = now + wait;
        assert!(breaker.admit(later).is_ok(), "the trial");
        assert!(breaker.admit(later).is_err(), "the others wait");
        breaker.succeeded();
        assert!(breaker.admit(later).is_ok());
    }
}
