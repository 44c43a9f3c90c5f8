//! What is served without gRPC.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::served::Served;

async fn get(served: &Served, path: &str) -> String {
    let mut stream = UnixStream::connect(served.socket()).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: etcd\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn health_version_and_metrics() {
    let served = Served::memory().await;
    served.client().await.put_new("a", "1", 0).await.unwrap();
    assert!(get(&served, "/health").await.contains(r#""health":"true""#));
    assert!(get(&served, "/version").await.contains(r#""etcdserver":"3."#));
    let metrics = get(&served, "/metrics").await;
    assert!(metrics.contains("fedd_etcd_endpoint_writes_total 1\n"), "{metrics}");
    assert!(metrics.contains("fedd_etcd_endpoint_revision 2\n"), "{metrics}");
    served.store.close().await;
    let unhealthy = get(&served, "/health").await;
    assert!(
        unhealthy.starts_with("HTTP/1.0 503") && unhealthy.contains(r#""health":"false""#),
        "{unhealthy}"
    );
}
