//! Why there is no tunnel, or no tunnel any more.

/// Why a dial failed or a tunnel ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// No agent of the cluster is connected: the tunnel is down, not the API server.
    #[error("no agent of the cluster is connected")]
    NoAgent,
    /// The agent could not connect, or may not: the API server is down, not the tunnel.
    #[error("the agent did not connect: {0}")]
    Refused(String),
    /// The agent did not answer a dial in time.
    #[error("no agent answered the dial in time")]
    TimedOut,
    /// The cluster has as many tunnels as it may have.
    #[error("the cluster has its {0} tunnels: end some, or raise the limit")]
    TooMany(usize),
    /// The other end closed the tunnel. Empty text is an end in good order.
    #[error("the other end closed the tunnel{}{}", if .0.is_empty() { "" } else { ": " }, .0)]
    Closed(String),
    /// The stream between agent and server ended, with all its tunnels.
    #[error("the connection between agent and server was lost")]
    LinkLost,
    /// More was sent than the reader took, by a peer that knows no windows. Only this tunnel ends.
    #[error("the reader left {0} bytes unread, and the sender has no window")]
    NotReading(u64),
    /// The peer sent more than its window.
    #[error("the peer sent more than its window of {0} bytes")]
    WindowExceeded(u64),
    /// The peer said that more was read than was sent.
    #[error("the peer has read more than was sent")]
    WindowUnfounded,
    /// This end closed it.
    #[error("closed by its user")]
    ByUser,
    /// The caller may not reach this cluster.
    #[error("{0}")]
    Denied(String),
    /// The address names nothing to dial.
    #[error(transparent)]
    NoRoute(#[from] crate::NoRoute),
}

impl Reason {
    /// A fixed word for counters.
    pub fn category(&self) -> &'static str {
        match self {
            Self::NoAgent => "no_agent",
            Self::Refused(_) => "refused",
            Self::TimedOut => "timed_out",
            Self::TooMany(_) => "too_many",
            Self::Closed(_) => "closed",
            Self::LinkLost => "link_lost",
            Self::NotReading(_) => "not_reading",
            Self::WindowExceeded(_) => "window_exceeded",
            Self::WindowUnfounded => "window_unfounded",
            Self::ByUser => "by_user",
            Self::Denied(_) => "denied",
            Self::NoRoute(_) => "no_route",
        }
    }

    /// Whether the bytes before the end are all that there were.
    pub fn is_good_order(&self) -> bool {
        matches!(self, Self::Closed(error) if error.is_empty())
    }
}
