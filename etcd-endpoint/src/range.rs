//! Range: what is asked for, and the answer made of what was found.

use std::cmp::Ordering;

use bytes::Bytes;
use revision_store::{Entry, Revision};
use tonic::Status;

use crate::{
    keys,
    proto::etcdserverpb::{
        RangeRequest, RangeResponse,
        range_request::{SortOrder, SortTarget},
    },
    read::{Found, Reading},
    span::Span,
    status,
};

/// A Range that can be served.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RangeQuery {
    pub(crate) span: Span,
    pub(crate) reading: Reading,
    /// As many entries at most; 0: all.
    limit: usize,
    keys_only: bool,
    count_only: bool,
    sort: Option<(SortTarget, SortOrder)>,
    modified: Bounds,
    created: Bounds,
}

/// Revisions that are wanted: both bounds belong to it, 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    min: i64,
    max: i64,
}

impl Bounds {
    fn are_set(self) -> bool {
        self.min != 0 || self.max != 0
    }

    fn contain(self, revision: Revision) -> bool {
        let revision = keys::revision(revision);
        (self.min == 0 || revision >= self.min) && (self.max == 0 || revision <= self.max)
    }
}

impl RangeQuery {
    pub(crate) fn read(request: &RangeRequest) -> Result<Self, Status> {
        let span = Span::read(&request.key, &request.range_end)?;
        let invalid = |_| status::invalid_sort();
        let order = SortOrder::try_from(request.sort_order).map_err(invalid)?;
        let target = SortTarget::try_from(request.sort_target).map_err(invalid)?;
        let sort = match (target, order) {
            // As they are read.
            (SortTarget::Key, SortOrder::None | SortOrder::Ascend) => None,
            (target, SortOrder::None) => Some((target, SortOrder::Ascend)),
            other => Some(other),
        };
        let limit = usize::try_from(request.limit).unwrap_or_default();
        let modified = Bounds { min: request.min_mod_revision, max: request.max_mod_revision };
        let created = Bounds { min: request.min_create_revision, max: request.max_create_revision };
        let reading = Reading {
            at: Revision::try_from(request.revision).ok().filter(|at| *at != 0),
            limit: if request.count_only {
                1
            } else if sort.is_some() || modified.are_set() || created.are_set() {
                // The limit is of what is left when it is sorted.
                0
            } else {
                limit
            },
            keys_only: request.count_only
                || request.keys_only && sort.is_none_or(|(target, _)| target != SortTarget::Value),
        };
        let (keys_only, count_only) = (request.keys_only, request.count_only);
        Ok(Self { span, reading, limit, keys_only, count_only, sort, modified, created })
    }

    /// The answer, without a header. `lease` tells which lease an entry is attached to.
    pub(crate) fn answer(&self, found: Found, lease: impl Fn(&Entry) -> i64) -> RangeResponse {
        let Found { mut entries, count, .. } = found;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        if self.count_only {
            return RangeResponse { count, ..RangeResponse::default() };
        }
        entries.retain(|entry| {
            self.modified.contain(entry.mod_revision) && self.created.contain(entry.create_revision)
        });
        if let Some((target, order)) = self.sort {
            entries.sort_by(|left, right| {
                let ordering = compare(target, left, right);
                if order == SortOrder::Descend { ordering.reverse() } else { ordering }
            });
        }
        let more = match self.reading.limit {
            0 => self.limit > 0 && entries.len() > self.limit,
            _ => count > i64::try_from(self.limit).unwrap_or(i64::MAX),
        };
        if self.limit > 0 {
            entries.truncate(self.limit);
        }
        let kvs = entries.iter().map(|entry| {
            let shown = keys::key_value(entry, lease(entry));
            if self.keys_only {
                crate::proto::mvccpb::KeyValue { value: Bytes::new(), ..shown }
            } else {
                shown
            }
        });
        RangeResponse { header: None, kvs: kvs.collect(), more, count }
    }
}

fn compare(target: SortTarget, left: &Entry, right: &Entry) -> Ordering {
    match target {
        SortTarget::Key => keys::shown(&left.key).cmp(keys::shown(&right.key)),
        SortTarget::Version => keys::version(left).cmp(&keys::version(right)),
        SortTarget::Create => left.create_revision.cmp(&right.create_revision),
        SortTarget::Mod => left.mod_revision.cmp(&right.mod_revision),
        SortTarget::Value => keys::value(left).cmp(&keys::value(right)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = |key: &str, create_revision, mod_revision, value: &'static str| Entry {
            key: key.to_owned(),
            value: Bytes::from_static(value.as_bytes()),
            create_revision,
            mod_revision,
            lease: 0,
        };
        vec![entry("a", 3, 9, "z"), entry("b", 2, 4, "x"), entry("c", 5, 5, "y")]
    }

    fn answer(request: RangeRequest) -> (String, bool, i64) {
        let request =
            RangeRequest { key: Bytes::from_static(b"a"), range_end: Bytes::from_static(b"\0"), ..request };
        let query = RangeQuery::read(&request).unwrap();
        let mut entries = entries();
        if query.reading.limit > 0 {
            entries.truncate(query.reading.limit);
        }
        let answer = query.answer(Found { entries, count: 3, revision: 9 }, |_| 0);
        let keys: Vec<u8> = answer.kvs.iter().flat_map(|kv| kv.key.to_vec()).collect();
        (String::from_utf8(keys).unwrap(), answer.more, answer.count)
    }

    #[test]
    fn limits_are_of_what_is_left() {
        let with = |request: RangeRequest| answer(request);
        let none = RangeRequest::default();
        assert_eq!(with(RangeRequest { limit: 2, ..none.clone() }), ("ab".into(), true, 3));
        assert_eq!(with(RangeRequest { limit: 3, ..none.clone() }), ("abc".into(), false, 3));
        assert_eq!(with(RangeRequest { count_only: true, ..none.clone() }), (String::new(), false, 3));
        let newest = RangeRequest {
            sort_target: SortTarget::Mod as i32,
            sort_order: SortOrder::Descend as i32,
            limit: 1,
            ..none.clone()
        };
        assert_eq!(with(newest), ("a".into(), true, 3));
        assert_eq!(
            with(RangeRequest { min_mod_revision: 5, limit: 2, ..none.clone() }),
            ("ac".into(), false, 3)
        );
        assert_eq!(with(RangeRequest { max_create_revision: 3, ..none.clone() }), ("ab".into(), false, 3));
        let by_value = RangeRequest { sort_target: SortTarget::Value as i32, keys_only: true, ..none };
        assert_eq!(with(by_value), ("bca".into(), false, 3));
    }
}
