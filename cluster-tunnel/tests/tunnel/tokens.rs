//! Agents that show a token.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use cluster_tunnel::{
    TunnelServer,
    agent::AgentSettings,
    server::{
        AllowAll, Authenticator, Claim, FirstOf, Identity, Listener, Presented, Refusal, ServerSettings,
    },
};

use crate::bed::{self, Authority, cluster, links, until};

/// Knows some tokens: each one's cluster, and how long it is good once it has been shown.
#[derive(Default)]
struct Tokens {
    known: Mutex<BTreeMap<String, (&'static str, Option<Duration>)>>,
    /// Whoever could say is not there.
    down: AtomicBool,
}

#[async_trait]
impl Authenticator for Tokens {
    async fn identify(&self, presented: &Presented, _: &Claim) -> Result<Identity, Refusal> {
        let token = presented.token.as_ref().ok_or(Refusal::NoCredentials)?;
        if self.down.load(Relaxed) {
            return Err(Refusal::Unavailable("no API server answers".to_owned()));
        }
        let known = self.known.lock().unwrap();
        let (name, lives) = known.get(token).ok_or_else(|| Refusal::Invalid("unknown token".to_owned()))?;
        let expires = lives.map(|lives| SystemTime::now() + lives);
        Ok(Identity {
            name: format!("account {name}"),
            clusters: [cluster(name)].into(),
            expires,
            withdrawn: None,
        })
    }
}

struct Bed {
    tokens: Arc<Tokens>,
    server: TunnelServer,
    settings: AgentSettings,
    /// What the agent reads at its next connection.
    token: Arc<Mutex<String>>,
}

async fn bed() -> Bed {
    let authority = Authority::new();
    let tokens = Arc::<Tokens>::default();
    tokens.known.lock().unwrap().insert("of-m1".to_owned(), ("m1", None));
    let either = FirstOf(vec![bed::certificate_names(), Arc::clone(&tokens) as Arc<dyn Authenticator>]);
    let server = TunnelServer::new(ServerSettings::new("s1"), Arc::new(either), Arc::new(AllowAll));
    let any = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::tcp(any, Some(authority.server_tls())).await.unwrap();
    let address = listener.address().unwrap();
    let serving = server.clone();
    tokio::spawn(async move { serving.serve_agents(listener).await });

    let token = Arc::new(Mutex::new("of-m1\n".to_owned()));
    let read = Arc::clone(&token);
    let mut settings = bed::agent_settings(&authority, "m1", address.port(), address);
    settings.server.tls = authority.anonymous_tls();
    settings.token = Some(Arc::new(move || Ok(read.lock().unwrap().clone())));
    Bed { tokens, server, settings, token }
}

#[tokio::test]
async fn a_token_lets_in_where_no_certificate_is_shown() {
    let bed = bed().await;
    let _agent = bed::run(bed.settings.clone());
    until("the agent is connected", || links(&bed.server, "m1") == 1).await;
    bed.server.stop().await;
}

#[tokio::test]
async fn a_token_that_is_unknown_missing_or_anothers_is_refused_and_says_why() {
    let bed = bed().await;
    bed.tokens.known.lock().unwrap().insert("of-m2".to_owned(), ("m2", None));
    let refused = async |token: Option<&str>, category: &str, text: &str| {
        let mut settings = bed.settings.clone();
        match token {
            Some(token) => token.clone_into(&mut bed.token.lock().unwrap()),
            None => settings.token = None,
        }
        let agent = bed::run(settings);
        until("it is refused", || agent.agent.snapshot().last_error.is_some()).await;
        let error = agent.agent.snapshot().last_error.unwrap();
        assert!(error.contains(text), "{error}");
        assert!(bed.server.snapshot().agents_refused[category] > 0);
    };
    refused(Some("guessed"), "invalid", "unknown token").await;
    refused(Some("of-m2"), "stolen_name", "account m2 may not speak for the cluster m1").await;
    refused(None, "no_credentials", "no client certificate or token").await;
    assert_eq!(links(&bed.server, "m1"), 0);
    bed.server.stop().await;
}

#[tokio::test]
async fn while_tokens_cannot_be_checked_agents_come_back_until_they_can() {
    let bed = bed().await;
    bed.tokens.down.store(true, Relaxed);
    let agent = bed::run(bed.settings.clone());
    until("it is refused", || agent.agent.snapshot().failures >= 2).await;
    assert!(agent.agent.snapshot().last_error.unwrap().contains("no API server answers"));
    bed.tokens.down.store(false, Relaxed);
    until("the agent is connected", || links(&bed.server, "m1") == 1).await;
    bed.server.stop().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_comes_back_with_the_next() {
    let bed = bed().await;
    let short = ("m1", Some(Duration::from_secs(1)));
    bed.tokens.known.lock().unwrap().insert("short".to_owned(), short);
    "short".clone_into(&mut bed.token.lock().unwrap());
    let agent = bed::run(bed.settings.clone());
    until("the stream has ended", || agent.agent.snapshot().lost >= 1).await;
    "of-m1".clone_into(&mut bed.token.lock().unwrap());
    until("the agent is connected again", || links(&bed.server, "m1") == 1).await;
    bed.server.stop().await;
}
