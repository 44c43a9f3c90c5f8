//! Limits and times of a server.

use std::time::Duration;

use crate::body::Yaml;
use crate::rest::WatchSettings;

/// Limits and times of a server, with their defaults.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Longest body of a request, in bytes. Default 3 MiB, as kube-apiserver.
    pub longest_body: usize,
    /// Most requests at once, watches not counted. Default 600, the sum of kube-apiserver's two limits. What is more is
    /// answered 429, unless it is of a member of `system:masters` or asks for health.
    pub in_flight: usize,
    /// Most watches at once. Default 20,000. What is more is answered 429.
    pub watches: usize,
    /// Most connections at once. Default 20,000.
    pub connections: usize,
    /// How long a TLS handshake and the head of a request may take. Default 10 s.
    pub handshake: Duration,
    /// How long requests under way may go on when the server stops. Default 5 s.
    pub drain: Duration,
    /// How long old revisions are kept, at least; at most twice as long. Default 5 min, as kube-apiserver.
    pub compaction: Duration,
    /// Times of watches.
    pub watch: WatchSettings,
    /// YAML, for those who send it or ask for it. Without it only JSON can be applied, and other YAML is answered 415
    /// and 406.
    pub yaml: Option<Yaml>,
    /// The host and port at which clients reach the server, for discovery.
    pub address: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            longest_body: 3 << 20,
            in_flight: 600,
            watches: 20_000,
            connections: 20_000,
            handshake: Duration::from_secs(10),
            drain: Duration::from_secs(5),
            compaction: Duration::from_secs(300),
            watch: WatchSettings::default(),
            yaml: None,
            address: "127.0.0.1:6443".to_owned(),
        }
    }
}
