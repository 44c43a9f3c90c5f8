//! Who may speak for a cluster.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use cluster_tunnel::{
    Target, TunnelServer, TunnelStream,
    server::{
        Authenticator, Caller, CertificateRequest, Claim, Identity, Issuer, Listener, Presented, Refusal,
        ServerEvent, ServerSettings,
    },
};
use tokio_util::sync::CancellationToken;

use crate::{
    backend::Backend,
    bed::{self, Authority, cluster, links, until},
};

#[tokio::test]
async fn a_stolen_name_is_refused_and_reported() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let mut settings = ServerSettings::new("s1");
    settings.observer = Arc::new(move |event| seen.lock().unwrap().push(event.clone()));
    let running = bed::serve(&authority, settings).await;

    // Its certificate says m2.
    let mut thief = bed::agent_settings(&authority, "m1", running.agents.port(), backend.address);
    thief.server.tls = authority.client_tls("cluster:m2", bed::HOUR);
    let thief = bed::run(thief);
    until("it is refused", || thief.agent.snapshot().failures > 0).await;
    let error = thief.agent.snapshot().last_error.unwrap();
    assert!(error.contains("may not speak for the cluster m1"), "{error}");
    assert_eq!(links(&running.server, "m1"), 0);
    assert!(running.server.snapshot().agents_refused["stolen_name"] > 0);
    let told = events.lock().unwrap().iter().any(|event| match event {
        ServerEvent::AgentRefused { claim: Some(claim), refusal: Refusal::StolenName { .. } } => {
            claim.cluster == cluster("m1")
        }
        _ => false,
    });
    assert!(told, "{events:?}");
    running.server.stop().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_certificate_and_comes_back_with_a_new_one() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let running = bed::serve(&authority, ServerSettings::new("s1")).await;
    let mut settings = bed::agent_settings(&authority, "m1", running.agents.port(), backend.address);
    settings.server.tls = authority.client_tls("cluster:m1", Duration::from_secs(6));
    let tls = Arc::clone(&settings.server.tls);
    let agent = bed::run(settings);
    until("the agent is connected", || links(&running.server, "m1") == 1).await;
    tls.store(authority.client_tls("cluster:m1", bed::HOUR).load_full());
    until("the stream has ended", || agent.agent.snapshot().lost == 1).await;
    until("the agent is connected again", || links(&running.server, "m1") == 1).await;
    running.server.stop().await;
}

#[tokio::test]
async fn an_agent_with_new_credentials_is_never_away() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let running = bed::serve(&authority, ServerSettings::new("s1")).await;
    let agent = bed::run(bed::agent_settings(&authority, "m1", running.agents.port(), backend.address));
    until("the agent is connected", || links(&running.server, "m1") == 1).await;
    let held = dial(&running.server).await;

    agent.agent.reconnect();
    until("a second stream is there", || links(&running.server, "m1") == 2).await;
    // The agent takes the first out of use when it knows of the second, a moment after the server does.
    let draining = || running.server.snapshot().clusters[&cluster("m1")].state.draining;
    until("the first stream gets no more dials", || draining() == 1).await;
    for _ in 0..20 {
        drop(dial(&running.server).await);
    }
    // The tunnel of before goes on as long as it is used.
    assert_eq!(links(&running.server, "m1"), 2);
    drop(held);
    until("the first stream has ended", || links(&running.server, "m1") == 1).await;
    let state = agent.agent.snapshot();
    assert_eq!((state.servers.len(), state.lost, state.failures), (1, 0, 0));
    drop(dial(&running.server).await);
    running.server.stop().await;
}

#[tokio::test]
async fn an_agent_whose_credentials_are_withdrawn_is_thrown_out() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let withdrawn = CancellationToken::new();
    let server = TunnelServer::new(
        ServerSettings::new("s1"),
        Arc::new(Withdrawable(withdrawn.clone())),
        Arc::new(cluster_tunnel::server::AllowAll),
    );
    let listener = Listener::tcp(([127, 0, 0, 1], 0).into(), Some(authority.server_tls())).await.unwrap();
    let port = listener.address().unwrap().port();
    let serving = server.clone();
    tokio::spawn(async move { serving.serve_agents(listener).await });
    let agent = bed::run(bed::agent_settings(&authority, "m1", port, backend.address));
    until("the agent is connected", || links(&server, "m1") == 1).await;
    let held = dial(&server).await;
    withdrawn.cancel();
    until("it is gone", || links(&server, "m1") == 0).await;
    assert_eq!(held.receive().await, Err(cluster_tunnel::Reason::LinkLost));
    until("it is refused", || agent.agent.snapshot().failures > 0).await;
    server.stop().await;
}

/// Lets agents in until it is withdrawn.
struct Withdrawable(CancellationToken);

#[async_trait]
impl Authenticator for Withdrawable {
    async fn identify(&self, presented: &Presented, claim: &Claim) -> Result<Identity, Refusal> {
        if self.0.is_cancelled() {
            return Err(Refusal::Invalid("withdrawn".to_owned()));
        }
        let identity = bed::certificate_names().identify(presented, claim).await?;
        Ok(Identity { withdrawn: Some(self.0.clone()), ..identity })
    }
}

/// Signs nothing, and says who asked for what.
struct Echo;

#[async_trait]
impl Issuer for Echo {
    async fn issue(&self, presented: &Presented, request: &CertificateRequest) -> Result<String, Refusal> {
        let shown = presented.certificates.len();
        match presented.token.as_deref() {
            Some("used") => Err(Refusal::UsedTwice { cluster: request.cluster.clone() }),
            token => Ok(format!("{shown} {token:?} {} {:?}", request.cluster, request.der)),
        }
    }
}

#[tokio::test]
async fn certificates_are_asked_for_where_agents_connect() {
    let authority = Authority::new();
    let settings = ServerSettings { issuer: Some(Arc::new(Echo)), ..ServerSettings::new("s1") };
    let running = bed::serve(&authority, settings).await;
    let backend = Backend::start().await;
    let server = bed::agent_settings(&authority, "m1", running.agents.port(), backend.address).server;
    let m1 = cluster("m1");
    let ask = |token| server.request_certificate(&m1, &[1, 2], token, bed::HOUR);
    let answer = ask(Some("once")).await;
    assert_eq!(answer.unwrap(), r#"1 Some("once") m1 [1, 2]"#);
    assert_eq!(ask(None).await.unwrap(), "1 None m1 [1, 2]");
    let refused = ask(Some("used")).await.unwrap_err();
    assert!(refused.is_refusal() && refused.to_string().contains("used before"), "{refused}");
    let snapshot = running.server.snapshot();
    assert_eq!((snapshot.certificates_issued, snapshot.certificates_refused["used_twice"]), (2, 1));
    running.server.stop().await;

    let none = bed::serve(&authority, ServerSettings::new("s1")).await;
    let server = bed::agent_settings(&authority, "m1", none.agents.port(), backend.address).server;
    let refused = server.request_certificate(&m1, &[], None, bed::HOUR).await.unwrap_err();
    assert!(!refused.is_refusal() && refused.to_string().contains("issues no certificates"), "{refused}");
    none.server.stop().await;
}

async fn dial(server: &TunnelServer) -> TunnelStream {
    server.dial(&Caller::in_process("test"), &cluster("m1"), &Target::ApiServer).await.unwrap()
}
