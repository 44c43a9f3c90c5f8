//! The services Cluster and Maintenance: one member, which is healthy and has nothing to defragment.

use tonic::{Request, Response, Status};

use crate::{
    Endpoint, keys,
    proto::etcdserverpb::{
        AlarmRequest, AlarmResponse, DefragmentRequest, DefragmentResponse, HashKvRequest, HashKvResponse,
        HashRequest, HashResponse, Member, MemberListRequest, MemberListResponse, StatusRequest,
        StatusResponse, alarm_request::AlarmAction, cluster_server::Cluster, maintenance_server::Maintenance,
    },
    status,
};

/// The version of etcd whose behaviour clients can expect. kube-apiservers ask for progress of watches from 3.4.31 on
/// (k8s.io/apiserver, `storage/feature`).
pub(crate) const VERSION: &str = "3.6.0";

#[tonic::async_trait]
impl Cluster for Endpoint {
    async fn member_list(
        &self,
        _request: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        let identity = self.identity();
        let member = Member {
            id: self.member(),
            name: identity.name.clone(),
            peer_ur_ls: Vec::new(),
            client_ur_ls: identity.client_urls.clone(),
            is_learner: false,
        };
        Ok(Response::new(MemberListResponse { header: self.header_now().await?, members: vec![member] }))
    }
}

#[tonic::async_trait]
impl Maintenance for Endpoint {
    async fn alarm(&self, request: Request<AlarmRequest>) -> Result<Response<AlarmResponse>, Status> {
        if request.get_ref().action == AlarmAction::Activate as i32 {
            return Err(status::unsupported("alarms cannot be raised: the datastore tells what is wrong"));
        }
        Ok(Response::new(AlarmResponse { header: self.header_now().await?, alarms: Vec::new() }))
    }

    async fn status(&self, _request: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let revision = self.revision().await?;
        Ok(Response::new(StatusResponse {
            header: self.header(revision),
            version: VERSION.to_owned(),
            leader: self.member(),
            raft_index: revision,
            raft_term: 1,
            raft_applied_index: revision,
            storage_version: VERSION.to_owned(),
            // The store does not tell its size.
            ..StatusResponse::default()
        }))
    }

    async fn defragment(
        &self,
        _request: Request<DefragmentRequest>,
    ) -> Result<Response<DefragmentResponse>, Status> {
        Ok(Response::new(DefragmentResponse { header: self.header_now().await? }))
    }

    async fn hash(&self, _request: Request<HashRequest>) -> Result<Response<HashResponse>, Status> {
        let (header, hash) = (self.header_now().await?, self.hash_at(None).await?);
        Ok(Response::new(HashResponse { header, hash }))
    }

    async fn hash_kv(&self, request: Request<HashKvRequest>) -> Result<Response<HashKvResponse>, Status> {
        let newest = self.revision().await?;
        let at = u64::try_from(request.get_ref().revision).ok().filter(|at| *at > 0).unwrap_or(newest);
        let oldest = self.store().compact(0).await.map_err(|error| status::of_store(&error))?;
        Ok(Response::new(HashKvResponse {
            header: self.header(newest),
            hash: self.hash_at(Some(at)).await?,
            compact_revision: keys::revision(oldest),
            hash_revision: keys::revision(at),
        }))
    }
}
