//! Who is let in as whose agent, and for how long.

use std::time::Duration;

use fedd::tunnel::agent_certificate::{Certified, Request};
use federation_apiserver::auth::Identity;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::events::v1::Event;
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::json;

use crate::bed::{AGENT, FEDERATION, Member, Running, free_address, reason};
use crate::process::{done, within};
use crate::serving::{Home, Serving, becomes};

fn text(secret: &Secret, key: &str) -> Option<String> {
    Some(String::from_utf8(secret.data.as_ref()?.get(key)?.0.clone()).unwrap())
}

/// A federation that listens for agents, its member, and an agent that is connected.
async fn start() -> (Home, Serving, Member, Client) {
    let (home, tunnel) = (Home::new(), free_address());
    let serving = home.serve_with(&["--tunnel-listen".to_owned(), tunnel.clone()]).await;
    let member = Member::joined(&home, &tunnel).await;
    let host = home.client().await;
    (home, serving, member, host)
}

pub(crate) async fn has_event(host: &Client, wanted: &str, cluster: &str) {
    let events: Api<Event> = Api::namespaced(host.clone(), FEDERATION);
    within(wanted, async {
        loop {
            let found = events.list(&kube::api::ListParams::default()).await.unwrap();
            let is_it = |event: &Event| {
                event.reason.as_deref() == Some(wanted)
                    && event.regarding.as_ref().and_then(|of| of.name.as_deref()) == Some(cluster)
            };
            if found.items.iter().any(is_it) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_exchanged_once_and_a_certificate_is_renewed() {
    let (home, serving, member, host) = start().await;
    let secrets = member.secrets();
    let token = text(&secrets.get(AGENT).await.unwrap(), "bootstrap-token").unwrap();
    let known: Api<Secret> = Api::namespaced(host.clone(), FEDERATION);
    let known = serde_json::to_string(&known.get("fedd-tunnel-tokens").await.unwrap()).unwrap();
    let (id, secret) = token.split_once('.').unwrap();
    assert!(known.contains(id) && !known.contains(secret));

    // Two at once end with one identity.
    let (first, second) = (member.agent().await, member.agent().await);
    reason(&host, "ClusterReady").await;
    serving.says("an agent has connected", 2).await;
    let held = secrets.get(AGENT).await.unwrap();
    let certificate = text(&held, "tls.crt").unwrap();
    let certified = Certified::read_pem(&certificate).unwrap();
    assert_eq!(certified.cluster, "m1");
    assert!(text(&held, "bootstrap-token").is_none() && text(&held, "pending.key").is_none());

    // Somebody has seen the token, and comes after the agent.
    let mut stolen = Secret::default();
    stolen.metadata.name = Some("thief".to_owned());
    let token = ("bootstrap-token".to_owned(), ByteString(token.into_bytes()));
    let authority = ("ca.crt".to_owned(), held.data.as_ref().unwrap()["ca.crt"].clone());
    stolen.data = Some([token, authority].into());
    secrets.create(&PostParams::default(), &stolen).await.unwrap();
    let api_server = member.address().to_string();
    let thief = member.agent_with("m1", &member.kubeconfig, &format!("{FEDERATION}/thief"), &api_server);
    serving.says("the token for the cluster m1 was used before, by somebody else", 1).await;
    thief.says("there is no valid certificate of m1 and no token to get one").await;
    has_event(&host, "TunnelTokenUsedTwice", "m1").await;

    // A certificate that is nearly over is renewed as soon as it is looked at, with a new key.
    let old = nearly_over(&host, &certified.uid).await;
    let data = json!({"data": {"tls.crt": ByteString(old.certificate.clone().into_bytes()),
        "tls.key": ByteString(old.key.clone().into_bytes())}});
    drop((first, second));
    secrets.patch(AGENT, &PatchParams::default(), &Patch::Merge(data)).await.unwrap();
    let renewing = member.agent().await;
    renewing.says("the certificate is renewed").await;
    becomes("it is renewed", secrets.clone(), AGENT, |secret| {
        text(secret, "tls.crt").is_some_and(|pem| pem != old.certificate)
            && text(secret, "tls.key").is_some_and(|key| key != old.key)
    })
    .await;
    let renewed = Certified::read_pem(&text(&secrets.get(AGENT).await.unwrap(), "tls.crt").unwrap()).unwrap();
    assert!(renewed.validity.until > Timestamp::now() + SignedDuration::from_hours(24 * 8), "{renewed:?}");
    serving.says("an agent has connected", 3).await;
    drop(home);
}

/// A certificate of m1 with a tenth of its ten days left.
async fn nearly_over(host: &Client, uid: &str) -> Identity {
    let secrets: Api<Secret> = Api::namespaced(host.clone(), FEDERATION);
    let authority = secrets.get("fedd-tunnel-authority").await.unwrap();
    let authority = Identity {
        certificate: text(&authority, "ca.crt").unwrap(),
        key: text(&authority, "ca.key").unwrap(),
    };
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let request = Request::read(&Request::make(&key).unwrap()).unwrap();
    let made = Timestamp::now() - SignedDuration::from_hours(24 * 9);
    let life = Duration::from_hours(24 * 10);
    Identity { certificate: request.sign(&authority, "m1", uid, made, life).unwrap(), key }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_not_to_be_stolen_and_who_has_left_is_thrown_out() {
    let (home, serving, member, host) = start().await;
    let agent: Running = member.agent().await;
    reason(&host, "ClusterReady").await;
    let secret = member.secrets().get(AGENT).await.unwrap();

    // With m1's certificate, as m2.
    let _thief = member.agent_with_files("m2", &secret);
    serving.says("may not speak for the cluster m2", 1).await;

    let kubeconfig = member.kubeconfig.to_str().unwrap();
    done(&home.kubeconfig(), &["unjoin", "m1", "--cluster-kubeconfig", kubeconfig]).await;
    serving.says("an agent is gone", 1).await;
    serving.says("no KubeFedCluster is reached by the tunnel of m1", 1).await;
    let deployments: Api<Deployment> = Api::namespaced(member.client.clone(), FEDERATION);
    assert!(deployments.get_opt(AGENT).await.unwrap().is_none());
    assert!(member.secrets().get_opt(AGENT).await.unwrap().is_none());
    drop(agent);
    let namespaces: Api<Namespace> = Api::all(member.client.clone());
    let is_gone = await_condition(namespaces, FEDERATION, |found: Option<&Namespace>| found.is_none());
    within("the namespace is gone", is_gone).await.unwrap();

    member.join(&home).await;
    // Its certificate is good, and of a time before.
    let _former = member.agent_with_files("m1", &secret);
    serving.says("m1 has left the federation since the certificate was issued", 1).await;
    let _new = member.agent().await;
    reason(&host, "ClusterReady").await;
}
