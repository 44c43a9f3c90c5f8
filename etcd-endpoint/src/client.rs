//! A small client of etcd's v3 API, for etcd itself as for an [`Endpoint`](crate::Endpoint): reads all keys at one
//! revision, and writes keys. It is there to move data from one store to another.
//!
//! ```no_run
//! # async fn example() -> Result<(), etcd_endpoint::client::ClientError> {
//! use etcd_endpoint::client::EtcdClient;
//! use futures::TryStreamExt;
//!
//! let client = EtcdClient::connect("http://127.0.0.1:2379", None).await?;
//! let revision = client.revision().await?;
//! let mut pages = std::pin::pin!(client.range_pages(b"/registry/", revision));
//! while let Some(page) = pages.try_next().await? {
//!     for key_value in page {
//!         println!("{} at {}", String::from_utf8_lossy(&key_value.key), key_value.mod_revision);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod connect;

use bytes::Bytes;
use futures::{Stream, stream};
use thiserror::Error;
use tonic::{Status, transport::Channel};

pub use self::connect::ClientTls;
use crate::proto::etcdserverpb::{
    Compare, LeaseGrantRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
    compare::{CompareResult, CompareTarget, TargetUnion},
    kv_client::KvClient,
    lease_client::LeaseClient,
    request_op::Request as RequestUnion,
};
pub use crate::proto::mvccpb::KeyValue;

/// How many keys a page has at most. Values of etcd's largest size make 750 MiB of it; Kubernetes' objects are a
/// thousandth of that.
const PAGE: i64 = 500;

/// What etcd answers a client that asks for more than it is ready to take; there is no such bound here.
const ANSWER_BYTES: usize = usize::MAX;

/// Why the client has no answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The address is none.
    #[error("{url:?} is no etcd to connect to: write http://HOST:PORT, https://HOST:PORT or unix:///PATH")]
    Url {
        /// What was written.
        url: String,
    },
    /// There is no connection.
    #[error("cannot connect to {url}")]
    Connect {
        /// The address.
        url: String,
        /// Why not.
        #[source]
        source: tonic::transport::Error,
    },
    /// It was answered with an error.
    #[error("etcd answers {}: {}", .0.code(), .0.message())]
    Answer(#[from] Status),
}

impl ClientError {
    /// Whether the revision that was asked for has been compacted meanwhile.
    pub fn is_compacted(&self) -> bool {
        matches!(self, Self::Answer(status) if status.message() == crate::status::COMPACTED)
    }
}

/// A connection. A clone shares it.
#[derive(Debug, Clone)]
pub struct EtcdClient {
    channel: Channel,
}

impl EtcdClient {
    /// Connects to `http://HOST:PORT`, `https://HOST:PORT` or `unix:///PATH`. TLS is for `https` only; without it,
    /// there an error comes.
    pub async fn connect(url: &str, tls: Option<&ClientTls>) -> Result<Self, ClientError> {
        Ok(Self { channel: connect::channel(url, tls).await? })
    }

    /// The connection, for etcd's other requests: the clients in [`proto`](crate::proto) take it.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES)
    }

    /// The newest revision.
    pub async fn revision(&self) -> Result<i64, ClientError> {
        // Any key will do: the header has it.
        let request =
            RangeRequest { key: Bytes::from_static(b"\0"), count_only: true, ..RangeRequest::default() };
        let answer = self.kv().range(request).await?.into_inner();
        Ok(answer.header.map_or(0, |header| header.revision))
    }

    /// All keys with a prefix (empty: all keys), as they were at a revision (0: at the newest when it begins), a page
    /// at a time, in the order of their keys. No page is empty.
    ///
    /// After an error the stream ends. [`ClientError::is_compacted`] tells that the revision is gone: begin again.
    pub fn range_pages(
        &self,
        prefix: &[u8],
        revision: i64,
    ) -> impl Stream<Item = Result<Vec<KeyValue>, ClientError>> + Send + use<> {
        let (start, range_end) = bounds(prefix);
        let first = Some((
            self.kv(),
            RangeRequest { key: start, range_end, revision, limit: PAGE, ..RangeRequest::default() },
        ));
        stream::try_unfold(first, async |next| {
            let Some((mut kv, mut request)) = next else { return Ok(None) };
            let answer = kv.range(request.clone()).await?.into_inner();
            let Some(last) = answer.kvs.last() else { return Ok(None) };
            if request.revision == 0 {
                request.revision = answer.header.map_or(0, |header| header.revision);
            }
            request.key = [&last.key[..], b"\0"].concat().into();
            let next = answer.more.then_some((kv, request));
            Ok(Some((answer.kvs, next)))
        })
    }

    /// Grants a lease of so many seconds; its number is for [`EtcdClient::put_new`].
    pub async fn grant(&self, seconds: i64) -> Result<i64, ClientError> {
        let request = LeaseGrantRequest { ttl: seconds, id: 0 };
        Ok(LeaseClient::new(self.channel.clone()).lease_grant(request).await?.into_inner().id)
    }

    /// Creates a key, attached to a lease (0: none). The revision of the write, or `None` if the key exists: then
    /// nothing is written.
    pub async fn put_new(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
        lease: i64,
    ) -> Result<Option<i64>, ClientError> {
        let (key, value): (Bytes, Bytes) = (key.into(), value.into());
        let absent = Compare {
            key: key.clone(),
            target: CompareTarget::Mod as i32,
            result: CompareResult::Equal as i32,
            target_union: Some(TargetUnion::ModRevision(0)),
            range_end: Bytes::new(),
        };
        let put = RequestUnion::RequestPut(PutRequest { key, value, lease, ..PutRequest::default() });
        let request = TxnRequest {
            compare: vec![absent],
            success: vec![RequestOp { request: Some(put) }],
            failure: Vec::new(),
        };
        let answer = self.kv().txn(request).await?.into_inner();
        let revision = answer.header.map_or(0, |header| header.revision);
        Ok(answer.succeeded.then_some(revision))
    }
}

/// The first key with a prefix, and where they end, as etcd writes it.
fn bounds(prefix: &[u8]) -> (Bytes, Bytes) {
    let all = || Bytes::from_static(b"\0");
    let Some(last) = prefix.iter().rposition(|byte| *byte != 0xff) else { return (all(), all()) };
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    (Bytes::copy_from_slice(prefix), end.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_its_last_byte_that_can_be_is_raised() {
        let ends = |prefix: &[u8]| bounds(prefix).1.to_vec();
        assert_eq!(ends(b"/a/"), b"/a0");
        assert_eq!(ends(b"a\xff"), b"b");
        assert_eq!(bounds(b""), (Bytes::from_static(b"\0"), Bytes::from_static(b"\0")));
    }
}
