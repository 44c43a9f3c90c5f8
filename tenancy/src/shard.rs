//! Which of several controllers acts for a scope: a number of shards, and one of them for each scope.

use std::fmt;
use std::num::NonZero;

use crate::Scope;

/// One of the shards into which all scopes are divided.
///
/// Every scope has exactly one shard of a given number of them, the same on every machine and in every version. Shard 0
/// has what is no tenant's: [`Scope::Shared`], and what reaches nothing. Tenants' scopes are spread evenly, by rendezvous
/// hashing: of `n` shards that become `n + 1`, about one scope in `n + 1` moves, and only to the new shard.
///
/// See docs/adr/0012.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    index: u32,
    count: NonZero<u32>,
}

impl Shard {
    /// The only shard of one: it has every scope.
    pub const WHOLE: Self = Self { index: 0, count: NonZero::<u32>::MIN };

    /// All shards of so many.
    pub fn all(count: NonZero<u32>) -> impl Iterator<Item = Self> {
        (0..count.get()).map(move |index| Self { index, count })
    }

    /// The shard that has a scope, of so many.
    pub fn of(scope: &Scope, count: NonZero<u32>) -> Self {
        let index = match scope {
            Scope::Tenant { tenant, workspace_group } if !scope.reaches_nothing() => {
                let scope = hash(tenant, workspace_group);
                (0..count.get()).max_by_key(|index| weight(scope, *index)).unwrap_or(0)
            }
            _ => 0,
        };
        Self { index, count }
    }

    /// Whether it has a scope.
    pub fn has(self, scope: &Scope) -> bool {
        self.is_whole() || Self::of(scope, self.count) == self
    }

    /// Its number, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Of how many it is one.
    pub fn count(self) -> NonZero<u32> {
        self.count
    }

    /// Whether it is shard 0, which also has what belongs to no scope.
    pub fn is_first(self) -> bool {
        self.index == 0
    }

    /// Whether it is the only one.
    pub fn is_whole(self) -> bool {
        self.count == NonZero::<u32>::MIN
    }
}

impl fmt::Display for Shard {
    /// `2 of 4`, counted from 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.index, self.count)
    }
}

/// FNV-1a over `tenant/group`; no label's value holds a `/`, so different scopes are different texts.
fn hash(tenant: &str, workspace_group: &str) -> u64 {
    let text = tenant.bytes().chain(*b"/").chain(workspace_group.bytes());
    text.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// How much a scope draws a shard: the one with the most has it. SplitMix64's finaliser, whose bits all depend on all.
fn weight(scope: u64, index: u32) -> u64 {
    let mut z = scope.wrapping_add(u64::from(index).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
