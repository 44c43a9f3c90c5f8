//! The name that a cluster is reached by.

use std::{fmt, str::FromStr, sync::Arc};

/// The name of a cluster: a DNS subdomain, since it is part of host names. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName(Arc<str>);

/// A name that cannot be a cluster's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot be a cluster's name: write a DNS subdomain, 1 to 253 of a-z, 0-9, - and .")]
pub struct InvalidClusterName(String);

impl ClusterName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClusterName {
    type Err = InvalidClusterName;

    fn from_str(text: &str) -> Result<Self, InvalidClusterName> {
        let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let label = |label: &str| {
            !label.is_empty() && label.bytes().all(inside) && !label.starts_with('-') && !label.ends_with('-')
        };
        if text.len() <= 253 && text.split('.').all(label) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidClusterName(text.to_owned()))
        }
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ClusterName;

    #[test]
    fn names_are_dns_subdomains() {
        for good in ["a", "m1", "rz00a.bank-prod", "0a7d2c1e-9d5f-4c4e-8a59-0c5d2f1f6a11"] {
            assert!(good.parse::<ClusterName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "a..b", "A", "-a", "a-", "a.-b", "a b", "a/b", "ä", &"a.".repeat(127)] {
            assert!(bad.parse::<ClusterName>().is_err(), "{bad}");
        }
    }
}
