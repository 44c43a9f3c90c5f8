//! What all services share: the store, the leases, and who the endpoint says it is.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use revision_store::{Revision, Store};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{keys, leases::Leases, proto::etcdserverpb::ResponseHeader, status};

/// Who an endpoint says it is. etcd's clients show it and look at nothing in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name of the one member.
    pub name: String,
    /// Where clients reach it, as URLs.
    pub client_urls: Vec<String>,
}

/// etcd's v3 API over a store. A clone is another handle.
#[derive(Clone)]
pub struct Endpoint {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn Store>,
    leases: Leases,
    identity: Identity,
    member: u64,
    cluster: u64,
    stop: CancellationToken,
    counts: Counts,
}

/// What is counted, for the metrics.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Watches that are open.
    pub(crate) watches: AtomicU64,
    /// Writes that were done.
    pub(crate) writes: AtomicU64,
    /// Reads that were served.
    pub(crate) reads: AtomicU64,
    /// Events that were sent to watches.
    pub(crate) events: AtomicU64,
}

impl Counts {
    pub(crate) fn add(count: &AtomicU64, more: usize) {
        count.fetch_add(more as u64, Ordering::Relaxed);
    }
}

impl Endpoint {
    /// An endpoint over a store. It leaves the store open when it ends.
    pub fn new(store: Arc<dyn Store>, identity: Identity) -> Self {
        let shared = Shared {
            store,
            leases: Leases::default(),
            member: number_of(&identity.name),
            cluster: number_of("fedd"),
            identity,
            stop: CancellationToken::new(),
            counts: Counts::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.shared.store
    }

    pub(crate) fn leases(&self) -> &Leases {
        &self.shared.leases
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Cancelled when streams are to end.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.shared.stop
    }

    pub(crate) fn member(&self) -> u64 {
        self.shared.member
    }

    /// The header of an answer at a revision.
    pub(crate) fn header(&self, revision: Revision) -> Option<ResponseHeader> {
        Some(ResponseHeader {
            cluster_id: self.shared.cluster,
            member_id: self.shared.member,
            revision: keys::revision(revision),
            raft_term: 1,
        })
    }

    /// The header of an answer about nothing stored.
    pub(crate) async fn header_now(&self) -> Result<Option<ResponseHeader>, Status> {
        Ok(self.header(self.revision().await?))
    }

    /// The newest revision.
    pub(crate) async fn revision(&self) -> Result<Revision, Status> {
        self.store().revision().await.map_err(|error| status::of_store(&error))
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Endpoint").field("identity", self.identity()).finish_non_exhaustive()
    }
}

/// A number for a name, the same everywhere and never 0 (FNV-1a).
fn number_of(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.max(1)
}
