//! How much of a tunnel may be under way, in each direction.
//!
//! With a peer that knows windows, the reader's end says how much it has read. With one that does not, what may be
//! under way ends at the HTTP/2 stream: sent is as good as read, and what comes in is bounded by closing the tunnel.

/// The bytes that one end sends on one tunnel.
#[derive(Debug, Clone)]
pub(crate) struct SendFlow {
    limit: u64,
    under_way: u64,
    returned_by: Returns,
}

/// Who says that bytes are no longer under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returns {
    /// The peer, when they are read.
    Peer,
    /// The transport, when it took them.
    Transport,
}

impl SendFlow {
    pub(crate) fn new(limit: u64, returned_by: Returns) -> Self {
        Self { limit, under_way: 0, returned_by }
    }

    /// How much may be under way at once.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Takes bytes to be sent. False if they are more than was granted.
    pub(crate) fn send(&mut self, bytes: u64) -> bool {
        if self.limit - self.under_way < bytes {
            return false;
        }
        self.under_way += bytes;
        true
    }

    /// What may be sent anew when `who` returns bytes. `None` if these were never under way.
    pub(crate) fn returned(&mut self, who: Returns, bytes: u64) -> Option<u64> {
        if who != self.returned_by {
            return Some(0);
        }
        self.under_way = self.under_way.checked_sub(bytes)?;
        Some(bytes)
    }
}

/// The bytes that come in on one tunnel.
#[derive(Debug, Clone)]
pub(crate) struct ReceiveFlow {
    limit: u64,
    unread: u64,
    /// Read and not yet told to the peer; `None` if it would not understand.
    untold: Option<u64>,
}

impl ReceiveFlow {
    pub(crate) fn new(limit: u64, tells_peer: bool) -> Self {
        Self { limit, unread: 0, untold: tells_peer.then_some(0) }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes came. False if they are more than the limit leaves.
    pub(crate) fn receive(&mut self, bytes: u64) -> bool {
        let fits = self.limit - self.unread - self.untold.unwrap_or(0) >= bytes;
        if fits {
            self.unread += bytes;
        }
        fits
    }

    /// Bytes were read. Answers what is to be told to the peer now: half a window at once, so that a stream of small
    /// reads does not become a stream of small frames.
    pub(crate) fn read(&mut self, bytes: u64) -> Option<u64> {
        let bytes = bytes.min(self.unread);
        self.unread -= bytes;
        let untold = self.untold.as_mut()?;
        *untold += bytes;
        (*untold > 0 && *untold >= self.limit / 2).then(|| std::mem::take(untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_under_way_than_the_limit_and_only_what_was_sent_returns() {
        let mut flow = SendFlow::new(10, Returns::Peer);
        assert!(flow.send(6) && flow.send(4) && !flow.send(1));
        assert_eq!(flow.returned(Returns::Transport, 6), Some(0), "the peer has not read it");
        assert_eq!(flow.returned(Returns::Peer, 6), Some(6));
        assert!(flow.send(6));
        assert_eq!(flow.returned(Returns::Peer, 11), None);
    }

    #[test]
    fn what_is_read_is_told_by_half_windows_and_can_be_sent_again() {
        let mut flow = ReceiveFlow::new(10, true);
        assert!(flow.receive(10) && !flow.receive(1));
        assert_eq!(flow.read(4), None);
        assert!(!flow.receive(1), "the peer has not been told yet");
        assert_eq!(flow.read(1), Some(5));
        assert!(flow.receive(5));
    }

    #[test]
    fn a_peer_without_windows_may_send_again_what_was_read() {
        let mut flow = ReceiveFlow::new(10, false);
        assert!(flow.receive(10));
        assert_eq!(flow.read(3), None);
        assert!(flow.receive(3) && !flow.receive(1));
    }
}
