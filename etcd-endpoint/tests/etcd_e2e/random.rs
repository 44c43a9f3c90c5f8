//! Requests in a random order, to keys that meet.

use bytes::Bytes;
use etcd_endpoint::proto::etcdserverpb::{
    DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest, WatchCreateRequest,
    compare::{CompareResult, CompareTarget, TargetUnion},
    range_request::{SortOrder, SortTarget},
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{
    both::{Both, bytes},
    keys::{compare, delete, get, put},
    watches::Pair,
};

const REQUESTS: usize = 1500;

#[derive(Debug, Clone)]
enum Act {
    Put {
        key: &'static str,
        previous: bool,
    },
    Delete {
        key: &'static str,
        previous: bool,
    },
    Range {
        key: &'static str,
        end: &'static [u8],
        limit: i64,
        back: Option<i64>,
        sort: (i32, i32),
        keys_only: bool,
    },
    Txn {
        key: &'static str,
        result: i32,
        target: i32,
        back: i64,
        success: u8,
        failure: u8,
    },
    Compact {
        back: i64,
    },
}

fn keys() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["/a", "/a/", "/a/1", "/a/2", "/a0", "/b", "é", "compact_rev_key"])
}

fn ends() -> impl Strategy<Value = &'static [u8]> {
    prop::sample::select(vec![&b""[..], b"\0", b"/a0", b"/b", b"/a/2", b"\xff", b"\xc3\xa9\0", b"0"])
}

fn act() -> impl Strategy<Value = Act> {
    // Without an order, etcd sorts only what the limit left.
    let sort = (
        1..3,
        prop::sample::select(vec![SortTarget::Key, SortTarget::Create, SortTarget::Mod, SortTarget::Value]),
    );
    let sort = sort.prop_map(|(order, target)| (order, target as i32));
    let range = (keys(), ends(), 0..4_i64, prop::option::of(0..12_i64), sort, any::<bool>());
    prop_oneof![
        4 => (keys(), any::<bool>()).prop_map(|(key, previous)| Act::Put { key, previous }),
        2 => (keys(), any::<bool>()).prop_map(|(key, previous)| Act::Delete { key, previous }),
        6 => range.prop_map(|(key, end, limit, back, sort, keys_only)| Act::Range { key, end, limit, back, sort, keys_only }),
        6 => (keys(), 0..4, 1..4, 0..10_i64, 0..8_u8, 0..8_u8).prop_map(|(key, result, target, back, success, failure)| Act::Txn { key, result, target, back, success, failure }),
        1 => (0..15_i64).prop_map(|back| Act::Compact { back }),
    ]
}

/// Up to three operations on a key, one of them a write.
fn operations(key: &str, value: &str, which: u8) -> Vec<etcd_endpoint::proto::etcdserverpb::RequestOp> {
    let mut operations = Vec::new();
    if which & 1 != 0 {
        operations.push(get(key));
    }
    if which & 2 != 0 {
        operations.push(if which & 4 != 0 { put(key, value) } else { delete(key) });
        operations.push(get(key));
    }
    operations
}

#[tokio::test(flavor = "multi_thread")]
async fn random_requests_are_answered_as_by_etcd() {
    let both = Both::start().await;
    let mut random = TestRunner::deterministic();
    let mut watch = Pair::open(&both);
    let everything = WatchCreateRequest {
        key: bytes("\0"),
        range_end: bytes("\0"),
        prev_kv: true,
        ..WatchCreateRequest::default()
    };
    watch.create(everything).await;
    for number in 0..REQUESTS {
        let now = both.ours.revision().await.unwrap();
        // No two values are the same, so that an order by value is one.
        let value = format!("{:04}", number * 7919 % 10_000);
        match act().new_tree(&mut random).unwrap().current() {
            Act::Put { key, previous } => {
                let (key, value) = (bytes(key), bytes(&value));
                both.put_with(PutRequest { key, value, prev_kv: previous, ..PutRequest::default() }).await;
            }
            Act::Delete { key, previous } => {
                let key = bytes(key);
                both.delete(DeleteRangeRequest { key, prev_kv: previous, ..DeleteRangeRequest::default() })
                    .await;
            }
            Act::Range { key, end, limit, back, sort: (sort_order, sort_target), keys_only } => {
                let revision = back.map_or(0, |back| now + 1 - back);
                let (key, range_end) = (bytes(key), Bytes::from_static(end));
                let request = RangeRequest {
                    key,
                    range_end,
                    limit,
                    revision,
                    sort_order,
                    sort_target,
                    keys_only,
                    ..RangeRequest::default()
                };
                both.range(RangeRequest {
                    count_only: limit == 3 && sort_order == SortOrder::Descend as i32,
                    ..request
                })
                .await;
            }
            Act::Txn { key, result, target, back, success, failure } => {
                let (result, target) =
                    (CompareResult::try_from(result).unwrap(), CompareTarget::try_from(target).unwrap());
                let with = match target {
                    CompareTarget::Create => TargetUnion::CreateRevision(now - back),
                    CompareTarget::Value => TargetUnion::Value(bytes(&value)),
                    _ => TargetUnion::ModRevision(if back == 9 { 0 } else { now - back }),
                };
                let request = TxnRequest {
                    compare: vec![compare(key, result, target, with)],
                    success: operations(key, &value, success),
                    failure: operations(key, &value, failure),
                };
                both.txn(request).await;
            }
            Act::Compact { back } => both.compact(now + 1 - back).await,
        }
    }
    let written = both.ours.revision().await.unwrap() - 1;
    let events = watch.same_events(usize::try_from(written).unwrap()).await;
    println!("{REQUESTS} requests, {} of them written", events.len());
}
