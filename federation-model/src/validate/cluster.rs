//! `KubeFedCluster`: KubeFed's rules.

use super::{Violation, brought_in, is_dns_subdomain};
use crate::KubeFedCluster;

/// What is wrong with a cluster's spec; `old` is the one that it replaces.
pub fn validate_cluster(new: &KubeFedCluster, old: Option<&KubeFedCluster>) -> Vec<Violation> {
    match old {
        Some(old) => brought_in(all(new), &all(old)),
        None => all(new),
    }
}

fn all(cluster: &KubeFedCluster) -> Vec<Violation> {
    let spec = &cluster.spec;
    let mut found = Vec::new();
    if let Some(message) = endpoint_trouble(&spec.api_endpoint) {
        found.push(Violation::new("spec.apiEndpoint", message));
    }
    if !is_dns_subdomain(&spec.secret_ref.name) {
        found.push(Violation::new(
            "spec.secretRef.name",
            "must be the name of a Secret in this namespace, with key token",
        ));
    }
    for (i, check) in spec.disabled_tls_validations.iter().enumerate() {
        let field = format!("spec.disabledTLSValidations[{i}]");
        match check.as_str() {
            "*" if spec.disabled_tls_validations.len() > 1 => {
                found.push(Violation::new(field, "* stands for all checks; write it alone"));
            }
            "*" | "SubjectName" | "ValidityPeriod" => {}
            other => found
                .push(Violation::new(field, format!("{other:?} is none of *, SubjectName, ValidityPeriod"))),
        }
    }
    if let Some(proxy) = &spec.proxy_url
        && !["http://", "https://", "socks5://"].iter().any(|scheme| proxy.starts_with(scheme))
    {
        found.push(Violation::new("spec.proxyURL", "must begin with http://, https:// or socks5://"));
    }
    found
}

fn endpoint_trouble(endpoint: &str) -> Option<String> {
    if endpoint.is_empty() {
        return Some("is required: a host, host:port or http/https URL".to_owned());
    }
    let rest = match endpoint.split_once("://") {
        None => endpoint,
        Some(("http" | "https", rest)) => rest,
        Some((scheme, _)) => return Some(format!("scheme {scheme:?} is neither http nor https")),
    };
    let authority = rest.split('/').next().unwrap_or_default();
    // An IPv6 address is in brackets; a port is what follows the last colon outside them.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Some("names no host".to_owned());
    }
    match port.map(str::parse::<u16>) {
        None => None,
        Some(Ok(port)) if port > 0 => None,
        Some(_) => Some("its port is not a number from 1 to 65535".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KubeFedClusterSpec, LocalSecretReference};

    fn cluster(endpoint: &str, tls: &[&str], proxy: Option<&str>, secret: &str) -> KubeFedCluster {
        let spec = KubeFedClusterSpec {
            api_endpoint: endpoint.to_owned(),
            secret_ref: LocalSecretReference { name: secret.to_owned() },
            disabled_tls_validations: tls.iter().map(|s| (*s).to_owned()).collect(),
            proxy_url: proxy.map(str::to_owned),
            ..KubeFedClusterSpec::default()
        };
        KubeFedCluster::new("c", spec)
    }

    fn fields(endpoint: &str, tls: &[&str], proxy: Option<&str>, secret: &str) -> Vec<String> {
        let found = validate_cluster(&cluster(endpoint, tls, proxy, secret), None);
        found.into_iter().map(|v| v.field).collect()
    }

    #[test]
    fn kubefeds_rules() {
        for endpoint in
            ["host", "host:6443", "https://host", "http://1.2.3.4:80/path", "https://[::1]:6443", "[::1]"]
        {
            assert!(fields(endpoint, &[], None, "s").is_empty(), "{endpoint}");
        }
        for endpoint in ["", "ftp://host", "host:0", "host:99999", "https://", "https://:443"] {
            assert_eq!(fields(endpoint, &[], None, "s"), ["spec.apiEndpoint"], "{endpoint}");
        }
        assert_eq!(
            fields("h", &["*", "SubjectName"], Some("ftp://p"), ""),
            ["spec.secretRef.name", "spec.disabledTLSValidations[0]", "spec.proxyURL"]
        );
        assert_eq!(fields("h", &["Nothing"], Some("socks5://p"), "s"), ["spec.disabledTLSValidations[0]"]);
    }

    #[test]
    fn what_was_wrong_before_stays_editable() {
        let old = cluster("ftp://host", &[], None, "s");
        let mut new = old.clone();
        new.metadata.labels = Some([("zone".to_owned(), "a".to_owned())].into());
        assert_eq!(validate_cluster(&new, Some(&old)), []);
        new.spec.proxy_url = Some("ftp://p".to_owned());
        let found = validate_cluster(&new, Some(&old));
        assert_eq!(found.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), ["spec.proxyURL"]);
    }
}
