//! Kubernetes events, within bounds: events help people, and must never cost what the objects need.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::debug;

use crate::ports::Notice;

/// Events that wait; more are dropped.
const WAITING: usize = 256;
/// Events per second that are written in the long run, and how many at once after a quiet time. client-go's event
/// correlator allows each source and object 25 at once and then one in 5 minutes; this bound is for all together.
const PER_SECOND: f64 = 5.0;
const BURST: f64 = 25.0;

/// Writes events one after the other, and drops what is too much.
pub(super) struct Notices {
    queue: mpsc::Sender<Notice>,
}

impl Notices {
    /// Starts the writer; it ends when the last sender is gone.
    pub(super) fn start(client: Client) -> Self {
        let (queue, mut waiting) = mpsc::channel::<Notice>(WAITING);
        tokio::spawn(async move {
            let mut bucket = Bucket { tokens: BURST, at: Instant::now() };
            let mut dropped = 0_u64;
            while let Some(notice) = waiting.recv().await {
                if !bucket.take(Instant::now()) {
                    dropped += 1;
                    continue;
                }
                if dropped > 0 {
                    debug!(dropped, "events were more than their bound");
                    dropped = 0;
                }
                write(&client, notice).await;
            }
        });
        Self { queue }
    }

    pub(super) fn take(&self, notice: Notice) {
        let _ = self.queue.try_send(notice); // full: dropped, as said above
    }
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        self.tokens = (self.tokens + (now - self.at).as_secs_f64() * PER_SECOND).min(BURST);
        self.at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

async fn write(client: &Client, notice: Notice) {
    // KubeFed's name of the source.
    let reporter =
        Reporter { controller: format!("{}-controller", notice.ty.kind.to_lowercase()), instance: None };
    let reference = ObjectReference {
        api_version: Some(notice.ty.api_version.clone()),
        kind: Some(notice.ty.kind.clone()),
        namespace: notice.key.namespace.clone(),
        name: Some(notice.key.name.clone()),
        uid: Some(notice.uid),
        ..ObjectReference::default()
    };
    let event = Event {
        type_: if notice.warning { EventType::Warning } else { EventType::Normal },
        reason: notice.reason.to_owned(),
        note: Some(notice.message.chars().take(1024).collect()), // events.k8s.io/v1's limit
        action: notice.reason.to_owned(),
        secondary: None,
    };
    let publish = async { Recorder::new(client.clone(), reporter).publish(&event, &reference).await };
    match tokio::time::timeout(Duration::from_secs(5), publish).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "event not written"),
        Err(_) => debug!("event not written in time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn events_are_bounded() {
        let start = Instant::now();
        let mut bucket = Bucket { tokens: BURST, at: start };
        let mut taken = 0;
        for millis in 0..10_000 {
            taken += u32::from(bucket.take(start + Duration::from_millis(millis)));
        }
        assert!((70..=75).contains(&taken), "25 at once and 5 a second for 10 s, got {taken}");
    }
}
