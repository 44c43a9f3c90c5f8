//! What an agent may connect to: its API server, and what is allowed beside it.

use std::{fmt, path::PathBuf, str::FromStr};

use crate::target::API_SERVER;

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `host:port`.
    Tcp(String),
    /// A Unix socket.
    Unix(PathBuf),
}

/// An address that cannot be allowed or connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address: write host:port, *:port, host:* or, for the API server, unix:/path")]
pub struct InvalidTarget(String);

/// What an agent may connect to.
#[derive(Debug, Clone)]
pub struct Targets {
    api_server: Endpoint,
    allowed: Vec<Allowed>,
}

#[derive(Debug, Clone)]
struct Allowed {
    /// `None` is every host.
    host: Option<String>,
    /// `None` is every port.
    port: Option<u16>,
}

impl Targets {
    /// The API server alone. Dials of [`API_SERVER`](crate::API_SERVER) and of its own address lead there.
    pub fn api_server(endpoint: Endpoint) -> Self {
        Self { api_server: endpoint, allowed: Vec::new() }
    }

    /// Allows one more address, literally as it is dialled: `host:port`, `*:port`, `host:*` or `*:*`.
    pub fn allow(mut self, pattern: &str) -> Result<Self, InvalidTarget> {
        let invalid = || InvalidTarget(pattern.to_owned());
        let (host, port) = split(pattern).ok_or_else(invalid)?;
        let host = (host != "*").then(|| host.to_ascii_lowercase());
        let port = match port {
            "*" => None,
            port => Some(port.parse().map_err(|_| invalid())?),
        };
        self.allowed.push(Allowed { host, port });
        Ok(self)
    }

    /// Where a dialled address leads; `None` if it may not be dialled.
    pub fn resolve(&self, address: &str) -> Option<Endpoint> {
        let (host, port) = split(address)?;
        let port: u16 = port.parse().ok()?;
        if address == API_SERVER || matches!(&self.api_server, Endpoint::Tcp(own) if own == address) {
            return Some(self.api_server.clone());
        }
        let host = host.to_ascii_lowercase();
        let fits = |allowed: &Allowed| {
            allowed.host.as_ref().is_none_or(|wanted| *wanted == host)
                && allowed.port.is_none_or(|wanted| wanted == port)
        };
        self.allowed.iter().any(fits).then(|| Endpoint::Tcp(address.to_owned()))
    }
}

fn split(address: &str) -> Option<(&str, &str)> {
    address.rsplit_once(':').filter(|(host, port)| !host.is_empty() && !port.is_empty())
}

impl FromStr for Endpoint {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        match split(text) {
            Some((_, port)) if port.parse::<u16>().is_ok() => Ok(Self::Tcp(text.to_owned())),
            _ => Err(InvalidTarget(text.to_owned())),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => formatter.write_str(address),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_only_the_api_server_can_be_dialled() {
        let targets = Targets::api_server(Endpoint::Tcp("10.96.0.1:443".to_owned()));
        let api_server = Some(Endpoint::Tcp("10.96.0.1:443".to_owned()));
        assert_eq!(targets.resolve(API_SERVER), api_server);
        assert_eq!(targets.resolve("10.96.0.1:443"), api_server);
        for other in ["10.96.0.1:444", "10.0.0.7:443", "169.254.169.254:80", "", ":443", "10.96.0.1"] {
            assert_eq!(targets.resolve(other), None, "{other}");
        }
        let socket: Endpoint = "unix:/run/api.sock".parse().unwrap();
        assert_eq!(Targets::api_server(socket.clone()).resolve(API_SERVER), Some(socket));
    }

    #[test]
    fn more_is_allowed_by_host_and_port() {
        let targets = Targets::api_server("[::1]:6443".parse().unwrap())
            .allow("metrics.kube-system.svc:443")
            .and_then(|targets| targets.allow("*:10250"))
            .unwrap();
        assert!(targets.resolve("Metrics.kube-system.svc:443").is_some());
        assert!(targets.resolve("10.0.0.7:10250").is_some());
        assert!(targets.resolve("metrics.kube-system.svc:444").is_none());
        for wrong in ["x", "x:", ":1", "x:y", "x:70000"] {
            assert!(targets.clone().allow(wrong).is_err(), "{wrong}");
        }
    }
}
