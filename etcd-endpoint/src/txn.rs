//! Txn: what is asked for, as far as it is about one key, and what it does to that key.
//!
//! The store writes one key at a time. So a transaction can be served whose compares and operations are all about the
//! same key: what the compares saw is what the write expects. These are all that a kube-apiserver sends (etcd's
//! `client/v3/kubernetes`; k8s.io/apiserver, `storage/etcd3`). Put and DeleteRange of a key are transactions without
//! compares.

mod answer;
mod compare;
mod operation;

use bytes::Bytes;
use revision_store::{Entry, Revision, Write};
use tonic::Status;

use self::compare::Comparison;
use self::operation::Operation;
use crate::{
    keys,
    proto::etcdserverpb::{
        DeleteRangeRequest, PutRequest, ResponseOp, TxnRequest, request_op::Request as RequestUnion,
    },
    status,
};

/// etcd's default for `--max-txn-ops`.
const OPERATIONS: usize = 128;

/// A transaction about one key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Transaction {
    /// The key, by its name in the store.
    pub(crate) key: String,
    compares: Vec<Comparison>,
    success: Vec<Operation>,
    failure: Vec<Operation>,
}

/// What a transaction comes to when it meets its key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision<'a> {
    /// Whether the compares held.
    pub(crate) succeeded: bool,
    /// What is written, if anything; it expects the key as it was met.
    pub(crate) write: Option<Write>,
    /// The lease that the write attaches the key to; 0: none.
    pub(crate) lease: i64,
    operations: &'a [Operation],
}

/// A decision that was carried out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    /// The key before it, and its lease.
    pub(crate) before: Option<(Entry, i64)>,
    /// The key after it, and its lease.
    pub(crate) after: Option<(Entry, i64)>,
    /// Whether there was a key before it.
    pub(crate) existed: bool,
    /// The revision of the write, or at which was read.
    pub(crate) revision: Revision,
}

impl Outcome {
    /// That of a write over a revision, where nobody asked what was there.
    pub(crate) fn of_write(revision: Revision) -> Self {
        Self { before: None, after: None, existed: true, revision }
    }
}

/// The leases, as far as transactions need them.
pub(crate) trait LeaseTimes {
    /// Seconds that a key lives that is attached now; `None`: there is no such lease.
    fn seconds(&self, lease: i64) -> Option<u32>;
    /// The lease of an entry; 0: none.
    fn of(&self, entry: &Entry) -> i64;
}

impl LeaseTimes for crate::leases::Leases {
    fn seconds(&self, lease: i64) -> Option<u32> {
        self.seconds(lease)
    }

    fn of(&self, entry: &Entry) -> i64 {
        self.of(entry)
    }
}

impl Transaction {
    /// Reads a Txn. `None` of one that has neither compares nor operations.
    pub(crate) fn read(request: &TxnRequest) -> Result<Option<Self>, Status> {
        let TxnRequest { compare, success, failure } = request;
        if compare.len().max(success.len()).max(failure.len()) > OPERATIONS {
            return Err(status::too_many_operations());
        }
        let mut key = TheKey(None);
        let mut compares = Vec::with_capacity(compare.len());
        for one in compare {
            if !one.range_end.is_empty() {
                return Err(status::unsupported("a txn compares one key, not a range: leave range_end out"));
            }
            key.is(&one.key)?;
            compares.push(Comparison::read(one)?);
        }
        let mut operations = |branch: &[crate::proto::etcdserverpb::RequestOp]| {
            let read = branch.iter().map(|operation| {
                let operation = Operation::read(operation)?;
                key.is(operation.key())?;
                Ok(operation)
            });
            let read = read.collect::<Result<Vec<_>, Status>>()?;
            let writes = |operation: &&Operation| operation.is_write();
            if read.iter().filter(writes).count() > 1 {
                return Err(status::duplicate_key());
            }
            Ok(read)
        };
        let (success, failure) = (operations(success)?, operations(failure)?);
        let Some(key) = key.0 else { return Ok(None) };
        Ok(Some(Self { key: keys::stored(&key)?, compares, success, failure }))
    }

    /// Reads a Put.
    pub(crate) fn put(request: PutRequest) -> Result<Self, Status> {
        Self::always(Operation::of(RequestUnion::RequestPut(request))?)
    }

    /// Reads a DeleteRange of one key.
    pub(crate) fn delete(request: DeleteRangeRequest) -> Result<Self, Status> {
        Self::always(Operation::of(RequestUnion::RequestDeleteRange(request))?)
    }

    fn always(operation: Operation) -> Result<Self, Status> {
        let key = keys::stored(operation.key())?;
        Ok(Self { key, compares: Vec::new(), success: vec![operation], failure: Vec::new() })
    }

    /// What it does to its key as it is now.
    pub(crate) fn decide(
        &self,
        current: Option<&Entry>,
        leases: &impl LeaseTimes,
    ) -> Result<Decision<'_>, Status> {
        let succeeded = self.compares.iter().all(|compare| compare.holds(current, leases));
        let operations = if succeeded { &self.success } else { &self.failure };
        let mut decision = Decision { succeeded, write: None, lease: 0, operations };
        for operation in operations {
            match operation {
                Operation::Get { .. } => {}
                Operation::Put(put) => {
                    let (write, lease) = put.write(&self.key, current, leases)?;
                    (decision.write, decision.lease) = (Some(write), lease);
                }
                Operation::Delete { .. } => {
                    decision.write = current
                        .map(|entry| Write::Delete { key: self.key.clone(), expected: entry.mod_revision });
                }
            }
        }
        Ok(decision)
    }

    /// The decision of one whose compares held, and whose write was done.
    pub(crate) fn succeeded(&self) -> Decision<'_> {
        Decision { succeeded: true, write: None, lease: 0, operations: &self.success }
    }

    /// The write that it comes to if its one compare holds, where that can be told without reading the key, and the
    /// lease: a kube-apiserver knows the revision that it writes over.
    pub(crate) fn if_as_expected(&self, leases: &impl LeaseTimes) -> Result<Option<(Write, i64)>, Status> {
        let ([compare], [operation]) = (self.compares.as_slice(), self.success.as_slice()) else {
            return Ok(None);
        };
        let Some(expected) = compare.expected_revision() else { return Ok(None) };
        let key = self.key.clone();
        Ok(match operation {
            Operation::Put(put) if put.needs_no_read() && keys::keeps_no_version(&key) => {
                let lease = leases.seconds(put.lease).ok_or_else(status::lease_not_found)?;
                let value = put.value.clone();
                let write = match expected {
                    0 => Write::Create { key, value, lease },
                    expected => Write::Update { key, value, expected, lease },
                };
                Some((write, put.lease))
            }
            Operation::Delete { previous: false, .. } if expected > 0 => {
                Some((Write::Delete { key, expected }, 0))
            }
            _ => None,
        })
    }
}

impl Decision<'_> {
    /// The answers of its operations.
    pub(crate) fn answers(&self, outcome: &Outcome) -> Vec<ResponseOp> {
        answer::answers(self.operations, outcome)
    }
}

/// The key that all parts of a transaction are about.
struct TheKey(Option<Bytes>);

impl TheKey {
    fn is(&mut self, key: &Bytes) -> Result<(), Status> {
        match &self.0 {
            Some(known) if known != key => Err(status::unsupported(
                "a txn is about one key: send one for each key, or watch and compare revisions",
            )),
            _ => {
                self.0 = Some(key.clone());
                Ok(())
            }
        }
    }
}
