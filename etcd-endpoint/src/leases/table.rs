//! The leases and their keys, as values: the time is an argument.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use revision_store::Revision;
use tokio::time::Instant;

use super::{NotGranted, Now, number};

/// How far the clocks of two endpoints may be apart, in seconds: a lease granted later than that from now is none.
const CLOCKS_APART: u64 = 300;

/// The leases that are known.
#[derive(Debug, Default)]
pub(super) struct Table {
    leases: HashMap<i64, Lease>,
    /// In the order of their ends.
    ends: BTreeSet<(Instant, i64)>,
    /// The lease of each key, and the revision that attached it.
    keys: HashMap<String, (i64, Revision)>,
    counter: u8,
}

#[derive(Debug)]
struct Lease {
    seconds: u32,
    end: Instant,
    keys: BTreeMap<String, Revision>,
}

/// What there is of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    /// Seconds that are left.
    pub(crate) left: u64,
    /// Seconds that it was granted for.
    pub(crate) granted: u32,
    /// Its keys, as the store has them.
    pub(crate) keys: Vec<String>,
}

impl Table {
    pub(super) fn grant(&mut self, wanted: i64, seconds: u32, now: Now) -> Result<i64, NotGranted> {
        self.forget_ended(now);
        if wanted != 0 && self.leases.contains_key(&wanted) {
            return Err(NotGranted::Exists);
        }
        let mut granted = now.unix;
        let mut number = wanted;
        while number == 0 || (wanted == 0 && self.leases.contains_key(&number)) {
            self.counter = self.counter.wrapping_add(1);
            number = number::number(granted, seconds, self.counter);
            if self.counter == 0 {
                // All numbers of this second may be taken.
                granted += 1;
            }
        }
        self.insert(number, seconds, now.instant + Duration::from_secs(seconds.into()));
        Ok(number)
    }

    fn insert(&mut self, number: i64, seconds: u32, end: Instant) {
        self.ends.insert((end, number));
        self.leases.insert(number, Lease { seconds, end, keys: BTreeMap::new() });
    }

    /// Seconds from now to a lease's end, rounded up.
    pub(super) fn seconds(&mut self, lease: i64, now: Now) -> Option<u32> {
        self.find(lease, now)?;
        let left = self.leases.get(&lease)?.end - now.instant;
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        u32::try_from(seconds.max(1)).ok()
    }

    /// Makes sure that a lease is in the table, if it is one and has not ended.
    fn find(&mut self, lease: i64, now: Now) -> Option<()> {
        self.forget_ended(now);
        if self.leases.contains_key(&lease) {
            return Some(());
        }
        let (granted, seconds) = number::meaning(lease)?;
        if granted > now.unix + CLOCKS_APART {
            return None;
        }
        let left = (granted + u64::from(seconds)).checked_sub(now.unix).filter(|left| *left > 0)?;
        // Never longer than it was granted for, whatever the other clock said.
        let end = now.instant + Duration::from_secs(left.min(seconds.into()));
        self.insert(lease, seconds, end);
        Some(())
    }

    pub(super) fn written(&mut self, key: &str, revision: Revision, lease: i64) {
        if let Some((before, attached)) = self.keys.get(key) {
            // Answers of two writes may come in any order.
            if *attached > revision {
                return;
            }
            if let Some(before) = self.leases.get_mut(before) {
                before.keys.remove(key);
            }
            self.keys.remove(key);
        }
        if let Some(lease_now) = self.leases.get_mut(&lease) {
            lease_now.keys.insert(key.to_owned(), revision);
            self.keys.insert(key.to_owned(), (lease, revision));
        }
    }

    pub(super) fn of(&self, key: &str, revision: Revision) -> Option<i64> {
        self.keys.get(key).filter(|(_, attached)| *attached == revision).map(|(lease, _)| *lease)
    }

    pub(super) fn renew(&mut self, number: i64, now: Now) -> Option<(u32, Vec<(String, Revision)>)> {
        self.forget_ended(now);
        let lease = self.leases.get_mut(&number)?;
        self.ends.remove(&(lease.end, number));
        lease.end = now.instant + Duration::from_secs(lease.seconds.into());
        self.ends.insert((lease.end, number));
        let keys = lease.keys.iter().map(|(key, revision)| (key.clone(), *revision)).collect();
        Some((lease.seconds, keys))
    }

