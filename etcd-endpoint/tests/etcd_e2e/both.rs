//! An endpoint over a store in memory, and an etcd; both are at revision 1.

use std::fmt::Debug;

use bytes::Bytes;
use etcd_endpoint::{
    client::EtcdClient,
    proto::etcdserverpb::{
        CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest, kv_client::KvClient,
        lease_client::LeaseClient, watch_client::WatchClient,
    },
};
use testbed::Testbed;
use tonic::{Code, Response, Status, transport::Channel};

use crate::{normal::Normal, served::Served};

/// The two.
pub(crate) struct Both {
    _served: Served,
    _testbed: Testbed,
    pub(crate) ours: EtcdClient,
    pub(crate) theirs: EtcdClient,
}

/// An answer, or a refusal.
pub(crate) type Answer<T> = Result<T, (Code, String)>;

pub(crate) fn answer<T: Normal>(answer: Result<Response<T>, Status>) -> Answer<T> {
    match answer {
        Ok(answer) => {
            let mut answer = answer.into_inner();
            answer.normal();
            Ok(answer)
        }
        Err(status) => Err((status.code(), status.message().to_owned())),
    }
}

/// Sends a request to both, expects the same answers, and gives that of the endpoint.
macro_rules! same {
    ($both:expr, $client:ident, $method:ident, $request:expr) => {{
        let (both, request) = (&$both, $request);
        let (ours, theirs) = ($client::new(both.ours.channel()), $client::new(both.theirs.channel()));
        let (mut ours, mut theirs) =
            (ours.max_decoding_message_size(usize::MAX), theirs.max_decoding_message_size(usize::MAX));
        let (ours, theirs) = tokio::join!(ours.$method(request.clone()), theirs.$method(request.clone()));
        $crate::both::Both::compare(&request, ours, theirs)
    }};
}
pub(crate) use same;

impl Both {
    pub(crate) async fn start() -> Self {
        let testbed = Testbed::start().await.unwrap();
        let served = Served::memory().await;
        let (ours, theirs) = (served.client().await, connect(&testbed.etcd_address()).await);
        Self { _served: served, _testbed: testbed, ours, theirs }
    }

    pub(crate) fn compare<Q: Debug, T: Normal + Debug + PartialEq>(
        request: &Q,
        ours: Result<Response<T>, Status>,
        theirs: Result<Response<T>, Status>,
    ) -> Answer<T> {
        let (ours, theirs) = (answer(ours), answer(theirs));
        assert_eq!(ours, theirs, "left: the endpoint, right: etcd; both were asked {request:#?}");
        ours
    }

    pub(crate) async fn range(&self, request: RangeRequest) {
        let _same = same!(self, KvClient, range, request);
    }

    pub(crate) async fn put(&self, key: &str, value: &str) -> i64 {
        let request = PutRequest { key: bytes(key), value: bytes(value), ..PutRequest::default() };
        same!(self, KvClient, put, request).unwrap().header.unwrap().revision
    }

    pub(crate) async fn put_with(&self, request: PutRequest) {
        let _same = same!(self, KvClient, put, request);
    }

    pub(crate) async fn delete(&self, request: DeleteRangeRequest) {
        let _same = same!(self, KvClient, delete_range, request);
    }

    pub(crate) async fn txn(&self, request: TxnRequest) {
        let _same = same!(self, KvClient, txn, request);
    }

    pub(crate) async fn compact(&self, revision: i64) {
        let _same = same!(self, KvClient, compact, CompactionRequest { revision, physical: true });
    }

    /// One client for watches at each.
    pub(crate) fn watch_clients(&self) -> [WatchClient<Channel>; 2] {
        [&self.ours, &self.theirs].map(|client| WatchClient::new(client.channel()))
    }

    /// One client for leases at each.
    pub(crate) fn lease_clients(&self) -> [LeaseClient<Channel>; 2] {
        [&self.ours, &self.theirs].map(|client| LeaseClient::new(client.channel()))
    }
}

async fn connect(url: &str) -> EtcdClient {
    EtcdClient::connect(url, None).await.unwrap()
}

pub(crate) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
