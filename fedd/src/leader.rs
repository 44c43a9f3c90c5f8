//! Leader election by Lease: of all replicas, one writes for each shard of the federated objects.
//!
//! Clocks of different machines are never compared. A candidate waits until it has seen the Lease unchanged for as long
//! as the Lease says it lasts; the leader counts from the moment at which it *sent* its last successful renewal, and gives
//! up when `renew_deadline` has passed. Since that is shorter than `lease_duration`, the old leader has stopped before a
//! new one starts, whatever is late. (client-go's elector reasons alike.)
//!
//! | module | |
//! | --- | --- |
//! | [`decide`] | what is due for one Lease: pure |
//! | [`number`] | the number of shards, of which only one is in force at a time: pure |
//! | [`share`] | who asks whom for a shard, so that all have their share: pure |
//! | [`election`] | carries it out for one shard |
//! | [`claim`] | what effects are gated by |
//!
//! See docs/adr/0012.

pub mod claim;
pub mod decide;
pub mod election;
pub mod number;
pub mod share;

use std::borrow::Cow;

pub use self::claim::Claim;
pub use self::decide::Timing;
pub use self::election::{Election, End, LostLease};
pub use self::share::Share;

/// Name of the Lease of shard 0, in the federation's namespace. That of shard 2 is `fedd-controller-2`.
pub const LEASE_NAME: &str = "fedd-controller";

/// Name of the Lease of a shard.
pub fn lease_name(shard: u32) -> Cow<'static, str> {
    match shard {
        0 => Cow::Borrowed(LEASE_NAME),
        shard => Cow::Owned(format!("{LEASE_NAME}-{shard}")),
    }
}

/// An identity that no other replica has: `<host name>_<uuid>` (KubeFed's form).
pub fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "fedd" } else { host.trim() };
    format!("{host}_{}", uuid::Uuid::new_v4())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_differ() {
        assert_ne!(identity(), identity());
    }
}
