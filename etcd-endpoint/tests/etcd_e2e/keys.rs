//! Reads and writes.

use bytes::Bytes;
use etcd_endpoint::proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
    compare::{CompareResult, CompareTarget, TargetUnion},
    kv_client::KvClient,
    range_request::{SortOrder, SortTarget},
    request_op::Request,
};
use tonic::Code;

use crate::{
    both::{Both, bytes},
    served::Served,
};

pub(crate) fn op(request: Request) -> RequestOp {
    RequestOp { request: Some(request) }
}

pub(crate) fn put(key: &str, value: &str) -> RequestOp {
    op(Request::RequestPut(PutRequest { key: bytes(key), value: bytes(value), ..PutRequest::default() }))
}

pub(crate) fn get(key: &str) -> RequestOp {
    op(Request::RequestRange(RangeRequest { key: bytes(key), ..RangeRequest::default() }))
}

pub(crate) fn delete(key: &str) -> RequestOp {
    op(Request::RequestDeleteRange(DeleteRangeRequest { key: bytes(key), ..DeleteRangeRequest::default() }))
}

pub(crate) fn compare(key: &str, result: CompareResult, target: CompareTarget, with: TargetUnion) -> Compare {
    let (result, target) = (result as i32, target as i32);
    Compare { key: bytes(key), result, target, target_union: Some(with), range_end: Bytes::new() }
}

fn at_revision(key: &str, revision: i64) -> Compare {
    compare(key, CompareResult::Equal, CompareTarget::Mod, TargetUnion::ModRevision(revision))
}

/// What a kube-apiserver sends (etcd's `client/v3/kubernetes`).
#[tokio::test]
async fn creates_updates_and_deletes_of_kubernetes() {
    let both = Both::start().await;
    let key = "/registry/pods/a";
    let write = |expected: i64, write: RequestOp, otherwise: bool| TxnRequest {
        compare: vec![at_revision(key, expected)],
        success: vec![write],
        failure: if otherwise { vec![get(key)] } else { Vec::new() },
    };
    for otherwise in [false, true] {
        both.txn(write(0, put(key, "one"), otherwise)).await; // it is there, the second time
        both.txn(write(7, put(key, "two"), otherwise)).await; // another revision
        both.txn(write(7, delete(key), otherwise)).await;
    }
    both.txn(write(2, put(key, "two"), true)).await;
    both.txn(write(3, delete(key), true)).await;
    both.txn(write(3, delete(key), true)).await; // it is gone
    both.txn(write(3, put(key, "three"), true)).await;
    both.txn(write(0, put(key, "three"), true)).await;
    both.range(RangeRequest { key: bytes(key), ..RangeRequest::default() }).await;
}

