//! When an agent connects again.
//!
//! As long as it has fewer servers than there are, it tries: at once at first, then with growing pauses, whether an
//! attempt failed or led to a server that it had already. Pauses are spread, so that the agents of a server that
//! starts anew do not come back all at once.

use std::time::{Duration, Instant};

/// How fast an agent connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// The pause after a stream was lost, or the first attempt has failed: each agent takes a part of it by chance.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Duration::from_secs(2), longest: Duration::from_secs(30) }
    }
}

/// When an agent connects again. Chance comes from a seed.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    pause: Duration,
    next: Option<Instant>,
    chance: u64,
    /// A server was lost or could not be reached; there may be another than before.
    seeking: bool,
}

impl Schedule {
    pub(super) fn new(pace: Pace, seed: u64) -> Self {
        Self { pause: pace.first, pace, next: None, chance: seed, seeking: true }
    }

    /// When to try next; `None` if there are enough servers.
    pub(super) fn next(&mut self, connected: usize, wanted: usize, now: Instant) -> Option<Instant> {
        if connected >= wanted {
            self.seeking = false;
            return None;
        }
        if !std::mem::replace(&mut self.seeking, true) {
            // There are more servers than before.
            self.pause = self.pace.first;
        }
        // No moment is set before the first attempt.
        Some(self.next.unwrap_or(now))
    }

    /// A new server was reached: perhaps the next one can be, too.
    pub(super) fn connected(&mut self, now: Instant) {
        self.pause = self.pace.first;
        self.next = Some(now);
    }

    /// An attempt led to nothing new.
    pub(super) fn failed(&mut self, now: Instant) {
        self.wait(now);
        self.pause = self.pause.mul_f64(1.5).min(self.pace.longest);
    }

    /// A stream has ended.
    pub(super) fn lost(&mut self, now: Instant) {
        self.pause = self.pace.first;
        self.wait(now);
    }

    /// Somewhere in the pause, from its tenth part on.
    fn wait(&mut self, now: Instant) {
        self.next = Some(now + self.pause.mul_f64(0.1 + 0.9 * self.chance()));
    }

    /// A number from 0 to 1: SplitMix64, whose every seed is good.
    fn chance(&mut self) -> f64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.chance;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let upper = u32::try_from((mixed ^ mixed >> 31) >> 32).unwrap_or(u32::MAX);
        f64::from(upper) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_of_a_lost_server_come_back_spread_over_the_first_pause() {
        let now = Instant::now();
        let pause = |seed| {
            let mut schedule = Schedule::new(Pace::default(), seed);
            schedule.connected(now);
            schedule.lost(now);
            schedule.next(0, 1, now).unwrap() - now
        };
        let pauses: Vec<_> = (0..200).map(pause).collect();
        for tenth in 1..10 {
            let range = Duration::from_millis(200 * tenth)..=Duration::from_millis(200 * (tenth + 1));
            let count = pauses.iter().filter(|pause| range.contains(*pause)).count();
            assert!((5..45).contains(&count), "{count} of 200 agents come back in {range:?}");
        }
    }

    #[test]
    fn five_hundred_agents_of_a_server_that_is_away_for_a_while_do_not_come_at_once() {
        let begin = Instant::now();
        for away in [1, 5, 60] {
            let back = begin + Duration::from_secs(away);
            let comes = |seed| {
                let mut schedule = Schedule::new(Pace::default(), seed);
                schedule.connected(begin);
                schedule.lost(begin);
                loop {
                    let attempt = schedule.next(0, 1, begin).unwrap();
                    if attempt >= back {
                        return attempt - back;
                    }
                    schedule.failed(attempt);
                }
            };
            let mut moments: Vec<Duration> = (0..500).map(comes).collect();
            moments.sort_unstable();
            for (first, hundredth) in moments.iter().zip(&moments[100..]) {
                let within = hundredth.saturating_sub(*first);
                assert!(within > Duration::from_millis(100), "101 of 500 come within {within:?}");
            }
            assert!(moments[499] < Duration::from_secs(30), "the last comes after {:?}", moments[499]);
        }
    }

    #[test]
    fn attempts_that_bring_nothing_new_become_rare_and_enough_is_enough() {
        let mut now = Instant::now();
        let mut schedule = Schedule::new(Pace::default(), 7);
        schedule.connected(now);
        assert_eq!(schedule.next(1, 2, now), Some(now), "the second server is tried at once");
        let begin = now;
        let mut attempts = 0;
        while now < begin + Duration::from_mins(10) {
            schedule.failed(now);
            now = schedule.next(1, 2, now).unwrap();
            attempts += 1;
        }
        assert!(attempts < 60, "{attempts} attempts in 10 minutes");
        assert_eq!(schedule.next(2, 2, now), None);
        schedule.lost(now);
        let again = schedule.next(1, 2, now).unwrap();
        assert!(again > now && again <= now + Pace::default().first);
    }
}
