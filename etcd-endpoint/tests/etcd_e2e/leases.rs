//! Leases.

use std::time::Duration;

use etcd_endpoint::proto::etcdserverpb::{
    LeaseGrantRequest, LeaseKeepAliveRequest, LeaseRevokeRequest, LeaseTimeToLiveRequest, PutRequest,
    RangeRequest, WatchCreateRequest, lease_client::LeaseClient,
};
use futures::TryStreamExt;

use crate::{
    both::{Both, bytes, same},
    watches::Pair,
};

/// Writes a key with a lease.
async fn put(both: &Both, key: &str, lease: i64) {
    both.put_with(PutRequest { key: bytes(key), value: bytes("v"), lease, ..PutRequest::default() }).await;
}

#[tokio::test]
async fn keys_end_with_their_lease() {
    let both = Both::start().await;
    // Numbers that the client chooses are the same at both.
    let grant = |id, ttl| LeaseGrantRequest { id, ttl };
    same!(both, LeaseClient, lease_grant, grant(11, 60)).unwrap();
    same!(both, LeaseClient, lease_grant, grant(11, 60)).unwrap_err();
    same!(both, LeaseClient, lease_grant, grant(12, 1)).unwrap();
    same!(both, LeaseClient, lease_grant, grant(0, 3600)).unwrap();
    same!(both, LeaseClient, lease_grant, grant(13, i64::MAX)).unwrap_err();
    for key in ["a", "b", "c"] {
        put(&both, key, 11).await;
    }
    put(&both, "b", 0).await;
    let left = |id| LeaseTimeToLiveRequest { id, keys: true };
    let answer = same!(both, LeaseClient, lease_time_to_live, left(11)).unwrap();
    assert_eq!((answer.granted_ttl, answer.keys), (60, vec![bytes("a"), bytes("c")]));
    same!(both, LeaseClient, lease_time_to_live, left(99)).unwrap();
    same!(both, LeaseClient, lease_revoke, LeaseRevokeRequest { id: 99 }).unwrap_err();

    // The shortest lease is two seconds at both; its end is an event.
    let mut watch = Pair::open(&both);
    watch
        .create(WatchCreateRequest { key: bytes("short"), prev_kv: true, ..WatchCreateRequest::default() })
        .await;
    put(&both, "short", 12).await;
    watch.same_events(2).await;
    same!(both, LeaseClient, lease_time_to_live, left(12)).unwrap();
    put(&both, "late", 12).await;
}

#[tokio::test]
async fn a_revoked_lease_takes_its_keys_and_a_kept_one_holds_them() {
    let both = Both::start().await;
    for [id, ttl] in [[1, 60], [2, 2]] {
        same!(both, LeaseClient, lease_grant, LeaseGrantRequest { id, ttl }).unwrap();
    }
    put(&both, "revoked", 1).await;
    put(&both, "kept", 2).await;
    same!(both, LeaseClient, lease_revoke, LeaseRevokeRequest { id: 1 }).unwrap();
    same!(both, LeaseClient, lease_revoke, LeaseRevokeRequest { id: 1 }).unwrap_err();
    both.range(RangeRequest { key: bytes("revoked"), ..RangeRequest::default() }).await;

    let keep = both.lease_clients().map(async |mut client| {
        let (asked, requests) = tokio::sync::mpsc::channel(1);
        let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
        asked.send(LeaseKeepAliveRequest { id: 1 }).await.unwrap();
        let mut answers = client.lease_keep_alive(requests).await.unwrap().into_inner();
        assert_eq!(answers.message().await.unwrap().unwrap().ttl, 0, "it is no more");
        // Beyond its own length.
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            asked.send(LeaseKeepAliveRequest { id: 2 }).await.unwrap();
            assert_eq!(answers.message().await.unwrap().unwrap().ttl, 2);
        }
    });
    futures::future::join_all(keep).await;
    // Here it has been written again meanwhile, so only that it is there is the same.
    for client in [&both.ours, &both.theirs] {
        let pages: Vec<_> = client.range_pages(b"kept", 0).try_collect().await.unwrap();
        assert_eq!(pages.len(), 1);
    }
}
