//! What is measured: a store in this process, or a server that speaks etcd's API.

use std::sync::Arc;

use bytes::Bytes;
use etcd_endpoint::{
    client::EtcdClient,
    proto::etcdserverpb::{
        Compare, PutRequest, RangeRequest, RequestOp, TxnRequest, WatchCreateRequest, WatchRequest,
        compare::{CompareResult, CompareTarget, TargetUnion},
        kv_client::KvClient,
        request_op::Request,
        watch_client::WatchClient,
        watch_request::RequestUnion,
    },
};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use revision_store::{Commits, Range, Store, WatchItem, Write};
use tonic::transport::Channel;

/// A clone is another handle on the same.
#[derive(Clone)]
pub(crate) enum Subject {
    Store(Arc<dyn Store>),
    Etcd(EtcdClient),
}

impl Subject {
    /// Writes a key that has this revision; 0: that is not there.
    pub(crate) async fn write(&self, key: String, value: Bytes, expected: u64) {
        match self {
            Self::Store(store) => {
                let write = match expected {
                    0 => Write::Create { key, value, lease: 0 },
                    _ => Write::Update { key, value, expected, lease: 0 },
                };
                store.write(write).await.unwrap();
            }
            Self::Etcd(client) => {
                let answer = kv(client).txn(transaction(key.into(), value, expected)).await.unwrap();
                assert!(answer.into_inner().succeeded);
            }
        }
    }

    /// The revision of a key that is there.
    pub(crate) async fn get(&self, key: &str) -> u64 {
        match self {
            Self::Store(store) => store.get(key, None).await.unwrap().entry.unwrap().mod_revision,
            Self::Etcd(client) => {
                let request = RangeRequest { key: key.to_owned().into(), ..RangeRequest::default() };
                let answer = kv(client).range(request).await.unwrap().into_inner();
                answer.kvs[0].mod_revision.cast_unsigned()
            }
        }
    }

    /// How many keys have a prefix; all of them are read.
    pub(crate) async fn list(&self, prefix: &str) -> usize {
        match self {
            Self::Store(store) => store.list(Range::prefix(prefix)).await.unwrap().entries.len(),
            Self::Etcd(client) => {
                let pages = client.range_pages(prefix.as_bytes(), 0);
                pages.try_fold(0, async |sum, page| Ok(sum + page.len())).await.unwrap()
            }
        }
    }

    /// A watch of a prefix, from now on: an item for each event.
    pub(crate) async fn watch(&self, prefix: &str) -> BoxStream<'static, ()> {
        match self {
            Self::Store(store) => {
                let watch = store.watch(prefix, store.revision().await.unwrap()).await.unwrap();
                let is_event = async |item| matches!(item, Ok(WatchItem::Event(_))).then_some(());
                watch.filter_map(is_event).boxed()
            }
            Self::Etcd(client) => {
                let mut end = prefix.as_bytes().to_vec();
                *end.last_mut().unwrap() += 1;
                let create = WatchCreateRequest {
                    key: prefix.to_owned().into(),
                    range_end: end.into(),
                    ..WatchCreateRequest::default()
                };
                let request = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
                let requests = stream::iter([request]).chain(stream::pending());
                let mut client = WatchClient::new(client.channel());
                let mut answers = client.watch(requests).await.unwrap().into_inner();
                assert!(answers.message().await.unwrap().unwrap().created);
                answers.flat_map(|answer| stream::iter(answer.unwrap().events.into_iter().map(drop))).boxed()
            }
        }
    }

    /// How writes have shared commits, where that is known.
    pub(crate) fn commits(&self) -> Commits {
        match self {
            Self::Store(store) => store.commits().unwrap_or_default(),
            Self::Etcd(_) => Commits::default(),
        }
    }

    pub(crate) async fn close(&self) {
        if let Self::Store(store) = self {
            store.close().await;
        }
    }
}

fn kv(client: &EtcdClient) -> KvClient<Channel> {
    KvClient::new(client.channel())
}

/// As kube-apiserver writes: with the key in the answer where it is another one than was expected.
fn transaction(key: Bytes, value: Bytes, expected: u64) -> TxnRequest {
    let compare = Compare {
        key: key.clone(),
        target: CompareTarget::Mod as i32,
        result: CompareResult::Equal as i32,
        target_union: Some(TargetUnion::ModRevision(expected.cast_signed())),
        range_end: Bytes::new(),
    };
    let operation = |request| vec![RequestOp { request: Some(request) }];
    let range = RangeRequest { key: key.clone(), ..RangeRequest::default() };
    TxnRequest {
        compare: vec![compare],
        success: operation(Request::RequestPut(PutRequest { key, value, ..PutRequest::default() })),
        failure: if expected == 0 { Vec::new() } else { operation(Request::RequestRange(range)) },
    }
}
