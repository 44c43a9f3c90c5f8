//! The streams of an agent: one to each server, and those that leave.

use std::collections::BTreeMap;

use super::link::Link;

/// The streams of an agent.
#[derive(Default)]
pub(super) struct Links {
    last: u64,
    to: BTreeMap<String, Kept>,
    /// Exchanged for others, and here as long as they have tunnels.
    leaving: Vec<Kept>,
}

struct Kept {
    number: u64,
    link: Link,
    /// To be exchanged.
    is_old: bool,
}

impl Links {
    /// Servers with a stream that is not to be exchanged.
    pub(super) fn connected(&self) -> usize {
        self.lasting().count()
    }

    /// Their names.
    pub(super) fn lasting(&self) -> impl Iterator<Item = &String> {
        self.to.iter().filter(|(_, kept)| !kept.is_old).map(|(server, _)| server)
    }

    /// All servers that dials come from.
    pub(super) fn servers(&self) -> Vec<String> {
        self.to.keys().cloned().collect()
    }

    pub(super) fn tunnels(&self) -> usize {
        self.to.values().chain(&self.leaving).map(|kept| kept.link.tunnels()).sum()
    }

    pub(super) fn is_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Takes a new stream in, and says its number; `None` if there is one to that server already.
    pub(super) fn take_in(&mut self, server: String, link: Link) -> Option<u64> {
        if self.to.get(&server).is_some_and(|kept| !kept.is_old) {
            return None;
        }
        self.last += 1;
        let new = Kept { number: self.last, link, is_old: false };
        if let Some(old) = self.to.insert(server, new) {
            old.link.drain();
            self.leaving.push(old);
        }
        Some(self.last)
    }

    /// A stream has ended. Whether that was a loss: it was neither exchanged nor let go.
    pub(super) fn lost(&mut self, number: u64) -> bool {
        self.leaving.retain(|kept| kept.number != number);
        let before = self.to.len();
        self.to.retain(|_, kept| kept.number != number);
        self.to.len() < before
    }

    /// All streams are to be exchanged.
    pub(super) fn exchange(&mut self) {
        self.to.values_mut().for_each(|kept| kept.is_old = true);
    }

    /// Ends streams that leave and have no tunnels. A dial that is just coming by one is given to another by the server.
    pub(super) fn let_go(&mut self) {
        self.leaving.retain(|kept| {
            let stays = kept.link.tunnels() > 0;
            if !stays {
                kept.link.end();
            }
            stays
        });
    }

    /// Ends all streams when everything that waits is sent.
    pub(super) fn end(&self) {
        self.to.values().chain(&self.leaving).for_each(|kept| kept.link.end());
    }

    pub(super) fn drain(&self) {
        self.to.values().for_each(|kept| kept.link.drain());
    }

    pub(super) fn report(&self) {
        let tunnels = self.tunnels();
        self.to.values().for_each(|kept| kept.link.report(tunnels));
    }
}
