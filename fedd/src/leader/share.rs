//! How replicas come to hold their shares of the shards: pure rules, and what one replica knows of all Leases.
//!
//! Whoever finds a Lease that is nobody's takes it. A replica that holds two fewer than another asks it for one; the other
//! ends what it does for that shard and puts the Lease into the asker's hand. So in the end no two replicas' numbers of
//! shards differ by more than one. It decides nothing about who may write: that is the Lease alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// The holder of each shard's Lease, as a replica last saw it. Shards that are nobody's are left out.
type Holders = BTreeMap<u32, String>;

/// What one replica knows of all Leases. Clones are the same.
#[derive(Clone, Debug)]
pub struct Share {
    me: Arc<str>,
    holders: Arc<watch::Sender<Holders>>,
}

impl Share {
    /// For a replica that has seen nothing yet.
    pub fn new(me: &str) -> Self {
        Self { me: me.into(), holders: Arc::default() }
    }

    /// The replica's identity.
    pub fn me(&self) -> &str {
        &self.me
    }

    /// The Lease of a shard is held by this one now; empty: by nobody.
    pub fn note(&self, shard: u32, holder: &str) {
        self.holders.send_if_modified(|holders| {
            if holders.get(&shard).map_or("", String::as_str) == holder {
                return false;
            }
            match holder {
                "" => holders.remove(&shard),
                holder => holders.insert(shard, holder.to_owned()),
            };
            true
        });
    }

    /// Tells when a holder changes.
    pub fn changes(&self) -> watch::Receiver<Holders> {
        self.holders.subscribe()
    }

    /// Whether this replica should ask for a shard that another holds.
    pub fn wants(&self, shard: u32) -> bool {
        wanted(&self.me, &self.holders.borrow()) == Some(shard)
    }

    /// Whether this replica gives one of its shards to another that asks for it.
    pub fn gives_to(&self, asker: &str) -> bool {
        gives(&self.me, asker, &self.holders.borrow())
    }
}

/// How many more shards one holds that gives one away. With a difference of one they would change places for ever.
const DIFFERENCE: usize = 2;

fn held(by: &str, holders: &Holders) -> usize {
    holders.values().filter(|holder| *holder == by).count()
}

/// The shard to ask for: the last one of whoever holds most, if that is enough.
fn wanted(me: &str, holders: &Holders) -> Option<u32> {
    let richest = holders.values().max_by_key(|holder| held(holder, holders))?;
    let last = holders.iter().rfind(|(_, holder)| *holder == richest)?;
    gives(richest, me, holders).then_some(*last.0)
}

/// Whether one that holds shards gives one of them to another.
fn gives(one: &str, other: &str, holders: &Holders) -> bool {
    held(one, holders) >= held(other, holders) + DIFFERENCE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holders(of: &[usize]) -> Holders {
        (0..).zip(of.iter().map(ToString::to_string)).collect()
    }

    #[test]
    fn who_has_nothing_asks_and_who_has_as_much_does_not() {
        assert_eq!(wanted("1", &holders(&[0, 0, 0, 0])), Some(3));
        assert_eq!(wanted("1", &holders(&[0, 0, 0, 1])), Some(2));
        assert_eq!(wanted("1", &holders(&[0, 0, 1, 1])), None);
        assert_eq!(wanted("1", &holders(&[0, 0, 1])), None);
        assert_eq!(wanted("1", &holders(&[0])), None, "one shard is nobody's to share");
        assert_eq!(wanted("1", &Holders::new()), None, "what is nobody's is taken");
        assert!(gives("0", "1", &holders(&[0, 0, 0, 1])) && !gives("0", "1", &holders(&[0, 0, 1])));
    }

    #[test]
    fn what_is_noted_again_wakes_nobody() {
        let share = Share::new("me");
        let mut changes = share.changes();
        share.note(1, "me");
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        share.note(1, "me");
        share.note(7, "");
        assert!(!changes.has_changed().unwrap());
    }

    proptest! {
        /// From whatever holders, with whatever order of asking, it ends, and fairly.
        #[test]
        fn asking_ends_with_fair_shares(
            of in prop::collection::vec(0_usize..5, 1..20),
            replicas in 1_usize..5,
            order in prop::collection::vec(0_usize..5, 200),
        ) {
            let mut holders = holders(&of.iter().map(|i| i % replicas).collect::<Vec<_>>());
            for asker in order.iter().map(|i| (i % replicas).to_string()).chain(
                // Those whom chance left out.
                (0..100).map(|i| (i % replicas).to_string()),
            ) {
                if let Some(shard) = wanted(&asker, &holders) {
                    prop_assert!(gives(&holders[&shard], &asker, &holders), "who is asked agrees");
                    holders.insert(shard, asker);
                }
            }
            let held: Vec<_> = (0..replicas).map(|i| held(&i.to_string(), &holders)).collect();
            let (most, least) = (held.iter().max().unwrap(), held.iter().min().unwrap());
            prop_assert!(most - least <= 1, "{:?}", held);
        }
    }
}
