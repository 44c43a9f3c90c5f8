//! Objects on their way through an agent that is killed, and what is said when something is down.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use crate::bed::{FEDERATION, Member, apply, federated, free_address, namespace, reason};
use crate::process::done;
use crate::serving::{Home, becomes};

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_federated_through_its_agent_alone() {
    let (home, tunnel) = (Home::new(), free_address());
    let serving = home.serve_with(&["--tunnel-listen".to_owned(), tunnel.clone()]).await;
    let member = Member::joined(&home, &tunnel).await;
    let host = home.client().await;
    reason(&host, "TunnelDown").await;
    let mut agent = member.agent().await;
    reason(&host, "ClusterReady").await;

    namespace(&host).await;
    let value = |round: usize| json!({"data": {"k": format!("v{round}")}});
    apply(&host, "FederatedConfigMap", "first", value(0)).await;
    let there: Api<ConfigMap> = Api::namespaced(member.client.clone(), "app");
    let holds = |wanted: String| {
        move |c: &ConfigMap| c.data.as_ref().and_then(|d| d.get("k")).is_some_and(|k| *k == wanted)
    };
    becomes("it is there", there.clone(), "first", holds("v0".to_owned())).await;

    // What a member's own people change is seen by watch, and corrected.
    let drift = json!({"data": {"k": "drift"}});
    there.patch("first", &PatchParams::default(), &Patch::Merge(drift)).await.unwrap();
    becomes("it is corrected", there.clone(), "first", holds("v0".to_owned())).await;

    // Its token is renewed by who reaches it: the controllers, which the command asks.
    let token = async || {
        let secrets: Api<Secret> = Api::namespaced(host.clone(), FEDERATION);
        secrets.get("m1-token").await.unwrap().data.unwrap().remove("token").unwrap()
    };
    let before = token().await;
    done(&home.kubeconfig(), &["credentials", "rotate", "m1"]).await;
    assert_ne!(before, token().await);

    // The agent is killed in mid-rollout, and another one comes.
    let names: Vec<String> = (0..40).map(|i| format!("object-{i:02}")).collect();
    for (i, name) in names.iter().enumerate() {
        apply(&host, "FederatedConfigMap", name, value(1)).await;
        if i == names.len() / 2 {
            agent.child.kill().await.unwrap();
        }
    }
    reason(&host, "TunnelDown").await;
    let _agent = member.agent().await;
    for name in &names {
        becomes(name, there.clone(), name, holds("v1".to_owned())).await;
        becomes("its status says so", federated(&host, "FederatedConfigMap"), name, |object| {
            object.data.pointer("/status/clusters/0/name") == Some(&json!("m1"))
                && object.data.pointer("/status/clusters/0/status").is_none()
        })
        .await;
    }
    reason(&host, "ClusterReady").await;

    // The API server is gone, and the tunnel is not.
    member.server.stop().await;
    reason(&host, "ClusterNotReachable").await;
    let metrics: http::Request<Vec<u8>> = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let metrics = home.client().await.request_text(metrics).await.unwrap();
    for line in [
        r#"fedd_tunnel_agents{cluster="m1"} 1"#,
        r#"fedd_tunnel_dials_total{cluster="m1",result="refused"}"#,
        "fedd_tunnel_certificates_issued_total 1",
        r#"fedd_tunnel_bytes_total{cluster="m1",direction="to_cluster"}"#,
    ] {
        assert!(metrics.lines().any(|l| l.starts_with(line)), "{line}: {metrics}");
    }
    assert_eq!(serving.terminated().await.code(), Some(0));
}
