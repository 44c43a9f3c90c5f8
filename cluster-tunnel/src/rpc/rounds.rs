//! A task whose parts wake each other.
//!
//! What one part of a connection's task does is often the next step of another: a stream that has sent wakes the
//! connection, a connection that has read wakes the stream. A task that is woken while it runs is put at the end of the
//! runtime's queue, and another thread is woken to take it from there. For a request that is alone this costs more than
//! all that the task does, so here the task goes on at once. Under load it pays to wait: other tasks bring what then
//! goes out in the same write. Which of the two it is shows whenever a task has waited.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::AcqRel, Ordering::Acquire},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::task::AtomicWaker;

/// Rounds without letting other tasks run. A request takes two: one to read and answer, one to write.
const ROUNDS: usize = 4;
/// How often a task waits in vain before it goes on at once.
const PATIENCE: u32 = 8;
/// How often a task goes on at once before it waits to see whether that pays now.
const TRIAL: u32 = 64;

/// Nobody has woken it since it ran.
const ASLEEP: u8 = 0;
const RUNNING: u8 = 1;
/// It is to run again.
const WOKEN: u8 = 2;
/// It runs again after others, and nobody else has woken it since.
const WAITING: u8 = 3;

/// Runs a future, and again if it was woken while it ran.
pub(super) async fn in_rounds<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut rounds = Rounds::new();
    std::future::poll_fn(|context| rounds.poll(future.as_mut(), context)).await
}

struct Rounds {
    shared: Arc<Shared>,
    waker: Waker,
    is_waiting: bool,
    /// How often it will still wait in vain.
    patience: u32,
    /// How often it went on at once since it last waited.
    at_once: u32,
}

struct Shared {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Rounds {
    fn new() -> Self {
        let shared = Arc::new(Shared { state: AtomicU8::new(ASLEEP), task: AtomicWaker::new() });
        Self { waker: Waker::from(Arc::clone(&shared)), shared, is_waiting: false, patience: 0, at_once: 0 }
    }

    fn poll<T>(
        &mut self,
        mut future: Pin<&mut impl Future<Output = T>>,
        context: &mut Context<'_>,
    ) -> Poll<T> {
        self.shared.task.register(context.waker());
        for _ in 0..ROUNDS {
            // Sees what was done before it was woken.
            let before = self.shared.state.swap(RUNNING, AcqRel);
            if std::mem::take(&mut self.is_waiting) {
                self.patience = if before == WOKEN { PATIENCE } else { self.patience.saturating_sub(1) };
            }
            if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&self.waker)) {
                return Poll::Ready(done);
            }
            if self.shared.state.compare_exchange(RUNNING, ASLEEP, AcqRel, Acquire).is_ok() {
                return Poll::Pending;
            }
            if self.patience > 0 || self.at_once >= TRIAL {
                break;
            }
            self.at_once += 1;
        }
        self.at_once = 0;
        self.is_waiting = true;
        self.shared.state.swap(WAITING, AcqRel);
        // Wakes the task when the others that can run have done so; there is nothing more to poll.
        let _pending = pin!(tokio::task::yield_now()).poll(context);
        Poll::Pending
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, AcqRel) == ASLEEP {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    /// A task that counts how often it is woken.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    struct Bed {
        rounds: Rounds,
        task: Arc<Task>,
    }

    impl Bed {
        fn new() -> Self {
            Self { rounds: Rounds::new(), task: Arc::default() }
        }

        /// Polls once what wakes itself in its first `times` rounds. How many rounds there were.
        fn poll(&mut self, times: usize) -> usize {
            let mut ran = 0;
            let future = std::future::poll_fn(|context| {
                ran += 1;
                if ran <= times {
                    context.waker().wake_by_ref();
                }
                Poll::<()>::Pending
            });
            let waker = Waker::from(Arc::clone(&self.task));
            assert!(self.rounds.poll(pin!(future), &mut Context::from_waker(&waker)).is_pending());
            ran
        }

        /// How often the task was woken since this was last asked.
        fn woken(&self) -> usize {
            self.task.0.swap(0, Relaxed)
        }
    }

    #[test]
    fn who_is_woken_while_it_runs_goes_on_at_once() {
        let mut bed = Bed::new();
        assert_eq!((bed.poll(1), bed.woken()), (2, 0));
        bed.rounds.waker.wake_by_ref();
        bed.rounds.waker.wake_by_ref();
        assert_eq!(bed.woken(), 1, "one wake is enough until it runs");
    }

    #[test]
    fn who_always_wakes_itself_lets_others_run() {
        let mut bed = Bed::new();
        assert_eq!((bed.poll(usize::MAX), bed.woken()), (ROUNDS, 1));
    }

    #[test]
    fn who_is_woken_by_others_while_it_waits_waits_again_until_that_is_in_vain() {
        let mut bed = Bed::new();
        let at_once = (0..1000_u32).take_while(|_| bed.poll(1) == 2).count();
        assert_eq!((at_once, bed.woken()), (TRIAL as usize, 1), "it tries whether waiting pays");
        bed.rounds.waker.wake_by_ref();
        let waited = (0..1000_u32).take_while(|_| bed.poll(1) == 1).count();
        assert_eq!((waited, bed.woken()), (PATIENCE as usize, PATIENCE as usize));
    }
}
