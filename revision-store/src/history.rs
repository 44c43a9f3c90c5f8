//! What a watch that is behind reads again.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Event, Revision, StoreError};

/// A stretch of history under one prefix.
pub(crate) struct Stretch {
    /// The events, in order.
    pub(crate) events: Vec<Arc<Event>>,
    /// Everything up to here is in `events`.
    pub(crate) reached: Revision,
}

/// The events that a backend keeps.
#[async_trait]
pub(crate) trait History: Send + Sync {
    /// Events under the prefix with `after < revision <= upto`, as many as are read at one go; at least one revision
    /// further than `after`. `upto` exists and is greater than `after`.
    async fn stretch(&self, prefix: &str, after: Revision, upto: Revision) -> Result<Stretch, StoreError>;
}
