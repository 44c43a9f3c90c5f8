//! What waits for one HTTP/2 stream: by turns, so that no tunnel waits for another's bulk.

use std::collections::{BTreeMap, VecDeque};

use crate::frame::{ConnectId, Frame};

/// Frames in the order of their tunnel, tunnels by turns, and first what belongs to none.
///
/// How much a tunnel may have in here is bounded by its window; this only orders.
#[derive(Debug, Default)]
pub struct FairQueue {
    stream: VecDeque<Frame>,
    tunnels: BTreeMap<ConnectId, VecDeque<Frame>>,
    turns: VecDeque<ConnectId>,
}

impl FairQueue {
    /// Puts a frame behind those of its tunnel.
    pub fn push(&mut self, frame: Frame) {
        let Some(id) = frame.tunnel() else {
            self.stream.push_back(frame);
            return;
        };
        let queue = self.tunnels.entry(id).or_default();
        if queue.is_empty() {
            self.turns.push_back(id);
        }
        queue.push_back(frame);
    }

    /// The next frame to send.
    pub fn pop(&mut self) -> Option<Frame> {
        if let Some(frame) = self.stream.pop_front() {
            return Some(frame);
        }
        let id = self.turns.pop_front()?;
        let queue = self.tunnels.get_mut(&id)?;
        let frame = queue.pop_front();
        if queue.is_empty() {
            self.tunnels.remove(&id);
        } else {
            self.turns.push_back(id);
        }
        frame
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.stream.is_empty() && self.turns.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn data(id: i64, text: &'static str) -> Frame {
        Frame::Data { id: ConnectId(id), bytes: Bytes::from_static(text.as_bytes()) }
    }

    #[test]
    fn tunnels_take_turns_and_keep_their_order() {
        let mut queue = FairQueue::default();
        let close = Frame::CloseRequest { id: ConnectId(1) };
        let frames = [data(1, "a"), data(1, "b"), data(1, "c"), close.clone(), data(2, "x"), Frame::Drain];
        frames.into_iter().for_each(|frame| queue.push(frame));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [Frame::Drain, data(1, "a"), data(2, "x"), data(1, "b"), data(1, "c"), close]);
        assert!(queue.is_empty() && queue.tunnels.is_empty());
    }
}
