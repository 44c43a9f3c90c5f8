//! Sealed credentials, with a KMS plugin: how they get there, how they are used, and what happens while the KMS is away.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use fedd::sealing::{SEALED_WITH, Sealing, SealingArgs};
use federation_model::KubeFedCluster;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::{Client, ResourceExt as _};
use process::{PATIENCE, done, within};
use propagation_engine::kube_ports::SEALED_TOKEN_KEY;
use serde_json::{Value, json};
use serving::Home;
use testbed::KmsPlugin;

const FEDERATION: &str = "kube-federation-system";

fn secrets(client: &Client) -> Api<Secret> {
    Api::namespaced(client.clone(), FEDERATION)
}

async fn data_keys(client: &Client, name: &str) -> Vec<String> {
    secrets(client).get(name).await.unwrap().data.unwrap().into_keys().collect()
}

/// Waits, by a watch, until a cluster has a condition or has it no more.
async fn cluster(client: &Client, name: &str, condition: &str, there: bool) {
    let api: Api<KubeFedCluster> = Api::namespaced(client.clone(), FEDERATION);
    let so = |c: Option<&KubeFedCluster>| {
        c.is_some_and(|c| c.condition(condition).is_some_and(|found| found.status == "True") == there)
    };
    let came = tokio::time::timeout(PATIENCE, await_condition(api.clone(), name, so)).await;
    let status = api.get(name).await.unwrap().status;
    assert!(came.is_ok(), "never: {name} {condition} {there}; it is {status:?}");
}

async fn output(home: &Home, arguments: &[&str]) -> Output {
    within("the command ends", process::fedd(&home.kubeconfig(), arguments).output()).await.unwrap()
}

