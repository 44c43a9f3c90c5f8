//! The service Lease.

use std::pin::Pin;

use futures::{Stream, StreamExt};
use revision_store::{Revision, Write, WriteError};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    Endpoint, keys,
    leases::NotGranted,
    proto::etcdserverpb::{
        LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
        LeaseLeasesRequest, LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseStatus,
        LeaseTimeToLiveRequest, LeaseTimeToLiveResponse, lease_server::Lease,
    },
    status,
};

#[tonic::async_trait]
impl Lease for Endpoint {
    async fn lease_grant(
        &self,
        request: Request<LeaseGrantRequest>,
    ) -> Result<Response<LeaseGrantResponse>, Status> {
        let LeaseGrantRequest { ttl, id } = request.into_inner();
        let header = self.header_now().await?;
        let (id, ttl) = self.leases().grant(id, ttl).map_err(|refused| match refused {
            NotGranted::Exists => status::lease_exists(),
            NotGranted::TooLong => status::lease_too_long(),
        })?;
        Ok(Response::new(LeaseGrantResponse { header, id, ttl, error: String::new() }))
    }

    async fn lease_revoke(
        &self,
        request: Request<LeaseRevokeRequest>,
    ) -> Result<Response<LeaseRevokeResponse>, Status> {
        let keys = self.leases().revoke(request.get_ref().id).ok_or_else(status::lease_not_found)?;
        for (key, expected) in keys {
            match self.write(Write::Delete { key, expected }, 0).await {
                // A key that was written since is no longer the lease's.
                Ok(_) | Err(WriteError::Conflict { .. }) => {}
                // It ends by itself when the lease would have.
                Err(error) => return Err(status::of_write(&error)),
            }
        }
        Ok(Response::new(LeaseRevokeResponse { header: self.header_now().await? }))
    }

    type LeaseKeepAliveStream = Pin<Box<dyn Stream<Item = Result<LeaseKeepAliveResponse, Status>> + Send>>;

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let (endpoint, stop) = (self.clone(), self.stop().clone());
        let answers = request.into_inner().then(move |request| {
            let endpoint = endpoint.clone();
            async move { endpoint.renew(request?.id).await }
        });
        // A client that holds its stream open must not hold the endpoint open.
        let answers = answers.take_until(stop.cancelled_owned());
        Ok(Response::new(Box::pin(answers)))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Result<Response<LeaseTimeToLiveResponse>, Status> {
        let LeaseTimeToLiveRequest { id, keys: with_keys } = request.into_inner();
        let header = self.header_now().await?;
        let Some(left) = self.leases().left(id) else {
            let none = LeaseTimeToLiveResponse { header, id, ttl: -1, ..LeaseTimeToLiveResponse::default() };
            return Ok(Response::new(none));
        };
        let ttl = i64::try_from(left.left).unwrap_or(i64::MAX);
        let shown = |key: &String| keys::shown(key).to_owned().into();
        let keys = if with_keys { left.keys.iter().map(shown).collect() } else { Vec::new() };
        let granted_ttl = left.granted.into();
        Ok(Response::new(LeaseTimeToLiveResponse { header, id, ttl, granted_ttl, keys }))
    }

    async fn lease_leases(
        &self,
        _request: Request<LeaseLeasesRequest>,
    ) -> Result<Response<LeaseLeasesResponse>, Status> {
        let leases = self.leases().all().into_iter().map(|id| LeaseStatus { id }).collect();
        Ok(Response::new(LeaseLeasesResponse { header: self.header_now().await?, leases }))
    }
}

impl Endpoint {
    /// Lets a lease begin again. The store counts from a key's last write, so its keys are written again as they are:
    /// whoever watches them sees that.
    async fn renew(&self, lease: i64) -> Result<LeaseKeepAliveResponse, Status> {
        let ttl = match self.leases().renew(lease) {
            // So etcd says that a lease is no more.
            None => 0,
            Some((seconds, keys)) => {
                for (key, expected) in keys {
                    self.write_again(key, expected, seconds, lease).await?;
                }
                seconds.into()
            }
        };
        Ok(LeaseKeepAliveResponse { header: self.header_now().await?, id: lease, ttl })
    }

    async fn write_again(
        &self,
        key: String,
        expected: Revision,
        seconds: u32,
        lease: i64,
    ) -> Result<(), Status> {
        let got = self.store().get(&key, None).await.map_err(|error| status::of_store(&error))?;
        let Some(entry) = got.entry.filter(|entry| entry.mod_revision == expected) else {
            // Deleted or written by others, and no longer the lease's.
            return Ok(());
        };
        match self.write(Write::Update { key, value: entry.value, expected, lease: seconds }, lease).await {
            Ok(_) | Err(WriteError::Conflict { .. }) => Ok(()),
            Err(error) => Err(status::of_write(&error)),
        }
    }
}
