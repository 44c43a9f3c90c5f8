//! A line on standard error that says what takes so long.

use std::{
    io::{self, IsTerminal, Write},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Counts the seconds of one step until it is finished.
pub(super) struct Progress {
    finished: Sender<bool>,
    counter: JoinHandle<()>,
}

impl Progress {
    /// Prints the step and goes on to count: in place on a terminal, by a line now and then in a log.
    pub(super) fn start(step: String) -> Self {
        let (finished, end) = mpsc::channel();
        let counter = thread::spawn(move || {
            let in_place = io::stderr().is_terminal();
            let pause = Duration::from_secs(if in_place { 1 } else { 30 });
            let begin = Instant::now();
            loop {
                print(in_place, &step, begin.elapsed(), "");
                match end.recv_timeout(pause) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(true) => break print(in_place, &step, begin.elapsed(), ", done\n"),
                    Ok(false) | Err(RecvTimeoutError::Disconnected) => {
                        break print(in_place, &step, begin.elapsed(), ", failed\n");
                    }
                }
            }
        });
        Self { finished, counter }
    }

    /// Prints how it ended and how long it took.
    pub(super) fn finish(self, success: bool) {
        // The counter only ends early if it panicked; there is then no line to complete.
        let _told = self.finished.send(success);
        let _joined = self.counter.join();
    }
}

/// Written to standard error itself: the test harness would keep what `eprintln!` prints until a test fails.
fn print(in_place: bool, step: &str, elapsed: Duration, end: &str) {
    let (begin, end) = match (in_place, end) {
        (true, end) => ("\r", end),
        (false, "") => ("", "\n"),
        (false, end) => ("", end),
    };
    let line = format!("{begin}{step} … {} s{end}", elapsed.as_secs());
    let mut errors = io::stderr().lock();
    // A closed standard error is no reason to stop a build.
    let _written = errors.write_all(line.as_bytes()).and_then(|()| errors.flush());
}
