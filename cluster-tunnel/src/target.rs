//! What is dialled through a tunnel, and how clients say so by a host's name.

use crate::ClusterName;

/// Where an API server is for pods of its own cluster: understood by every agent that runs in one.
pub const API_SERVER: &str = "kubernetes.default.svc:443";

/// What an agent is to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The cluster's API server, wherever the agent finds it.
    ApiServer,
    /// This `host:port`, as the agent's network has it.
    Address(String),
}

impl Target {
    /// What is written in a dial.
    pub fn address(&self) -> &str {
        match self {
            Self::ApiServer => API_SERVER,
            Self::Address(address) => address,
        }
    }
}

/// How host names of clients become clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostNames {
    /// What follows a cluster's name in a host's name: `m1.tunnel.internal` is the API server of `m1`.
    pub suffix: String,
    /// Whose agents dial addresses that name no cluster. `None` refuses them.
    pub otherwise: Option<ClusterName>,
}

impl Default for HostNames {
    fn default() -> Self {
        Self { suffix: "tunnel.internal".to_owned(), otherwise: None }
    }
}

/// An address that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoRoute {
    /// The address is not `host:port`.
    #[error("the address {0:?} is not host:port")]
    Address(String),
    /// No cluster is named.
    #[error(
        "the address {address:?} names no cluster: write <cluster>.{suffix}:443, or name the cluster in the header {}",
        crate::CLUSTER_HEADER
    )]
    NoCluster {
        /// The address.
        address: String,
        /// What ends a name that names one.
        suffix: String,
    },
    /// The cluster's name is none.
    #[error(transparent)]
    Name(#[from] crate::InvalidClusterName),
}

impl HostNames {
    /// Where a client wants to go: `address` is what it dials, `header` the cluster that it names beside it.
    ///
    /// With a header the address is meant literally, in that cluster.
    pub fn route(&self, address: &str, header: Option<&str>) -> Result<(ClusterName, Target), NoRoute> {
        let host = match address.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => host,
            _ => return Err(NoRoute::Address(address.to_owned())),
        };
        let named = host.strip_suffix(self.suffix.as_str()).and_then(|name| name.strip_suffix('.'));
        match (header, named) {
            (Some(name), Some(same)) if name == same => Ok((name.parse()?, Target::ApiServer)),
            (Some(name), _) => Ok((name.parse()?, Target::Address(address.to_owned()))),
            (None, Some(name)) => Ok((name.parse()?, Target::ApiServer)),
            (None, None) => match &self.otherwise {
                Some(cluster) => Ok((cluster.clone(), Target::Address(address.to_owned()))),
                None => Err(NoRoute::NoCluster { address: address.to_owned(), suffix: self.suffix.clone() }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_named_by_host_or_by_header() {
        let names = HostNames::default();
        let cluster: ClusterName = "m1".parse().unwrap();
        let literal = Target::Address("10.0.0.1:8443".to_owned());
        assert_eq!(names.route("m1.tunnel.internal:443", None), Ok((cluster.clone(), Target::ApiServer)));
        assert_eq!(names.route("10.0.0.1:8443", Some("m1")), Ok((cluster.clone(), literal.clone())));
        assert_eq!(
            names.route("m1.tunnel.internal:443", Some("m1")),
            Ok((cluster.clone(), Target::ApiServer))
        );
        assert!(matches!(names.route("10.0.0.1:8443", None), Err(NoRoute::NoCluster { .. })));
        assert!(matches!(names.route("tunnel.internal:1", None), Err(NoRoute::NoCluster { .. })));
        assert!(matches!(names.route("m1.tunnel.internal", None), Err(NoRoute::Address(_))));
        assert!(matches!(names.route("M1.tunnel.internal:443", None), Err(NoRoute::Name(_))));
        let names = HostNames { otherwise: Some(cluster.clone()), ..names };
        assert_eq!(names.route("10.0.0.1:8443", None), Ok((cluster, literal)));
    }
}
