//! Who may speak for a cluster.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use cluster_tunnel::server::{Refusal, ServerEvent, ServerSettings};

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
