//! A tenant's programs dial its clusters and no others, and a tenant's server serves those alone.

use std::time::Duration;

use fedd::args::{Listen, host_and_port};
use fedd::tunnel::agent_certificate::Request;
use fedd::tunnel::{ShownArgs, TunnelArgs, Tunnels, tls};
use federation_apiserver::auth::Identity;
use federation_model::{KubeFedCluster, KubeFedClusterSpec, LocalSecretReference, Settings, annotation};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, PostParams};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::bed::{FEDERATION, Running, free_address};
use crate::identity::has_event;
use crate::process::{fedd, within};
use crate::servers::{TunnelServer, backend};
use crate::serving::Home;

/// A federation with clusters of tenants that are reached by tunnel.
pub(crate) struct Tenants {
    home: Home,
    host: Client,
    authority: Identity,
}

impl Tenants {
    /// Of a federation that a tunnel server has served.
    pub(crate) async fn new(home: Home) -> Self {
        let host = home.client().await;
        let secrets: Api<Secret> = Api::namespaced(host.clone(), FEDERATION);
        let authority = secrets.get("fedd-tunnel-authority").await.unwrap().data.unwrap();
        let text = |key: &str| String::from_utf8(authority[key].0.clone()).unwrap();
        let authority = Identity { certificate: text("ca.crt"), key: text("ca.key") };
        Self { home, host, authority }
    }

    /// Makes the cluster of a tenant, which has the tenant's name, and gives what its agents show.
    pub(crate) async fn cluster(&self, tenant: &str) -> Identity {
        let clusters: Api<KubeFedCluster> = Api::namespaced(self.host.clone(), FEDERATION);
        let spec = KubeFedClusterSpec {
            api_endpoint: format!("https://{tenant}"),
            secret_ref: LocalSecretReference { name: tenant.to_owned() },
            ..KubeFedClusterSpec::default()
        };
        let mut cluster = KubeFedCluster::new(tenant, spec);
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let scope = [pair(tenancy::TENANT, tenant), pair(tenancy::WORKSPACE_GROUP, "prod")];
        cluster.metadata.labels = Some(scope.into());
        cluster.metadata.annotations = Some([pair(annotation::TUNNEL, "true")].into());
        let cluster = clusters.create(&PostParams::default(), &cluster).await.unwrap();
        let (uid, life) = (cluster.metadata.uid.unwrap(), Duration::from_hours(1));
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let request = Request::read(&Request::make(&key).unwrap()).unwrap();
        let certificate = request.sign(&self.authority, tenant, &uid, Timestamp::now(), life).unwrap();
        Identity { certificate, key }
    }

    /// An agent of a tenant's cluster.
    fn agent(&self, tenant: &str, shown: &Identity, server: &str, api_server: &str) -> Running {
        self.agent_in(&[], tenant, shown, server, api_server)
    }

    /// The same, with this in its environment.
    pub(crate) fn agent_in(
        &self,
        environment: &[(&str, &str)],
        tenant: &str,
        shown: &Identity,
        server: &str,
        api_server: &str,
    ) -> Running {
        let file = |name: &str, text: &str| {
            let path = self.home.folder().join(format!("{tenant}-{name}"));
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let ca = file("ca.crt", &self.authority.certificate);
        let (certificate, key) = (file("tls.crt", &shown.certificate), file("tls.key", &shown.key));
        let mut arguments = vec!["agent", "--healthz-addr", "off", "--cluster", tenant];
        arguments.extend(["--server", server, "--api-server", api_server]);
        arguments.extend(["--ca-file", &ca, "--cert-file", &certificate, "--key-file", &key]);
        Running::start_in(environment, &arguments)
    }

    /// What `fedd tunnel-client` prints for a tenant.
    pub(crate) async fn client(&self, tenant: &str) -> Identity {
        let arguments = ["tunnel-client", "--tenant", tenant, "--workspace-group", "prod"];
        let output = within("it prints", fedd(&self.home.kubeconfig(), &arguments).output()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let pem = String::from_utf8(output.stdout).unwrap();
        Identity { certificate: pem.clone(), key: pem }
    }

    async fn dial(&self, server: &str, shown: &Identity, cluster: &str) -> (String, String) {
        self.dial_with("", server, shown, cluster).await
    }

    /// Dials a cluster through a server, with further headers: the answer's first line, and what the cluster says, or why
    /// there is no way to it.
    pub(crate) async fn dial_with(
        &self,
        headers: &str,
        server: &str,
        shown: &Identity,
        cluster: &str,
    ) -> (String, String) {
        within("an answer", async {
            let config = tls::engine(shown, &self.authority.certificate).unwrap();
            let stream = TcpStream::connect(server).await.unwrap();
            let name = ServerName::try_from("127.0.0.1").unwrap();
            let stream = TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await.unwrap();
            let mut stream = BufReader::new(stream);
            let target = format!("{cluster}.tunnel.internal:443");
            let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{headers}\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let (mut status, mut line) = (String::new(), String::new());
            stream.read_line(&mut status).await.unwrap();
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line).await.unwrap();
            }
            if status.contains(" 200 ") {
                stream.write_all(b"GET /log HTTP/1.1\r\n\r\n").await.unwrap();
            }
            let mut words = String::new();
            stream.read_to_string(&mut words).await.unwrap();
            (status.trim().to_owned(), words)
        })
        .await
    }
}

