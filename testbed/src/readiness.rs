//! Waiting until a process serves.

use std::time::{Duration, Instant};

use crate::{Error, Result, log_tail::log_tail, supervisor::Process};

/// A server is ready in about 3 s on an idle machine; this allows for many starting at once on a busy one.
const DEADLINE: Duration = Duration::from_mins(2);
/// Between two questions: short beside the seconds a start takes.
const PAUSE: Duration = Duration::from_millis(25);
/// For one answer: a server that hangs is asked again.
const ANSWER: Duration = Duration::from_secs(2);

/// Asks `probe` until it agrees. Fails with the end of the log if the process ends or the deadline passes first.
pub(crate) async fn ready(
    name: &str,
    process: &Process,
    probe: impl AsyncFn() -> Result<(), String>,
) -> Result<()> {
    let begin = Instant::now();
    loop {
        let reason = match tokio::time::timeout(ANSWER, probe()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(reason)) => reason,
            Err(_) => format!("no answer for {} s", ANSWER.as_secs()),
        };
        if process.has_ended() {
            return Err(Error::Ended { name: name.to_owned(), tail: log_tail(&process.log()) });
        }
        let waited = begin.elapsed();
        if waited > DEADLINE {
            return Err(Error::NotReady {
                name: name.to_owned(),
                waited,
                reason,
                tail: log_tail(&process.log()),
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}
