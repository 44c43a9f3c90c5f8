//! What a transaction compares.

use bytes::Bytes;
use revision_store::{Entry, Revision};
use tonic::Status;

use super::LeaseTimes;
use crate::{
    keys,
    proto::etcdserverpb::{
        Compare,
        compare::{CompareResult, CompareTarget, TargetUnion},
    },
    status,
};

/// One compare.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison {
    wanted: CompareResult,
    with: With,
}

/// What a property of the key is compared with.
#[derive(Debug, Clone, PartialEq)]
enum With {
    Version(i64),
    Created(i64),
    Modified(i64),
    Lease(i64),
    Value(Bytes),
}

impl Comparison {
    pub(super) fn read(compare: &Compare) -> Result<Self, Status> {
        let unknown = |_| status::unsupported("a compare has a result or target that is not known");
        let wanted = CompareResult::try_from(compare.result).map_err(unknown)?;
        let target = CompareTarget::try_from(compare.target).map_err(unknown)?;
        // As in etcd, a number or value that is not there is zero or empty.
        let with = match (target, compare.target_union.clone()) {
            (CompareTarget::Version, Some(TargetUnion::Version(version))) => With::Version(version),
            (CompareTarget::Version, _) => With::Version(0),
            (CompareTarget::Create, Some(TargetUnion::CreateRevision(revision))) => With::Created(revision),
            (CompareTarget::Create, _) => With::Created(0),
            (CompareTarget::Mod, Some(TargetUnion::ModRevision(revision))) => With::Modified(revision),
            (CompareTarget::Mod, _) => With::Modified(0),
            (CompareTarget::Lease, Some(TargetUnion::Lease(lease))) => With::Lease(lease),
            (CompareTarget::Lease, _) => With::Lease(0),
            (CompareTarget::Value, Some(TargetUnion::Value(value))) => With::Value(value),
            (CompareTarget::Value, _) => With::Value(Bytes::new()),
        };
        Ok(Self { wanted, with })
    }

    /// Whether it holds of a key. All numbers of a key that does not exist are 0; its value compares with nothing.
    pub(super) fn holds(&self, current: Option<&Entry>, leases: &impl LeaseTimes) -> bool {
        let number = |of: fn(&Entry) -> i64| current.map_or(0, of);
        let found = match &self.with {
            With::Version(with) => number(keys::version).cmp(with),
            With::Created(with) => number(|entry| keys::revision(entry.create_revision)).cmp(with),
            With::Modified(with) => number(|entry| keys::revision(entry.mod_revision)).cmp(with),
            With::Lease(with) => current.map_or(0, |entry| leases.of(entry)).cmp(with),
            With::Value(with) => match current {
                Some(entry) => keys::value(entry).cmp(with),
                None => return false,
            },
        };
        match self.wanted {
            CompareResult::Equal => found.is_eq(),
            CompareResult::NotEqual => found.is_ne(),
            CompareResult::Greater => found.is_gt(),
            CompareResult::Less => found.is_lt(),
        }
    }

    /// The one `mod_revision` of which it holds; 0: that of a key that does not exist.
    pub(super) fn expected_revision(&self) -> Option<Revision> {
        match (self.wanted, &self.with) {
            (CompareResult::Equal, With::Modified(revision)) => Revision::try_from(*revision).ok(),
            _ => None,
        }
    }
}
