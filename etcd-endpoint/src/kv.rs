//! The service KV.

use revision_store::{Entry, StoreError, Write, WriteError, Written};
use tonic::{Request, Response, Status};

use crate::{
    Endpoint,
    endpoint::Counts,
    keys,
    proto::etcdserverpb::{
        CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest,
        PutResponse, RangeRequest, RangeResponse, ResponseOp, TxnRequest, TxnResponse, kv_server::Kv,
        response_op::Response as ResponseUnion,
    },
    range::RangeQuery,
    read::{Reading, read},
    span::Span,
    status,
    txn::{Outcome, Transaction},
};

/// How often a write is tried again because others wrote the same key meanwhile.
const ATTEMPTS: usize = 100;

#[tonic::async_trait]
impl Kv for Endpoint {
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        let query = RangeQuery::read(request.get_ref())?;
        let found = read(self.store(), &query.span, query.reading).await.map_err(failed)?;
        Counts::add(&self.counts().reads, 1);
        let header = self.header(found.revision);
        let answer = query.answer(found, |entry| self.leases().of(entry));
        Ok(Response::new(RangeResponse { header, ..answer }))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let done = self.carry_out(&Transaction::put(request.into_inner())?).await?;
        let header = self.header(done.revision);
        Ok(Response::new(match done.only_answer() {
            Some(ResponseUnion::ResponsePut(put)) => PutResponse { header, ..put },
            _ => PutResponse { header, prev_kv: None },
        }))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let request = request.into_inner();
        let span = Span::read(&request.key, &request.range_end)?;
        if let Span::Many(_) = span {
            return self.delete_many(&span, request.prev_kv).await.map(Response::new);
        }
        let done = self.carry_out(&Transaction::delete(request)?).await?;
        let header = self.header(done.revision);
        Ok(Response::new(match done.only_answer() {
            Some(ResponseUnion::ResponseDeleteRange(delete)) => DeleteRangeResponse { header, ..delete },
            _ => DeleteRangeResponse { header, ..DeleteRangeResponse::default() },
        }))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let Some(transaction) = Transaction::read(request.get_ref())? else {
            let header = self.header_now().await?;
            return Ok(Response::new(TxnResponse { header, succeeded: true, responses: Vec::new() }));
        };
        let Done { succeeded, revision, responses } = self.carry_out(&transaction).await?;
        Ok(Response::new(TxnResponse { header: self.header(revision), succeeded, responses }))
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        let to = u64::try_from(request.get_ref().revision).unwrap_or_default();
        // A compaction to nothing says how far it has gone.
        let oldest = self.store().compact(0).await.map_err(failed)?;
        if to <= oldest {
            return Err(status::compacted());
        }
        self.store().compact(to).await.map_err(failed)?;
        Ok(Response::new(CompactionResponse { header: self.header_now().await? }))
    }
}

/// A transaction that was carried out.
#[derive(Default)]
struct Done {
    succeeded: bool,
    revision: u64,
    responses: Vec<ResponseOp>,
}

impl Done {
    fn only_answer(self) -> Option<ResponseUnion> {
        self.responses.into_iter().next()?.response
    }
}

impl Endpoint {
    /// Carries a transaction out: once, whoever else writes its key.
    async fn carry_out(&self, transaction: &Transaction) -> Result<Done, Status> {
        if let Some((write, lease)) = transaction.if_as_expected(self.leases())? {
            match self.write(write, lease).await {
                Ok(written) => {
                    let decision = transaction.succeeded();
                    let outcome = Outcome::of_write(written.revision);
                    return Ok(Done {
                        succeeded: true,
                        revision: written.revision,
                        responses: decision.answers(&outcome),
                    });
                }
                Err(WriteError::Exists { .. } | WriteError::Conflict { .. }) => {}
                Err(error) => return Err(status::of_write(&error)),
            }
        }
        for _ in 0..ATTEMPTS {
            let got = self.store().get(&transaction.key, None).await.map_err(failed)?;
            let decision = transaction.decide(got.entry.as_ref(), self.leases())?;
            let before = got.entry.clone().map(|entry| {
                let lease = self.leases().of(&entry);
                (entry, lease)
            });
            let existed = before.is_some();
            let outcome = match decision.write.clone() {
                None => Outcome { after: before.clone(), before, existed, revision: got.revision },
                Some(write) => match self.write(write.clone(), decision.lease).await {
                    Ok(Written { revision }) => {
                        let after = after(write, got.entry.as_ref(), revision);
                        Outcome {
                            after: after.map(|entry| (entry, decision.lease)),
                            before,
                            existed,
                            revision,
                        }
                    }
                    Err(WriteError::Exists { .. } | WriteError::Conflict { .. }) => continue,
                    Err(error) => return Err(status::of_write(&error)),
                },
            };
            let (succeeded, responses) = (decision.succeeded, decision.answers(&outcome));
            return Ok(Done { succeeded, revision: outcome.revision, responses });
        }
        Err(status::of_write(&WriteError::Conflict { current: None }))
    }

    /// Writes, and notes what it means for the leases.
    pub(crate) async fn write(&self, write: Write, lease: i64) -> Result<Written, WriteError> {
        let key = write.key().to_owned();
        let written = self.store().write(write).await?;
        self.leases().written(&key, written.revision, lease);
        Counts::add(&self.counts().writes, 1);
        Ok(written)
    }

    /// Deletes all keys of a span, each by itself: whoever watches sees them go one after the other. A key that is
    /// written meanwhile is deleted as it was written then; a key that comes meanwhile stays.
    async fn delete_many(&self, span: &Span, previous: bool) -> Result<DeleteRangeResponse, Status> {
        let reading = Reading { keys_only: !previous, ..Reading::default() };
        let found = read(self.store(), span, reading).await.map_err(failed)?;
        let (mut deleted, mut prev_kvs, mut revision) = (0, Vec::new(), found.revision);
        for entry in found.entries {
            let request = DeleteRangeRequest {
                key: keys::shown(&entry.key).to_owned().into(),
                prev_kv: previous,
                ..DeleteRangeRequest::default()
            };
            let done = self.carry_out(&Transaction::delete(request)?).await?;
            revision = revision.max(done.revision);
            if let Some(ResponseUnion::ResponseDeleteRange(answer)) = done.only_answer() {
                deleted += answer.deleted;
                prev_kvs.extend(answer.prev_kvs);
            }
        }
        Ok(DeleteRangeResponse { header: self.header(revision), deleted, prev_kvs })
    }
}

/// A key after a write.
fn after(write: Write, before: Option<&Entry>, revision: u64) -> Option<Entry> {
    let create_revision = before.map_or(revision, |entry| entry.create_revision);
    match write {
        Write::Create { key, value, lease } | Write::Update { key, value, lease, .. } => {
            Some(Entry { key, value, create_revision, mod_revision: revision, lease })
        }
        Write::Delete { .. } => None,
    }
}

fn failed(error: StoreError) -> Status {
    status::of_store(&error)
}
