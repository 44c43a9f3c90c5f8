//! TLS, and who is let in.

use std::sync::Arc;

use etcd_endpoint::{
    Endpoint, Identity, ListenUrl, Listening, ServeError, ServerTls,
    client::{ClientTls, EtcdClient},
};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use revision_store::MemoryStore;

/// An authority.
struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate and its key.
    fn signs(&self, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

fn endpoint() -> Endpoint {
    let identity = Identity { name: "test".to_owned(), client_urls: Vec::new() };
    Endpoint::new(Arc::new(MemoryStore::new()), identity)
}

#[tokio::test]
async fn only_clients_of_the_authority_are_let_in() {
    let (servers, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let (certificate, key) = servers.signs(ExtendedKeyUsagePurpose::ServerAuth);
    let tls = ServerTls { certificate, key, client_authority: Some(clients.certificate.clone()) };
    let listen: ListenUrl = "https://127.0.0.1:0".parse().unwrap();
    let listening = Listening::bind(endpoint(), &[listen], Some(tls)).await.unwrap();
    let url = listening.urls().next().unwrap().to_string();
    let serving = tokio::spawn(listening.run(std::future::pending()));

    let ask = async |identity| {
        let tls = ClientTls { authority: servers.certificate.clone(), identity };
        EtcdClient::connect(&url, Some(&tls)).await?.revision().await
    };
    let identity = |authority: &Authority| Some(authority.signs(ExtendedKeyUsagePurpose::ClientAuth));
    assert_eq!(ask(identity(&clients)).await.unwrap(), 1);
    assert!(ask(None).await.is_err(), "without a certificate");
    assert!(ask(identity(&others)).await.is_err(), "of another authority");
    assert!(EtcdClient::connect(&url, None).await.is_err(), "the server's authority is not trusted");
    serving.abort();
}

#[tokio::test]
async fn what_everybody_could_reach_is_not_served() {
    let url = |text: &str| -> ListenUrl { text.parse().unwrap() };
    let (certificate, key) = Authority::new().signs(ExtendedKeyUsagePurpose::ServerAuth);
    let tls =
        || Some(ServerTls { certificate: certificate.clone(), key: key.clone(), client_authority: None });
    let open = Listening::bind(endpoint(), &[url("https://0.0.0.0:0")], tls()).await.unwrap_err();
    assert!(matches!(open, ServeError::NoClientAuthority { .. }));
    let bare = Listening::bind(endpoint(), &[url("https://127.0.0.1:0")], None).await.unwrap_err();
    assert!(matches!(bare, ServeError::NoCertificate { .. }));
    let folder = tempfile::tempdir().unwrap();
    let socket = url(&format!("unix://{}/etcd", folder.path().display()));
    let first = Listening::bind(endpoint(), std::slice::from_ref(&socket), None).await.unwrap();
    let second = Listening::bind(endpoint(), std::slice::from_ref(&socket), None).await.unwrap_err();
    assert!(matches!(second, ServeError::Listen { .. }), "it is in use");
    drop(first);
    assert!(Listening::bind(endpoint(), &[socket], None).await.is_ok());
}
