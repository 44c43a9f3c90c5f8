//! A write that waits, and who waits for it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::connector::Connector;
use crate::{StoreError, Write, WriteError, Written};

/// A write on its way to a writer.
pub(super) struct Request {
    pub(super) write: Write,
    pub(super) since: Instant,
    pub(super) deadline: Instant,
    claim: Claim,
    answer: oneshot::Sender<Result<Written, WriteError>>,
}

/// Belongs to the writer who takes a request, or to the caller who gives up, whoever is first: so nothing is done after
/// it was said that it will not be.
#[derive(Clone, Default)]
struct Claim(Arc<AtomicBool>);

impl Claim {
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

impl Request {
    /// Whether its caller still waits. From now on he does until it is answered.
    pub(super) fn take(&self) -> bool {
        self.claim.take()
    }

    pub(super) fn answer(self, outcome: Result<Written, WriteError>) {
        // Who no longer waits has dropped it.
        let _told = self.answer.send(outcome);
    }
}

/// Hands a write to the writers and waits for what comes of it.
pub(super) async fn submit(
    queue: &mpsc::Sender<Request>,
    connector: &Connector,
    write: Write,
) -> Result<Written, WriteError> {
    let since = Instant::now();
    let deadline = since + connector.options.write_timeout;
    let unavailable = || WriteError::from(connector.unavailable("a write", since.elapsed()));
    let (answer, mut answered) = oneshot::channel();
    let claim = Claim::default();
    let request = Request { write, since, deadline, claim: claim.clone(), answer };
    match timeout_at(deadline, queue.send(request)).await {
        Ok(Ok(())) => {}
        Ok(Err(_closed)) => return Err(StoreError::Closed.into()),
        Err(_late) => return Err(unavailable()),
    }
    let outcome = match timeout_at(deadline, &mut answered).await {
        Ok(outcome) => outcome,
        Err(_late) if claim.take() => return Err(unavailable()),
        // A writer has it, and will say what came of it.
        Err(_late) => answered.await,
    };
    outcome.map_err(|_ended| StoreError::Closed)?
}
