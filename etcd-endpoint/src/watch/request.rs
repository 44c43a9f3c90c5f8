//! What a client wants to watch.

use bytes::Bytes;
use revision_store::{Event, EventKind, Revision};
use tonic::Status;

use crate::{
    proto::etcdserverpb::{WatchCreateRequest, watch_create_request::FilterType},
    span::Span,
    status,
};

/// A watch that can be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) span: Span,
    /// The first revision that is told; `None`: what comes from now on.
    pub(super) from: Option<Revision>,
    /// The identifier that the client wants, if it does.
    pub(super) id: Option<i64>,
    pub(super) progress_notify: bool,
    pub(super) previous: bool,
    without_puts: bool,
    without_deletes: bool,
}

impl Wanted {
    pub(super) fn read(request: WatchCreateRequest) -> Result<Self, Status> {
        // No key: from the least one on.
        let key = if request.key.is_empty() { Bytes::from_static(&[0]) } else { request.key };
        let span = Span::read(&key, &request.range_end)?;
        if let Span::Many(many) = &span
            && many.is_empty()
        {
            return Err(Status::invalid_argument("mvcc: watcher range is empty"));
        }
        let from = match request.start_revision {
            0 => None,
            from => Some(Revision::try_from(from).map_err(|_negative| status::compacted())?),
        };
        let without = |filter: FilterType| request.filters.contains(&(filter as i32));
        Ok(Self {
            span,
            from,
            id: (request.watch_id != 0).then_some(request.watch_id),
            progress_notify: request.progress_notify,
            previous: request.prev_kv,
            without_puts: without(FilterType::Noput),
            without_deletes: without(FilterType::Nodelete),
        })
    }

    /// Whether it is told of an event.
    pub(super) fn wants(&self, event: &Event) -> bool {
        let filtered = match event.kind {
            EventKind::Put => self.without_puts,
            EventKind::Delete => self.without_deletes,
        };
        !filtered
            && self.from.is_none_or(|from| event.revision() >= from)
            && self.span.contains(&event.entry.key)
    }
}