/// Who compacts (k8s.io/apiserver, `storage/etcd3/compact.go`): the version grows by 1 with each change.
#[tokio::test]
async fn the_agreement_on_compaction() {
    let both = Both::start().await;
    let key = "compact_rev_key";
    let mut seen = Vec::new();
    for (expected, value) in [(0, "0"), (1, "7"), (1, "8"), (2, "9"), (3, "10")] {
        both.put("/between", value).await;
        let version =
            compare(key, CompareResult::Equal, CompareTarget::Version, TargetUnion::Version(expected));
        let request =
            TxnRequest { compare: vec![version], success: vec![put(key, value)], failure: vec![get(key)] };
        both.txn(request).await;
        let request = RangeRequest { key: bytes(key), ..RangeRequest::default() };
        for client in [&both.ours, &both.theirs] {
            let answer = KvClient::new(client.channel()).range(request.clone()).await.unwrap().into_inner();
            seen.push((answer.kvs[0].version, answer.kvs[0].value.clone()));
        }
    }
    let versions: Vec<i64> = seen.iter().map(|(version, _)| *version).collect();
    assert_eq!(versions, [1, 1, 2, 2, 2, 2, 3, 3, 4, 4]);
    assert!(seen.chunks(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn ranges_of_every_form() {
    let both = Both::start().await;
    for (i, key) in ["/a", "/a/1", "/a/2", "/a/3", "/b", "/é", "z"].iter().enumerate() {
        both.put(key, &format!("{}", 9 - i)).await;
    }
    both.put("/a/2", "again").await;
    both.delete(DeleteRangeRequest { key: bytes("/a/3"), prev_kv: true, ..DeleteRangeRequest::default() })
        .await;
    both.delete(DeleteRangeRequest { key: bytes("/none"), ..DeleteRangeRequest::default() }).await;
    let all = RangeRequest { key: bytes("\0"), range_end: bytes("\0"), ..RangeRequest::default() };
    for (key, end) in [
        ("/a", ""),
        ("/a/", "/a0"),
        ("/a/1\0", "/a0"),
        ("/a/1", "/a0"),
        ("/a", "/b"),
        ("/a", "/b\0"),
        ("\0", "\0"),
        ("/b", "\0"),
        ("b", "a"),
        ("a", "a"),
        ("/a/15", "/a/2"),
        ("/none/", "/none0"),
    ] {
        let range = RangeRequest { key: bytes(key), range_end: bytes(end), ..RangeRequest::default() };
        both.range(range.clone()).await;
        both.range(RangeRequest { limit: 1, ..range.clone() }).await;
        both.range(RangeRequest { limit: 2, keys_only: true, serializable: true, ..range.clone() }).await;
        both.range(RangeRequest { count_only: true, ..range.clone() }).await;
        for revision in [1, 4, 9, 10, -1] {
            both.range(RangeRequest { revision, limit: 2, ..range.clone() }).await;
        }
    }
    for target in [SortTarget::Key, SortTarget::Create, SortTarget::Mod, SortTarget::Value] {
        // Without an order, etcd sorts only what the limit left.
        for order in [SortOrder::Ascend, SortOrder::Descend] {
            let (sort_target, sort_order) = (target as i32, order as i32);
            both.range(RangeRequest { sort_target, sort_order, limit: 3, ..all.clone() }).await;
        }
    }
    both.range(RangeRequest { min_mod_revision: 4, max_mod_revision: 7, limit: 2, ..all.clone() }).await;
    both.range(RangeRequest { min_create_revision: 4, max_create_revision: 6, ..all.clone() }).await;
    // What is refused, in the same words.
    both.range(RangeRequest { revision: 99, ..all.clone() }).await;
    both.range(RangeRequest::default()).await;
    both.range(RangeRequest { sort_order: 7, ..all.clone() }).await;
    both.compact(6).await;
    both.compact(6).await;
    both.compact(5).await;
    both.compact(99).await;
    for revision in [5, 6, 7] {
        both.range(RangeRequest { revision, ..all.clone() }).await;
        both.range(RangeRequest { revision, key: bytes("/a/1"), ..RangeRequest::default() }).await;
    }
}

#[tokio::test]
async fn puts_and_their_refusals() {
    let both = Both::start().await;
    let put =
        |key: &str, value: &str| PutRequest { key: bytes(key), value: bytes(value), ..PutRequest::default() };
    both.put_with(PutRequest { ignore_value: true, ..put("a", "") }).await;
    both.put_with(PutRequest { prev_kv: true, ..put("a", "1") }).await;
    both.put_with(PutRequest { prev_kv: true, ..put("a", "2") }).await;
    both.put_with(PutRequest { prev_kv: true, ignore_value: true, ..put("a", "") }).await;
    both.put_with(PutRequest { ignore_value: true, ..put("a", "x") }).await;
    both.put_with(PutRequest { ignore_lease: true, ..put("a", "3") }).await;
    both.put_with(PutRequest { ignore_lease: true, lease: 7, ..put("a", "4") }).await;
    both.put_with(PutRequest { lease: 7, ..put("a", "4") }).await;
    both.put_with(put("", "x")).await;
    both.put_with(put("large", &"x".repeat(1_600_000))).await;
    both.put_with(put("empty", "")).await;
    both.range(RangeRequest { key: bytes("a"), range_end: bytes("\0"), ..RangeRequest::default() }).await;
}

#[tokio::test]
async fn transactions_about_one_key() {
    let both = Both::start().await;
    let txn = |compare: Vec<Compare>, success: Vec<RequestOp>, failure: Vec<RequestOp>| TxnRequest {
        compare,
        success,
        failure,
    };
    both.txn(txn(Vec::new(), Vec::new(), Vec::new())).await;
    both.txn(txn(Vec::new(), vec![get("k"), put("k", "1"), get("k")], Vec::new())).await;
    both.txn(txn(Vec::new(), vec![get("k"), delete("k"), get("k"), get("k")], Vec::new())).await;
    both.txn(txn(Vec::new(), vec![delete("k")], Vec::new())).await;
    both.put("k", "v").await;
    let revision = both.put("k", "w").await;
    for result in [CompareResult::Equal, CompareResult::NotEqual, CompareResult::Less, CompareResult::Greater]
    {
        for number in [0, 1, revision, revision + 1] {
            for (target, with) in [
                (CompareTarget::Mod, TargetUnion::ModRevision(number)),
                (CompareTarget::Create, TargetUnion::CreateRevision(number)),
                (CompareTarget::Lease, TargetUnion::Lease(number)),
                (CompareTarget::Value, TargetUnion::Value(bytes("w"))),
            ] {
                for key in ["k", "none"] {
                    both.txn(txn(
                        vec![compare(key, result, target, with.clone())],
                        vec![get(key)],
                        Vec::new(),
                    ))
                    .await;
                }
            }
        }
    }
    for wrong in [
        txn(Vec::new(), vec![put("k", "1"), put("k", "2")], Vec::new()),
        txn(Vec::new(), Vec::new(), vec![delete("k"), put("k", "2")]),
        txn(Vec::new(), vec![RequestOp { request: None }], Vec::new()),
        txn(vec![at_revision("", 0)], Vec::new(), Vec::new()),
        txn(Vec::new(), vec![get("k"); 129], Vec::new()),
    ] {
        both.txn(wrong).await;
    }
}

#[tokio::test]
async fn what_the_store_cannot_keep_is_refused_in_words() {
    let served = Served::memory().await;
    let mut kv = KvClient::new(served.client().await.channel());
    let two_keys = TxnRequest { success: vec![put("a", "1"), put("b", "1")], ..TxnRequest::default() };
    let nested = op(Request::RequestTxn(TxnRequest::default()));
    let nested = TxnRequest { success: vec![put("a", "1"), nested], ..TxnRequest::default() };
    let ranged = Request::RequestRange(RangeRequest {
        key: bytes("a"),
        range_end: bytes("b"),
        ..RangeRequest::default()
    });
    let ranged = TxnRequest { success: vec![op(ranged)], ..TxnRequest::default() };
    for (request, word) in [(two_keys, "one key"), (nested, "no other txn"), (ranged, "not a range")] {
        let refused = kv.txn(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(word), "{refused}");
    }
    let no_text = PutRequest { key: Bytes::from_static(b"\xff"), ..PutRequest::default() };
    assert!(kv.put(no_text).await.unwrap_err().message().contains("UTF-8"));
    let long = PutRequest { key: bytes(&"k".repeat(631)), ..PutRequest::default() };
    assert!(kv.put(long).await.unwrap_err().message().contains("630"));
    assert_eq!(served.store.revision().await.unwrap(), 1, "nothing was written");
}
