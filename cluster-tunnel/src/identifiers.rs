//! What an agent says it can reach, in the form of the header `agentidentifiers`: a URL's query.

use crate::ClusterName;

/// The key that this crate's agents name their cluster with. Servers of others ignore it.
const CLUSTER: &str = "cluster";

/// The identifiers of an agent, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identifiers(Vec<(String, String)>);

impl Identifiers {
    /// Reads a header's value, such as `ipv4=10.0.0.1&default-route=true`.
    pub fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// Those of an agent that speaks for a cluster.
    pub fn of_cluster(cluster: &ClusterName) -> Self {
        // The server of upstream chooses among these agents for every address (`defaultRoute`).
        Self(vec![(CLUSTER.to_owned(), cluster.to_string()), ("default-route".to_owned(), "true".to_owned())])
    }

    /// The same with one more.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.0.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The first value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The cluster that is named, if one is.
    pub fn cluster(&self) -> Option<&str> {
        self.get(CLUSTER)
    }

    /// A header's value.
    pub fn to_query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_it_was_written() {
        let identifiers = Identifiers::of_cluster(&"m1".parse().unwrap()).with("host", "a b&c");
        assert_eq!(identifiers.to_query(), "cluster=m1&default-route=true&host=a+b%26c");
        assert_eq!(Identifiers::parse(&identifiers.to_query()), identifiers);
        assert_eq!(identifiers.cluster(), Some("m1"));
        assert_eq!(Identifiers::parse("ipv4=127.0.0.1").cluster(), None);
    }
}