    pub(super) fn revoke(&mut self, number: i64, now: Now) -> Option<Vec<(String, Revision)>> {
        self.forget_ended(now);
        self.forget(number).map(|lease| lease.keys.into_iter().collect())
    }

    pub(super) fn left(&mut self, lease: i64, now: Now) -> Option<Left> {
        self.find(lease, now)?;
        let lease = self.leases.get(&lease)?;
        Some(Left {
            left: (lease.end - now.instant).as_secs(),
            granted: lease.seconds,
            keys: lease.keys.keys().cloned().collect(),
        })
    }

    pub(super) fn all(&mut self, now: Now) -> Vec<i64> {
        self.forget_ended(now);
        self.ends.iter().map(|(_, number)| *number).collect()
    }

    fn forget(&mut self, number: i64) -> Option<Lease> {
        let lease = self.leases.remove(&number)?;
        self.ends.remove(&(lease.end, number));
        for key in lease.keys.keys() {
            self.keys.remove(key);
        }
        Some(lease)
    }

    /// The store deletes the keys of a lease that has ended.
    fn forget_ended(&mut self, now: Now) {
        while let Some((_, number)) = self.ends.first().copied().filter(|(end, _)| *end <= now.instant) {
            self.forget(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(seconds: u64, start: Instant) -> Now {
        Now { instant: start + Duration::from_secs(seconds), unix: 1_700_000_000 + seconds }
    }

    #[test]
    fn keys_of_a_lease_end_with_it_whenever_they_were_attached() {
        let (mut table, start) = (Table::default(), Instant::now());
        let lease = table.grant(0, 60, now(0, start)).unwrap();
        assert_eq!(table.seconds(lease, now(0, start)), Some(60));
        assert_eq!(table.seconds(lease, now(45, start)), Some(15));
        assert_eq!(table.seconds(lease, now(60, start)), None, "it has ended");
    }

    #[test]
    fn a_restart_forgets_keys_but_not_when_a_lease_ends() {
        let start = Instant::now();
        let lease = Table::default().grant(0, 60, now(0, start)).unwrap();
        let mut after = Table::default();
        assert_eq!(after.seconds(lease, now(20, start)), Some(40));
        assert_eq!(
            after.seconds(lease + (1 << 40), now(20, start)),
            Some(60),
            "the other clock was a little ahead"
        );
        assert_eq!(after.seconds(lease + (1 << 42), now(20, start)), None, "it cannot have been granted");
        assert_eq!(Table::default().seconds(lease, now(60, start)), None);
        assert_eq!(Table::default().seconds(77, now(60, start)), None, "the client's own number");
    }

    #[test]
    fn leases_of_one_second_differ() {
        let (mut table, start) = (Table::default(), Instant::now());
        let numbers: BTreeSet<i64> = (0..1000).map(|_| table.grant(0, 60, now(0, start)).unwrap()).collect();
        assert_eq!(numbers.len(), 1000);
        assert_eq!(table.grant(7, 60, now(0, start)), Ok(7));
        assert_eq!(table.grant(7, 60, now(0, start)), Err(NotGranted::Exists));
    }

    #[test]
    fn a_lease_has_the_keys_that_were_last_written_with_it() {
        let (mut table, start) = (Table::default(), Instant::now());
        let [one, two] =
            [table.grant(1, 60, now(0, start)).unwrap(), table.grant(2, 60, now(0, start)).unwrap()];
        table.written("a", 5, one);
        table.written("b", 6, one);
        table.written("c", 7, one);
        table.written("b", 8, two);
        table.written("b", 4, one);
        table.written("c", 9, 0);
        assert_eq!((table.of("b", 8), table.of("b", 6), table.of("c", 9)), (Some(two), None, None));
        assert_eq!(table.renew(one, now(50, start)), Some((60, vec![("a".to_owned(), 5)])));
        assert_eq!(table.left(one, now(70, start)).unwrap().left, 40);
        assert_eq!(table.all(now(70, start)), [one], "the other one has ended");
        assert_eq!(table.revoke(one, now(70, start)), Some(vec![("a".to_owned(), 5)]));
        assert_eq!(table.revoke(one, now(70, start)), None);
    }
}
