//! What the operations of a transaction answer.

use super::{Operation, Outcome};
use crate::{
    keys,
    proto::etcdserverpb::{
        DeleteRangeResponse, PutResponse, ResponseHeader, ResponseOp, response_op::Response as ResponseUnion,
    },
    read::Found,
};

/// The answers, in the order of the operations: a read behind the write sees it.
pub(super) fn answers(operations: &[Operation], outcome: &Outcome) -> Vec<ResponseOp> {
    let header =
        || Some(ResponseHeader { revision: keys::revision(outcome.revision), ..ResponseHeader::default() });
    let before = || outcome.before.as_ref().map(|(entry, lease)| keys::key_value(entry, *lease));
    let mut is_written = false;
    let answers = operations.iter().map(|operation| {
        is_written |= operation.is_write();
        let response = match operation {
            Operation::Get { query, .. } => {
                let seen = if is_written { &outcome.after } else { &outcome.before };
                let lease = seen.as_ref().map_or(0, |(_, lease)| *lease);
                let entries = Vec::from_iter(seen.as_ref().map(|(entry, _)| entry.clone()));
                let found = Found { count: entries.len() as u64, entries, revision: outcome.revision };
                let mut answer = query.answer(found, |_| lease);
                answer.header = header();
                ResponseUnion::ResponseRange(answer)
            }
            Operation::Put(put) => ResponseUnion::ResponsePut(PutResponse {
                header: header(),
                prev_kv: if put.previous { before() } else { None },
            }),
            Operation::Delete { previous, .. } => ResponseUnion::ResponseDeleteRange(DeleteRangeResponse {
                header: header(),
                deleted: i64::from(outcome.existed),
                prev_kvs: if *previous { before().into_iter().collect() } else { Vec::new() },
            }),
        };
        ResponseOp { response: Some(response) }
    });
    answers.collect()
}
