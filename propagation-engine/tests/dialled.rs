//! Members behind a dialer: what is asked over its connections, and what its failures are called.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use std::sync::Arc;

use federation_model::{KubeFedCluster, KubeFedClusterSpec, LocalSecretReference, TOKEN_KEY, annotation};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use parking_lot::Mutex;
use propagation_engine::kube_ports::{AccessError, DialError, Dialer, Dialled, MemberAccess, Timeouts};
use propagation_engine::ports::{ApiFailure, Member as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Its connections end at an API server that knows no object, or there are none.
#[derive(Default)]
struct Fake {
    failure: Option<DialError>,
    dialled: Mutex<Vec<String>>,
    asked: Arc<Mutex<String>>,
}

impl Dialer for Fake {
    fn dial(&self, cluster: &str) -> BoxFuture<'static, Result<Dialled, DialError>> {
        self.dialled.lock().push(cluster.to_owned());
        let (failure, asked) = (self.failure.clone(), self.asked.clone());
        async move {
            if let Some(failure) = failure {
                return Err(failure);
            }
            let (near, mut far) = tokio::io::duplex(64 << 10);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while let Ok(length @ 1..) = far.read(&mut request).await {
                    asked.lock().push_str(&String::from_utf8_lossy(&request[..length]));
                    far.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                }
            });
            Ok(Dialled::new(near))
        }
        .boxed()
    }
}

fn access(tunnel: &str, proxy: Option<&str>) -> MemberAccess {
    let spec = KubeFedClusterSpec {
        api_endpoint: "http://m1.invalid:6443".to_owned(),
        secret_ref: LocalSecretReference { name: "m1-token".to_owned() },
        proxy_url: proxy.map(str::to_owned),
        ..KubeFedClusterSpec::default()
    };
    let mut cluster = KubeFedCluster::new("m1", spec);
    cluster.metadata.annotations = Some([(annotation::TUNNEL.to_owned(), tunnel.to_owned())].into());
    let token = (TOKEN_KEY.to_owned(), ByteString(b"abc".to_vec()));
    MemberAccess::of(&cluster, Some(&Secret { data: Some([token].into()), ..Secret::default() })).unwrap()
}

#[tokio::test]
async fn requests_are_the_clusters_over_the_tunnels_connections() {
    let fake = Arc::new(Fake::default());
    let dialer: Arc<dyn Dialer> = fake.clone();
    let member = access("true", None).connect(Timeouts::default(), Some(&dialer)).unwrap();
    member.probe().await.unwrap_err();
    assert_eq!(fake.dialled.lock().as_slice(), ["m1"]);
    let asked = fake.asked.lock().to_lowercase();
    for part in ["host: m1.invalid:6443", "authorization: bearer abc"] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
}

#[tokio::test]
async fn a_tunnel_that_is_down_is_told_from_an_api_server_that_is() {
    let failure = async |failure: DialError| {
        let dialer: Arc<dyn Dialer> = Arc::new(Fake { failure: Some(failure), ..Fake::default() });
        let member = access("m2", None).connect(Timeouts::default(), Some(&dialer)).unwrap();
        member.probe().await.unwrap_err()
    };
    let down = failure(DialError::TunnelDown("no agent".to_owned())).await;
    assert_eq!(down, ApiFailure::TunnelDown("no agent".to_owned()));
    let behind = failure(DialError::ApiServerDown("connection refused".to_owned())).await;
    assert!(
        matches!(&behind, ApiFailure::Unreachable(words) if words.contains("the API server behind it is not: connection refused")),
        "{behind:?}"
    );
}

#[test]
fn what_cannot_be_dialled_is_told() {
    let without = access("true", None).connect(Timeouts::default(), None).err();
    assert_eq!(without, Some(AccessError::NoTunnels("m1".to_owned())));
    let both = access("true", Some("http://proxy:3128")).connect(Timeouts::default(), None).err();
    assert_eq!(both, Some(AccessError::ProxyAndTunnel));
}
