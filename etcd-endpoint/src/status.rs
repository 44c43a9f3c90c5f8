//! Refusals in etcd's words: its clients know an error by its text (etcd's `api/v3rpc/rpctypes`).

use revision_store::{StoreError, WriteError};
use tonic::{Code, Status};

pub(crate) fn empty_key() -> Status {
    Status::invalid_argument("etcdserver: key is not provided")
}

pub(crate) fn key_not_found() -> Status {
    Status::invalid_argument("etcdserver: key not found")
}

pub(crate) fn value_provided() -> Status {
    Status::invalid_argument("etcdserver: value is provided")
}

pub(crate) fn lease_provided() -> Status {
    Status::invalid_argument("etcdserver: lease is provided")
}

pub(crate) fn too_many_operations() -> Status {
    Status::invalid_argument("etcdserver: too many operations in txn request")
}

pub(crate) fn duplicate_key() -> Status {
    Status::invalid_argument("etcdserver: duplicate key given in txn request")
}

pub(crate) fn invalid_sort() -> Status {
    Status::invalid_argument("etcdserver: invalid sort option")
}

pub(crate) fn request_too_large() -> Status {
    Status::invalid_argument("etcdserver: request is too large")
}

pub(crate) fn compacted() -> Status {
    Status::out_of_range(COMPACTED)
}

/// What a watch that begins too early is cancelled with.
pub(crate) const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";

pub(crate) fn future_revision() -> Status {
    Status::out_of_range("etcdserver: mvcc: required revision is a future revision")
}

pub(crate) fn lease_not_found() -> Status {
    Status::not_found("etcdserver: requested lease not found")
}

pub(crate) fn lease_exists() -> Status {
    Status::failed_precondition("etcdserver: lease already exists")
}

pub(crate) fn lease_too_long() -> Status {
    Status::out_of_range("etcdserver: too large lease TTL")
}

pub(crate) fn stopped() -> Status {
    Status::unavailable("etcdserver: server stopped")
}

/// Whether it was done is not known. etcd's clients do not repeat a write after it, and take it neither for done nor
/// for refused.
pub(crate) fn outcome_unknown() -> Status {
    Status::unavailable("etcdserver: request timed out")
}

/// What etcd would do and this endpoint does not.
pub(crate) fn unsupported(what: &str) -> Status {
    Status::invalid_argument(format!("fedd etcd-endpoint: {what}"))
}

/// Why a read, a watch or a compaction was not done.
pub(crate) fn of_store(error: &StoreError) -> Status {
    match error {
        StoreError::Compacted { .. } => compacted(),
        StoreError::Future { .. } => future_revision(),
        StoreError::Full { .. } => no_space(),
        StoreError::Corrupt { .. } => Status::new(Code::DataLoss, "etcdserver: corrupt cluster"),
        StoreError::Closed => stopped(),
        // Nothing was done and nothing will be.
        StoreError::Unavailable { .. } => {
            tracing::warn!(error = error as &dyn std::error::Error, "the store cannot be reached");
            Status::unavailable("etcdserver: no leader")
        }
        // A read is repeated by the client, and a write may or may not have been done.
        _ => {
            tracing::warn!(error = error as &dyn std::error::Error, "the store did not answer");
            outcome_unknown()
        }
    }
}

/// Why a write was not done. What the key is meanwhile is the caller's to look at.
pub(crate) fn of_write(error: &WriteError) -> Status {
    match error {
        WriteError::Store(error) => of_store(error),
        WriteError::TooLarge { part: "value", .. } => request_too_large(),
        WriteError::TooLarge { part, bytes, limit } => {
            unsupported(&format!("the {part} has {bytes} bytes and may have {limit}"))
        }
        // Others wrote the same key again and again; nothing was done.
        WriteError::Exists { .. } | WriteError::Conflict { .. } => {
            Status::resource_exhausted("etcdserver: too many requests")
        }
    }
}

fn no_space() -> Status {
    Status::resource_exhausted("etcdserver: mvcc: database space exceeded")
}
