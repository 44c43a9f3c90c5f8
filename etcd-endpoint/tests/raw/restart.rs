//! An endpoint ends and comes back.

use etcd_endpoint::proto::etcdserverpb::{
    LeaseTimeToLiveRequest, WatchCreateRequest, WatchRequest, WatchResponse, lease_client::LeaseClient,
    watch_client::WatchClient, watch_request::RequestUnion,
};
use tonic::{Code, Streaming, transport::Channel};

use crate::served::Served;

async fn watch(channel: Channel, start_revision: i64) -> Streaming<WatchResponse> {
    let create = WatchCreateRequest {
        key: "k".into(),
        range_end: "l".into(),
        start_revision,
        ..WatchCreateRequest::default()
    };
    let request = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    let requests = futures::stream::once(std::future::ready(request));
    let requests = futures::StreamExt::chain(requests, futures::stream::pending());
    let mut answers = WatchClient::new(channel).watch(requests).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().unwrap().created);
    answers
}

/// The revisions of the next events.
async fn revisions(answers: &mut Streaming<WatchResponse>, count: usize) -> Vec<i64> {
    let mut revisions = Vec::new();
    while revisions.len() < count {
        let answer = answers.message().await.unwrap().unwrap();
        revisions.extend(answer.events.iter().map(|event| event.kv.as_ref().unwrap().mod_revision));
    }
    revisions
}

#[tokio::test]
async fn watches_go_on_and_leases_still_mean_the_same() {
    let mut served = Served::sqlite().await;
    let before = served.client().await;
    let lease = before.grant(600).await.unwrap();
    let first = before.put_new("k1", "1", lease).await.unwrap().unwrap();
    let mut answers = watch(before.channel(), first).await;
    assert_eq!(revisions(&mut answers, 1).await, [first]);

    served.stop().await;
    let ended = answers.message().await.unwrap_err();
    assert_eq!((ended.code(), ended.message()), (Code::Unavailable, "etcdserver: server stopped"));
    assert!(!served.socket().exists(), "the socket goes with the endpoint");

    served.start_again().await;
    let after = served.client().await;
    let second = after.put_new("k2", "2", lease).await.unwrap().unwrap();
    let mut answers = watch(after.channel(), first + 1).await;
    assert_eq!(revisions(&mut answers, 1).await, [second]);
    let left = served.store.get("k2", None).await.unwrap().entry.unwrap().lease;
    assert!((590..=600).contains(&left), "{left}");
    let asked = LeaseTimeToLiveRequest { id: lease, keys: true };
    let told = LeaseClient::new(after.channel()).lease_time_to_live(asked).await.unwrap().into_inner();
    assert_eq!(
        (told.granted_ttl, told.keys),
        (600, vec!["k2".into()]),
        "what came before is not known any more"
    );
}
