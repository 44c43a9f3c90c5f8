//! A server's process that can be killed, started again, paused and resumed, one after the other.

use std::{pin::Pin, time::Duration};

use parking_lot::Mutex;
use tokio::sync::Mutex as Turn;

use crate::{Result, blocking::blocking, supervisor::Process};

/// The process of a server, which there may be none of just now.
pub(crate) struct Restartable {
    /// Held over a whole stop or start, so that two of them follow each other.
    turn: Turn<()>,
    process: Mutex<Option<Process>>,
}

impl Restartable {
    pub(crate) fn new(process: Process) -> Self {
        Self { turn: Turn::new(()), process: Mutex::new(Some(process)) }
    }

    /// The process id; `None` while it is stopped and until a new start is ready.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.lock().as_ref().map(Process::id)
    }

    /// As [`Restartable::pid`], after a stop or start that is under way.
    pub(crate) async fn process_id(&self) -> Option<u32> {
        let _turn = self.turn.lock().await;
        self.pid()
    }

    /// Kills the process with SIGKILL and reaps it, if there is one.
    pub(crate) async fn stop(&self) -> Result<()> {
        let _turn = self.turn.lock().await;
        self.end().await
    }

    /// Starts it as said, unless it runs. Boxed, for starts are large.
    pub(crate) async fn start_again(
        &self,
        start: Pin<Box<impl Future<Output = Result<Process>>>>,
    ) -> Result<()> {
        let _turn = self.turn.lock().await;
        if self.process.lock().as_ref().is_some_and(|process| !process.has_ended()) {
            return Ok(());
        }
        self.end().await?;
        let process = start.await?;
        *self.process.lock() = Some(process);
        Ok(())
    }

    /// Stops it where it is (SIGSTOP), and waits until it is: threads stop one after the other.
    pub(crate) async fn pause(&self) -> Result<()> {
        self.signal("STOP").await?;
        while self.process.lock().as_ref().is_some_and(|process| !process.is_stopped()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Lets it go on (SIGCONT).
    pub(crate) async fn resume(&self) -> Result<()> {
        self.signal("CONT").await
    }

    async fn end(&self) -> Result<()> {
        let process = self.process.lock().take();
        blocking(move || {
            drop(process);
            Ok(())
        })
        .await
    }

    async fn signal(&self, signal: &str) -> Result<()> {
        let _turn = self.turn.lock().await;
        match &*self.process.lock() {
            Some(process) => process.signal(signal),
            None => Ok(()),
        }
    }
}
