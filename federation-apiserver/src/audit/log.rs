//! Where events go: a queue that is never waited for, and a thread that empties it.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::{Event, Level};

/// Most events that wait: kube-apiserver's buffer.
const MOST_EVENTS: usize = 10_000;
/// Most bytes that wait. Bodies may be megabytes each.
const MOST_BYTES: usize = 64 << 20;

/// A log of events, written by a thread of its own. A request never waits for it: an event that finds the queue full
/// is dropped, and counted. Clones are the same log.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    /// Absent once it is closed.
    queue: Mutex<Option<SyncSender<Vec<u8>>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    waiting: Arc<AtomicUsize>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    levels: [AtomicU64; 4],
}

/// What has come of events so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCounts {
    /// Events that were put into the queue.
    pub events: u64,
    /// Events that were dropped, since the queue was full.
    pub dropped: u64,
    /// Events that could not be written.
    pub failed: u64,
    /// Requests by the level that the policy gave them: `None`, `Metadata`, `Request`, `RequestResponse`.
    pub levels: [u64; 4],
}

impl Log {
    /// A log that writes each event as a line, in one call of `write_all`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn new(writer: impl Write + Send + 'static) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(MOST_EVENTS);
        let (waiting, counts) = (Arc::<AtomicUsize>::default(), Arc::<Counts>::default());
        let thread = {
            let (waiting, counts) = (Arc::clone(&waiting), Arc::clone(&counts));
            std::thread::Builder::new()
                .name("audit".to_owned())
                .spawn(move || empty(&receiver, writer, &waiting, &counts))?
        };
        Ok(Self(Arc::new(Shared {
            queue: Mutex::new(Some(sender)),
            writer: Mutex::new(Some(thread)),
            waiting,
            counts,
        })))
    }

    /// Puts an event into the queue, or drops it.
    pub fn write(&self, event: &Event) {
        // An event has text keys only: it is always JSON.
        let Ok(mut line) = serde_json::to_vec(event) else { return };
        line.push(b'\n');
        let length = line.len();
        let Shared { queue, waiting, counts, .. } = &*self.0;
        let fits = waiting.fetch_add(length, Ordering::Relaxed) + length <= MOST_BYTES;
        let sent = fits && queue.lock().as_ref().is_some_and(|queue| queue.try_send(line).is_ok());
        if sent {
            counts.written.fetch_add(1, Ordering::Relaxed);
        } else {
            waiting.fetch_sub(length, Ordering::Relaxed);
            counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn level_decided(&self, level: Level) {
        self.0.counts.levels[level as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// What has come of events so far.
    pub fn counts(&self) -> LogCounts {
        let Counts { written, dropped, failed, levels } = &*self.0.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        LogCounts {
            events: read(written),
            dropped: read(dropped),
            failed: read(failed),
            levels: levels.each_ref().map(read),
        }
    }

    /// Writes what waits, and ends. It blocks until then; later events are dropped.
    pub fn close(&self) {
        self.0.queue.lock().take();
        let thread = self.0.writer.lock().take();
        // A writer that panicked has said so.
        let _ = thread.map(JoinHandle::join);
    }
}

fn empty(queue: &Receiver<Vec<u8>>, mut writer: impl Write, waiting: &AtomicUsize, counts: &Counts) {
    let mut well = true;
    while let Ok(line) = queue.recv() {
        let outcome = writer.write_all(&line).and_then(|()| writer.flush());
        waiting.fetch_sub(line.len(), Ordering::Relaxed);
        if let Err(error) = &outcome {
            counts.failed.fetch_add(1, Ordering::Relaxed);
            if well {
                tracing::error!(%error, "audit events cannot be written");
            }
        }
        well = outcome.is_ok();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;
    use crate::audit::record::tests::event;

    /// Takes nothing until it is told to, then everything; then says what it took.
    struct Gate {
        opens: Receiver<()>,
        is_open: bool,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if !self.is_open {
                self.opens.recv().map_err(std::io::Error::other)?;
                self.is_open = true;
            }
            self.taken.send(bytes.to_vec()).map_err(std::io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_queue_drops_and_counts_and_is_never_waited_for() {
        let ((open, opens), (taken, takes)) = (channel(), channel());
        let log = Log::new(Gate { opens, is_open: false, taken }).unwrap();
        let more = 100;
        for _ in 0..MOST_EVENTS + more {
            log.write(&event());
        }
        let counts = log.counts();
        // The thread may have one in its hands.
        assert!((more - 1..=more).contains(&usize::try_from(counts.dropped).unwrap()), "{counts:?}");
        open.send(()).unwrap();
        log.close();
        let lines: Vec<Vec<u8>> = takes.iter().collect();
        assert_eq!(lines.len() as u64, counts.events);
        assert!(lines.iter().all(|line| line.ends_with(b"}\n")));
        log.write(&event());
        assert_eq!(log.counts().dropped, counts.dropped + 1, "what comes after the end is counted");
    }

    #[test]
    fn large_events_fill_the_queue_by_their_bytes() {
        let ((open, opens), (taken, takes)) = (channel(), channel());
        let log = Log::new(Gate { opens, is_open: false, taken }).unwrap();
        let large = Event { request_uri: "x".repeat(MOST_BYTES / 4), ..event() };
        for _ in 0..8 {
            log.write(&large);
        }
        assert_eq!(log.counts(), LogCounts { events: 3, dropped: 5, ..LogCounts::default() });
        open.send(()).unwrap();
        log.close();
        assert_eq!(takes.iter().count(), 3);
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let log = Log::new(Full).unwrap();
        log.write(&event());
        log.close();
        assert_eq!(log.counts(), LogCounts { events: 1, failed: 1, ..LogCounts::default() });
    }
}