async fn rows(home: &Home, arguments: &[&str]) -> Vec<Value> {
    let output = output(home, &[arguments, &["-o", "json"]].concat()).await;
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// Code and text.
async fn answer(client: &Client, path: &str) -> (u16, String) {
    let request = http::Request::get(path).body(kube::client::Body::empty()).unwrap();
    let answer = client.send(request).await.unwrap();
    let code = answer.status().as_u16();
    let body = answer.into_body().collect_bytes().await.unwrap();
    (code, String::from_utf8(body.to_vec()).unwrap())
}

/// As kube-apiserver says it of its own KMS plugins: which part it is for everybody, why for administrators.
async fn is_not_ready_without_its_keys(client: &Client) {
    let (code, told) = answer(client, "/readyz").await;
    assert!(code == 500 && told.contains("[-]key-providers failed: reason withheld\n"), "{code} {told}");
    assert!(told.ends_with("readyz check failed\n"), "{told}");
    let (code, told) = answer(client, "/readyz/key-providers").await;
    assert!(code == 500 && told.starts_with("internal server error: vault: away: "), "{code} {told}");
    let well = (200, "ok".to_owned());
    assert_eq!(answer(client, "/readyz?exclude=key-providers").await, well);
    assert_eq!(answer(client, "/livez").await, well);
}

fn contains(folder: &Path, planted: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contains(&path, planted));
        } else if std::fs::read(&path).unwrap().windows(planted.len()).any(|window| window == planted) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_sealed_used_rotated_and_never_written_readable() {
    let mut kms = KmsPlugin::start().await.unwrap();
    let home = Home::new();
    let config = home.folder().join("sealing.yaml");
    let content = json!({"apiVersion": "fedd.io/v1", "kind": "SealingConfiguration",
        "providers": [{"name": "vault", "kms": {"endpoint": kms.endpoint(), "timeoutSeconds": 2}}]});
    std::fs::write(&config, content.to_string()).unwrap();
    let flag = format!("--sealing-config={}", config.display());
    let home = home.flag(&flag);
    let serving = home.serve().await;
    let client = home.client().await;

    // Sealed before it reaches the API server.
    let _rz00 = home.joined_with("rz00", &[], &[&flag]).await;
    cluster(&client, "rz00", "Ready", true).await;
    assert_eq!(data_keys(&client, "rz00-token").await, [SEALED_TOKEN_KEY]);
    let sealing =
        Sealing::open(&SealingArgs { sealing_config: Some(config.clone()), allow_core_dumps: true }, &client)
            .await
            .unwrap()
            .unwrap();
    let sealed = secrets(&client).get("rz00-token").await.unwrap();
    assert_eq!(sealed.annotations()[SEALED_WITH], "vault/key-1");
    let token = sealing.opened(&sealed).await.unwrap();
    assert!(token.expose().starts_with(b"eyJ"));
    assert_eq!(contains(home.folder(), token.expose()), Vec::<String>::new());

    // Readable, and sealed afterwards; the member is used on.
    let _rz01 = home.joined("rz01", &[]).await;
    cluster(&client, "rz01", "Ready", true).await;
    let states =
        |rows: &[Value]| rows.iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(states(&rows(&home, &["credentials", "status", &flag]).await), ["sealed", "plain"]);
    done(&home.kubeconfig(), &["credentials", "seal", "--all", "--dry-run", &flag]).await;
    assert_eq!(data_keys(&client, "rz01-token").await, ["token"]);
    done(&home.kubeconfig(), &["credentials", "seal", "--all", &flag]).await;
    assert_eq!(data_keys(&client, "rz01-token").await, [SEALED_TOKEN_KEY]);
    assert_eq!(states(&rows(&home, &["credentials", "verify", &flag]).await), ["opens", "opens"]);

    // A sealed Secret under another name opens nothing.
    let mut copy = sealed.clone();
    copy.metadata = kube::api::ObjectMeta { name: Some("copy".to_owned()), ..Default::default() };
    secrets(&client).create(&PostParams::default(), &copy).await.unwrap();
    let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), FEDERATION);
    let mut thief = clusters.get("rz00").await.unwrap();
    thief.metadata = kube::api::ObjectMeta { name: Some("thief".to_owned()), ..Default::default() };
    thief.spec.secret_ref.name = "copy".to_owned();
    clusters.create(&PostParams::default(), &thief).await.unwrap();
    cluster(&client, "thief", "CredentialsUnavailable", true).await;
    let verified = output(&home, &["credentials", "verify", &flag]).await;
    let words = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.code() == Some(1) && words.contains("1 of 3 tokens do not open"), "{words}");
    clusters.delete("thief", &kube::api::DeleteParams::default()).await.unwrap();

    // The key changes, half of the rotation is done, and the rest is done later; then the old key can go.
    kms.control(|control| control.rotate_to("key-2", [2; 32])).unwrap();
    assert_eq!(states(&rows(&home, &["credentials", "status", &flag]).await), ["stale", "stale"]);
    let mut half = secrets(&client).get("rz00-token").await.unwrap();
    sealing.check().await;
    sealing.seal(&mut half, "").await.unwrap();
    let patch = json!({"data": {SEALED_TOKEN_KEY: half.data.as_ref().unwrap()[SEALED_TOKEN_KEY]}});
    secrets(&client).patch("rz00-token", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    assert_eq!(states(&rows(&home, &["credentials", "status", &flag]).await), ["sealed", "stale"]);
    done(&home.kubeconfig(), &["credentials", "rotate-keys", &flag]).await;
    assert_eq!(states(&rows(&home, &["credentials", "status", &flag]).await), ["sealed", "sealed"]);
    kms.control(|control| control.keys.retain(|id, _| id != "key-1")).unwrap();
    done(&home.kubeconfig(), &["credentials", "verify", &flag]).await;

    // The KMS is away at a start: each cluster says so, and works when it is back.
    assert!(!serving.told().contains(std::str::from_utf8(token.expose()).unwrap()));
    serving.terminated().await;
    kms.stop();
    let serving = home.serve().await;
    cluster(&client, "rz00", "CredentialsUnavailable", true).await;
    is_not_ready_without_its_keys(&client).await;
    kms.start_again().await.unwrap();
    cluster(&client, "rz00", "CredentialsUnavailable", false).await;
    cluster(&client, "rz00", "Ready", true).await;
    within("it is ready", async {
        while answer(&client, "/readyz").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert!(!serving.told().contains(std::str::from_utf8(token.expose()).unwrap()));
    assert_eq!(contains(home.folder(), token.expose()), Vec::<String>::new());
}
