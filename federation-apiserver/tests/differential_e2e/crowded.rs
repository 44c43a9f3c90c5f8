//! More requests at once than a server takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Config;
use kube::client::ConfigExt as _;
use revision_store::MemoryStore;
use rustls::pki_types::ServerName;
use testbed::{ApiServerOptions, Testbed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::masking::Masks;
use crate::request::{self, Request};
use crate::server::{self, Server};
use crate::{Report, play};

/// How long the only place may take to be taken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes of somebody who has no rights at all: the limit is before them.
const REFUSED: &str = r#"
POST /api/v1/namespaces/default/configmaps
Impersonate-User: jane
{"metadata":{"name":"more"}}

PUT /api/v1/namespaces/default/configmaps/more
Impersonate-User: jane
Accept: application/yaml
{"metadata":{"name":"more"}}

MERGE /api/v1/namespaces/default/configmaps/more
Impersonate-User: jane
Accept: application/json;as=Table;v=v1;g=meta.k8s.io
{}

DELETE /api/v1/namespaces/default/configmaps
Impersonate-User: jane

POST /apis/nowhere/v1/things
Impersonate-User: jane
{}
"#;

/// What is never refused for want of a place.
const SERVED: &str = r#"
POST /api/v1/namespaces/default/configmaps
{"metadata":{"name":"by-an-administrator"}}

GET /api/v1/namespaces/default/configmaps?watch=true&timeoutSeconds=1
Impersonate-User: jane

GET /readyz
Impersonate-User: jane
"#;

/// Asked with room: it is the rights that are missing.
const WITH_ROOM: &str = r#"
POST /api/v1/namespaces/default/configmaps
Impersonate-User: jane
@until 403
{"metadata":{"name":"more"}}
"#;

/// A write that is under way until its body has come.
struct Held(TlsStream<TcpStream>);

/// The body of a write that is held; its second half comes when it is let go.
const HALVES: [&str; 2] = [r#"{"metadata":{"generateName":"#, r#""held-"}}"#];

impl Held {
    async fn begin(config: &Config) -> Self {
        let host = config.cluster_url.host().unwrap();
        let port = config.cluster_url.port_u16().unwrap();
        let stream = TcpStream::connect((host, port)).await.unwrap();
        let mut tls = config.rustls_client_config().unwrap();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let mut stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap();
        let length = HALVES.concat().len();
        let begun = format!(
            "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{}",
            HALVES[0]
        );
        stream.write_all(begun.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        Self(stream)
    }

    /// Sends what is missing of it. Its answer's first line.
    async fn end(mut self) -> String {
        self.0.write_all(HALVES[1].as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = self.0.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    }
}

/// Holds writes until one of them has the only place. They are an administrator's: those go on without a place if
/// somebody else's short request has it at the moment.
async fn crowd(server: &Server, config: &Config, refused: &Request) -> Vec<Held> {
    let begun = Instant::now();
    let mut held = Vec::new();
    loop {
        assert!(begun.elapsed() < PATIENCE, "nothing is refused, with {} writes under way", held.len());
        held.push(Held::begin(config).await);
        if server.send(refused, &Masks::default()).await.code == 429 {
            return held;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_limit_are_refused_as_by_a_real_api_server() {
    let testbed = Testbed::start().await.unwrap();
    // One limit on all requests, in the order of their coming: what kube-apiserver has without priorities.
    let flags = [
        "--enable-priority-and-fairness=false",
        "--max-requests-inflight=100",
        "--max-mutating-requests-inflight=1",
    ];
    let options = ApiServerOptions { flags: flags.map(str::to_owned).into(), ..ApiServerOptions::default() };
    let real = testbed.api_server_with("crowded", options).await.unwrap();
    let their_config = real.kube_config();
    let theirs = Server::new(their_config.clone());
    let (embedded, ours, config) = server::crowded(Arc::new(MemoryStore::new())).await;

    let refused = request::parse(REFUSED);
    let (our_writes, their_writes) =
        tokio::join!(crowd(&ours, &config, &refused[0]), crowd(&theirs, &their_config, &refused[0]));
    let mut report = Report::default();
    for (scene, requests) in [("refused", REFUSED), ("served", SERVED)] {
        play(scene, &request::parse(requests), &ours, &theirs, &mut report).await;
    }
    for held in our_writes.into_iter().chain(their_writes) {
        assert_eq!(held.end().await, "HTTP/1.1 201 Created");
    }
    play("with room", &request::parse(WITH_ROOM), &ours, &theirs, &mut report).await;
    embedded.stop().await;
    assert!(report.text.is_empty(), "{} answers differ:\n{}", report.differing, report.text);
}
