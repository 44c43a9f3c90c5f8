//! Leases: etcd attaches keys to a lease, the store gives each key seconds of its own.
//!
//! A key that is written with a lease gets the seconds that the lease has left, so all its keys end when it ends,
//! whether this process is there or not. What only this process knows, and forgets when it ends, is which keys a lease
//! has: it is needed to revoke a lease and to renew it. The number of a lease holds when it ends ([`number`]), so keys
//! can be attached to it after a restart, and by other endpoints on the same data.

mod number;
mod table;

use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use revision_store::{Entry, Revision};
use tokio::time::Instant;

pub(crate) use self::table::Left;
use self::table::Table;

/// The shortest lease in seconds: with etcd's default election time-out it is the same.
const SHORTEST: i64 = 2;

/// Why a lease was not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotGranted {
    /// The number is taken.
    Exists,
    /// It would be longer than a number can hold.
    TooLong,
}

/// A moment, by the clock that only goes forward and by the calendar.
#[derive(Debug, Clone, Copy)]
struct Now {
    instant: Instant,
    /// Seconds since 1970.
    unix: u64,
}

impl Now {
    fn get() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { instant: Instant::now(), unix }
    }
}

/// All leases that this endpoint knows.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    table: Mutex<Table>,
}

impl Leases {
    /// Grants a lease of so many seconds, with the number that the client wants (0: any). The number and the seconds.
    pub(crate) fn grant(&self, wanted: i64, seconds: i64) -> Result<(i64, i64), NotGranted> {
        let seconds = u32::try_from(seconds.max(SHORTEST)).ok().filter(|seconds| *seconds <= number::LONGEST);
        let seconds = seconds.ok_or(NotGranted::TooLong)?;
        let number = self.table.lock().grant(wanted, seconds, Now::get())?;
        Ok((number, seconds.into()))
    }

    /// How long a key lives that is attached now, in seconds for the store; `None`: there is no such lease. 0 is no
    /// lease, and for ever.
    pub(crate) fn seconds(&self, lease: i64) -> Option<u32> {
        if lease == 0 { Some(0) } else { self.table.lock().seconds(lease, Now::get()) }
    }

    /// Notes that a key was written with a lease, or with none (0), or deleted (0).
    pub(crate) fn written(&self, key: &str, revision: Revision, lease: i64) {
        self.table.lock().written(key, revision, lease);
    }

    /// The lease that an entry is attached to; 0: none. Of one that this endpoint does not know, the seconds that the
    /// store gives the key: it is no lease's number, and says that the key ends by itself.
    pub(crate) fn of(&self, entry: &Entry) -> i64 {
        if entry.lease == 0 {
            return 0;
        }
        let known = self.table.lock().of(&entry.key, entry.mod_revision);
        known.unwrap_or_else(|| entry.lease.into())
    }

    /// Lets a lease begin again. Its seconds, and its keys, which have to be written again; `None`: it is not known here.
    pub(crate) fn renew(&self, lease: i64) -> Option<(u32, Vec<(String, Revision)>)> {
        self.table.lock().renew(lease, Now::get())
    }

    /// Ends a lease. Its keys, which have to be deleted; `None`: there is no such lease.
    pub(crate) fn revoke(&self, lease: i64) -> Option<Vec<(String, Revision)>> {
        self.table.lock().revoke(lease, Now::get())
    }

    /// What there is of a lease.
    pub(crate) fn left(&self, lease: i64) -> Option<Left> {
        self.table.lock().left(lease, Now::get())
    }

    /// The leases that this endpoint knows.
    pub(crate) fn all(&self) -> Vec<i64> {
        self.table.lock().all(Now::get())
    }
}
