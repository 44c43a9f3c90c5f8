//! What a transaction does.

use bytes::Bytes;
use revision_store::{Entry, Write};
use tonic::Status;

use super::LeaseTimes;
use crate::{
    keys,
    proto::etcdserverpb::{PutRequest, RequestOp, request_op::Request as RequestUnion},
    range::RangeQuery,
    status,
};

/// One operation on the key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operation {
    /// Reads it.
    Get {
        /// The key as the client wrote it.
        key: Bytes,
        /// What of it.
        query: Box<RangeQuery>,
    },
    /// Writes it.
    Put(Put),
    /// Deletes it.
    Delete {
        /// The key as the client wrote it.
        key: Bytes,
        /// Whether the answer has what it was.
        previous: bool,
    },
}

/// A write of the key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Put {
    key: Bytes,
    pub(super) value: Bytes,
    pub(super) lease: i64,
    /// Whether the answer has what it was.
    pub(super) previous: bool,
    ignore_value: bool,
    ignore_lease: bool,
}

impl Operation {
    pub(super) fn read(operation: &RequestOp) -> Result<Self, Status> {
        Self::of(operation.request.clone().ok_or_else(status::key_not_found)?)
    }

    pub(super) fn of(request: RequestUnion) -> Result<Self, Status> {
        Ok(match request {
            RequestUnion::RequestRange(range) => {
                if !range.range_end.is_empty() {
                    return Err(status::unsupported(
                        "a txn reads one key, not a range: read the range outside of it",
                    ));
                }
                if range.revision > 0 {
                    return Err(status::unsupported(
                        "a txn reads the newest revision: read others outside of it",
                    ));
                }
                Self::Get { query: Box::new(RangeQuery::read(&range)?), key: range.key }
            }
            RequestUnion::RequestPut(put) => Self::Put(Put::read(put)?),
            RequestUnion::RequestDeleteRange(delete) => {
                if !delete.range_end.is_empty() {
                    return Err(status::unsupported(
                        "a txn deletes one key, not a range: delete the range outside of it",
                    ));
                }
                Self::Delete { key: delete.key, previous: delete.prev_kv }
            }
            RequestUnion::RequestTxn(_) => {
                return Err(status::unsupported("a txn holds no other txn: send them one after the other"));
            }
        })
    }

    /// The key as the client wrote it.
    pub(super) fn key(&self) -> &Bytes {
        match self {
            Self::Put(put) => &put.key,
            Self::Get { key, .. } | Self::Delete { key, .. } => key,
        }
    }

    pub(super) fn is_write(&self) -> bool {
        !matches!(self, Self::Get { .. })
    }
}

impl Put {
    fn read(request: PutRequest) -> Result<Self, Status> {
        let PutRequest { key, value, lease, prev_kv, ignore_value, ignore_lease } = request;
        if key.is_empty() {
            return Err(status::empty_key());
        }
        if ignore_value && !value.is_empty() {
            return Err(status::value_provided());
        }
        if ignore_lease && lease != 0 {
            return Err(status::lease_provided());
        }
        Ok(Self { key, value, lease, previous: prev_kv, ignore_value, ignore_lease })
    }

    /// Whether what it writes and answers does not depend on what the key was.
    pub(super) fn needs_no_read(&self) -> bool {
        !self.previous && !self.ignore_value && !self.ignore_lease
    }

    /// The write, and the lease that it attaches the key to.
    pub(super) fn write(
        &self,
        key: &str,
        current: Option<&Entry>,
        leases: &impl LeaseTimes,
    ) -> Result<(Write, i64), Status> {
        let known = || current.ok_or_else(status::key_not_found);
        let value = if self.ignore_value { keys::value(known()?) } else { self.value.clone() };
        let value = keys::stored_value(key, &value, current).into_owned();
        let (lease, seconds) = if self.ignore_lease {
            let entry = known()?;
            let lease = leases.of(entry);
            // Of a lease that is not known here, it begins again.
            (lease, leases.seconds(lease).unwrap_or(entry.lease))
        } else {
            (self.lease, leases.seconds(self.lease).ok_or_else(status::lease_not_found)?)
        };
        let key = key.to_owned();
        let write = match current {
            None => Write::Create { key, value, lease: seconds },
            Some(entry) => Write::Update { key, value, expected: entry.mod_revision, lease: seconds },
        };
        Ok((write, lease))
    }
}
