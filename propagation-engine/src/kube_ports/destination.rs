//! Where a cluster's token is sent.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use federation_model::KubeFedCluster;

/// Where a cluster's token is sent, and what is to prove that it is there, as one line: the address, and the authorities
/// that sign its certificate. A sealed token says for which destination it was sealed, so that who changes the cluster
/// does not get the token.
///
/// A proxy or a tunnel is on the way, and sees nothing of what is encrypted; so it is not part of this.
pub fn destination(cluster: &KubeFedCluster) -> String {
    let spec = &cluster.spec;
    let mut line = spec.api_endpoint.clone();
    if !spec.disabled_tls_validations.is_empty() {
        line.push_str(" unverified");
    } else if let Some(ca) = &spec.ca_bundle {
        line.push_str(" ca=sha256:");
        for byte in digest(&SHA256, &ca.0).as_ref() {
            // Text is written to memory.
            let _ = write!(line, "{byte:02x}");
        }
    } else {
        line.push_str(" ca=system");
    }
    line
}

#[cfg(test)]
mod tests {
    use federation_model::KubeFedClusterSpec;
    use k8s_openapi::ByteString;

    use super::*;

    fn of(change: impl FnOnce(&mut KubeFedClusterSpec)) -> String {
        let mut cluster = KubeFedCluster::new("m1", KubeFedClusterSpec::default());
        cluster.spec.api_endpoint = "https://m1:6443".to_owned();
        cluster.spec.ca_bundle = Some(ByteString(b"abc".to_vec()));
        change(&mut cluster.spec);
        destination(&cluster)
    }

    #[test]
    fn whatever_leads_a_token_to_somebody_else_is_in_it() {
        // FIPS 180-2, appendix B.1.
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of(|_| ()), format!("https://m1:6443 ca=sha256:{hash}"));
        let others = [
            of(|spec| spec.api_endpoint = "https://m2:6443".to_owned()),
            of(|spec| spec.ca_bundle = None),
            of(|spec| spec.ca_bundle = Some(ByteString(b"abd".to_vec()))),
            of(|spec| spec.disabled_tls_validations = vec!["*".to_owned()]),
        ];
        assert!(others.iter().all(|other| *other != of(|_| ())));
        assert_eq!(of(|spec| spec.proxy_url = Some("http://p:3128".to_owned())), of(|_| ()));
    }
}
