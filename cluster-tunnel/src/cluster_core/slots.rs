//! The numbers that an agent gave to tunnels of one stream.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use super::TunnelId;
use crate::ConnectId;

/// How many numbers are remembered as closing. Bytes for others are answered one by one.
const MOST_CLOSING: usize = 1024;

/// What a number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Open(TunnelId),
    /// Closed here; forgotten when the agent answers, or when it has had its time.
    Closing,
}

/// The numbers in use.
#[derive(Debug, Default)]
pub(super) struct Slots {
    by_id: BTreeMap<ConnectId, Slot>,
    /// When each closing number is forgotten, the earliest first. Answered ones may still be in here.
    expiries: VecDeque<(Instant, ConnectId)>,
    closing: usize,
}

impl Slots {
    pub(super) fn get(&self, id: ConnectId) -> Option<Slot> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn open(&mut self, id: ConnectId, tunnel: TunnelId) {
        self.by_id.insert(id, Slot::Open(tunnel));
    }

    /// How many stand for something.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn closing(&self) -> usize {
        self.closing
    }

    /// Remembers a number as closing until then, if there is room.
    pub(super) fn close(&mut self, id: ConnectId, until: Instant) {
        self.forget(id);
        if self.expiries.len() < MOST_CLOSING {
            self.by_id.insert(id, Slot::Closing);
            self.expiries.push_back((until, id));
            self.closing += 1;
        }
    }

    pub(super) fn forget(&mut self, id: ConnectId) -> Option<Slot> {
        let slot = self.by_id.remove(&id);
        if slot == Some(Slot::Closing) {
            self.closing -= 1;
            // Agents answer in order, so the answered ones are in front.
            while let Some((_, first)) = self.expiries.front()
                && self.by_id.get(first) != Some(&Slot::Closing)
            {
                self.expiries.pop_front();
            }
        }
        slot
    }

    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((until, id)) = self.expiries.front().copied()
            && until <= now
        {
            self.expiries.pop_front();
            if self.by_id.get(&id) == Some(&Slot::Closing) {
                self.by_id.remove(&id);
                self.closing -= 1;
            }
        }
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.front().map(|(until, _)| *until)
    }
}
