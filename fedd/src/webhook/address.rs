//! Where the API server finds the webhook.

use std::fmt;
use std::str::FromStr;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    ServiceReference as AdmissionService, WebhookClientConfig as AdmissionClientConfig,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    ServiceReference as ConversionService, WebhookClientConfig as ConversionClientConfig,
};

/// Where the API server finds the webhook: what is written into webhook configurations and CRDs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookAddress {
    /// `https://host[:port]`, for an API server that is not inside a cluster or does not route to Services.
    Url(WebhookUrl),
    /// A Service of the cluster that the API server belongs to.
    Service(WebhookService),
}

/// `https://host[:port]`, without a path: each kind of call has its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl {
    host: String,
    port: u16,
}

/// A Service and the port on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookService {
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub name: String,
    /// Port of the Service (not of the pod behind it).
    pub port: u16,
}

/// A text that is no webhook address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not `https://host[:port]`.
    #[error("'{0}' is not a webhook URL; write https://host:port, without a path")]
    Url(String),
    /// Not `namespace/name[:port]`.
    #[error("'{0}' is not a Service; write namespace/name:port")]
    Service(String),
}

impl WebhookUrl {
    /// The host, without the brackets that an IPv6 address has in a URL.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "https://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "https://{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for WebhookUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError::Url(text.to_owned());
        let uri: http::Uri = text.parse().map_err(|_| error())?;
        let authority = uri.authority().ok_or_else(error)?;
        let bare =
            matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.as_str().contains('@');
        if uri.scheme_str() != Some("https") || !bare || authority.host().is_empty() {
            return Err(error());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: authority.port_u16().unwrap_or(443) })
    }
}

impl FromStr for WebhookService {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError::Service(text.to_owned());
        let (namespace, rest) = text.split_once('/').ok_or_else(error)?;
        let (name, port) = match rest.split_once(':') {
            Some((name, port)) => (name, port.parse().map_err(|_| error())?),
            None => (rest, 443),
        };
        if namespace.is_empty() || name.is_empty() || name.contains('/') || port == 0 {
            return Err(error());
        }
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned(), port })
    }
}

impl WebhookAddress {
    /// The names and IP addresses that a certificate must carry for an API server to accept it at this address.
    pub fn certificate_names(&self) -> Vec<String> {
        match self {
            Self::Url(url) => vec![url.host.clone()],
            Self::Service(WebhookService { namespace, name, .. }) => vec![
                // The name that an API server asks for.
                format!("{name}.{namespace}.svc"),
                format!("{name}.{namespace}.svc.cluster.local"),
                format!("{name}.{namespace}"),
            ],
        }
    }

    /// The address in a webhook configuration; `bundle` is PEM, absent when the API server's own roots do.
    pub fn admission_client(&self, path: &str, bundle: Option<&[u8]>) -> AdmissionClientConfig {
        let ca_bundle = bundle.map(|b| ByteString(b.to_vec()));
        match self {
            Self::Url(url) => {
                AdmissionClientConfig { ca_bundle, service: None, url: Some(format!("{url}{path}")) }
            }
            Self::Service(WebhookService { namespace, name, port }) => AdmissionClientConfig {
                ca_bundle,
                service: Some(AdmissionService {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    path: Some(path.to_owned()),
                    port: Some(i32::from(*port)),
                }),
                url: None,
            },
        }
    }

    /// The address in a CRD's conversion; `bundle` as above.
    pub fn conversion_client(&self, path: &str, bundle: Option<&[u8]>) -> ConversionClientConfig {
        let ca_bundle = bundle.map(|b| ByteString(b.to_vec()));
        match self {
            Self::Url(url) => {
                ConversionClientConfig { ca_bundle, service: None, url: Some(format!("{url}{path}")) }
            }
            Self::Service(WebhookService { namespace, name, port }) => ConversionClientConfig {
                ca_bundle,
                service: Some(ConversionService {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    path: Some(path.to_owned()),
                    port: Some(i32::from(*port)),
                }),
                url: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_written_back() {
        for (text, host, written) in [
            ("https://127.0.0.1:9443", "127.0.0.1", "https://127.0.0.1:9443"),
            ("https://hooks.example.org/", "hooks.example.org", "https://hooks.example.org:443"),
            ("https://[::1]:8443", "::1", "https://[::1]:8443"),
        ] {
            let url: WebhookUrl = text.parse().unwrap();
            assert_eq!((url.host(), url.to_string().as_str()), (host, written));
        }
        for bad in ["http://h:1", "https://h:1/path", "https://u@h:1", "https://", "h:1", "https://h?x"] {
            assert!(bad.parse::<WebhookUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn services_are_read_and_named_as_an_api_server_asks_for_them() {
        let service: WebhookService = "fed/hooks:8443".parse().unwrap();
        assert_eq!(service, WebhookService { namespace: "fed".into(), name: "hooks".into(), port: 8443 });
        assert_eq!("fed/hooks".parse::<WebhookService>().unwrap().port, 443);
        assert!(WebhookAddress::Service(service).certificate_names().contains(&"hooks.fed.svc".to_owned()));
        for bad in ["hooks", "/hooks", "fed/", "fed/hooks:x", "fed/hooks:0", "a/b/c"] {
            assert!(bad.parse::<WebhookService>().is_err(), "{bad}");
        }
    }
}