async fn metrics(address: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tenant_reaches_the_cluster_of_another() {
    let home = Home::new();
    let _serving = home.serve().await;
    let measured = free_address();
    let flags = ["--healthz-addr", "off", "--metrics-addr", &measured];
    let all = TunnelServer::with(&home, free_address(), free_address(), &flags);
    // Its traces go nowhere, which holds nothing up.
    let collector = format!("http://{}", free_address());
    let flags = ["--healthz-addr", "off", "--metrics-addr", "off", "--otlp-endpoint", &collector];
    let flags = [&flags[..], &["--tenant", "bank", "--workspace-group", "prod"]].concat();
    let mut banks = TunnelServer::with(&home, free_address(), free_address(), &flags);
    for server in [&all, &banks] {
        server.running.says("--engine-listen is served").await;
    }
    let tenants = Tenants::new(home).await;
    let (backend, _answering) = backend().await;
    let api_server = backend.to_string();
    let mut agents = Vec::new();
    let (bank, shop) = (tenants.cluster("bank").await, tenants.cluster("shop").await);
    for server in [&all, &banks] {
        agents.push(tenants.agent("bank", &bank, &server.agents, &api_server));
        agents.push(tenants.agent("shop", &shop, &server.agents, &api_server));
        server.running.says("an agent has connected cluster=bank").await;
    }
    all.running.says("an agent has connected cluster=shop").await;
    banks.running.says("shop is not among the clusters that this server serves").await;
    has_event(&tenants.host, "TunnelNotServed", "shop").await;

    let client = tenants.client("bank").await;
    for server in [&all, &banks] {
        let (status, said) = tenants.dial(&server.engines, &client, "bank").await;
        assert!(status.contains(" 200 ") && said.starts_with("line 0\n"), "{status}: {said}");
    }
    // One that is not there is refused in the same words.
    for cluster in ["shop", "nowhere"] {
        let (status, said) = tenants.dial(&all.engines, &client, cluster).await;
        assert_eq!(status, "HTTP/1.1 403 Forbidden");
        assert_eq!(said, format!("{cluster} is not in reach of scope:bank/prod"));
    }
    all.running.says("a dial was denied: shop is not in reach of scope:bank/prod").await;
    has_event(&tenants.host, "TunnelDialDenied", "shop").await;
    // Who may speak for a cluster may not dial it.
    let (status, _) = tenants.dial(&all.engines, &bank, "bank").await;
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
    let measured = metrics(&measured).await;
    assert!(measured.contains("fedd_tunnel_dials_denied_total 3"), "{measured}");

    // The controllers reach each tenant's clusters, wherever there is a way.
    let engines = [&banks.engines, &all.engines].map(|address| host_and_port(address).unwrap());
    let args = TunnelArgs {
        tunnel_listen: Listen(None),
        tunnel_servers: engines.into(),
        shown: ShownArgs::default(),
    };
    let patience = Duration::from_secs(10);
    let tunnels = Tunnels::start(&tenants.host, FEDERATION, &args, &Settings::default(), patience).await;
    let dialer = tunnels.unwrap().unwrap().dialer();
    for cluster in ["bank", "shop"] {
        within(cluster, dialer.dial(cluster)).await.unwrap();
    }
    banks.running.ends().await;
    banks.running.says("traces cannot be delivered").await;
    assert_eq!(banks.running.said("traces cannot be delivered"), 1);
}
