//! How many writes share a commit.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many commits a store has made since it was opened, by the number of writes in each.
///
/// A commit costs its database much the same however many writes are in it, so this says how well they are shared:
/// `writes / total` grows with the number of those who write at the same time. Commits that others made on the same
/// database are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Commits {
    /// Commits of at most as many writes as the bound at the same place of [`Commits::BOUNDS`], and more than the bound
    /// before it.
    pub by_writes: [u64; Self::BOUNDS.len()],
    /// The writes in all of them. Writes that were refused are in no commit.
    pub writes: u64,
}

impl Commits {
    /// The most writes of a commit, for each place of [`Commits::by_writes`]. No store commits more than the last together.
    pub const BOUNDS: [u64; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

    /// How many commits there were.
    pub fn total(&self) -> u64 {
        self.by_writes.iter().sum()
    }
}

/// Counts commits, while others read the count.
#[derive(Debug, Default)]
pub(crate) struct CommitCounter {
    by_writes: [AtomicU64; Commits::BOUNDS.len()],
    writes: AtomicU64,
}

impl CommitCounter {
    /// A commit with this many writes was made; with none there was no commit.
    pub(crate) fn made(&self, writes: usize) {
        if writes > 0 {
            let writes = writes as u64;
            let place = Commits::BOUNDS.partition_point(|bound| *bound < writes);
            self.by_writes[place.min(Commits::BOUNDS.len() - 1)].fetch_add(1, Ordering::Relaxed);
            self.writes.fetch_add(writes, Ordering::Relaxed);
        }
    }

    pub(crate) fn count(&self) -> Commits {
        Commits {
            by_writes: self.by_writes.each_ref().map(|commits| commits.load(Ordering::Relaxed)),
            writes: self.writes.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_counts_under_the_first_bound_that_it_does_not_exceed() {
        let counter = CommitCounter::default();
        [0, 1, 2, 3, 4, 5, 512].into_iter().for_each(|writes| counter.made(writes));
        let commits = counter.count();
        assert_eq!(commits.by_writes, [1, 1, 2, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!((commits.total(), commits.writes), (6, 527));
    }
}
