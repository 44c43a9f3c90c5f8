//! `fedd credentials rotate-keys`, killed, slow, and while the key changes once more: every token opens at every moment.
//! And how often a KMS is asked by who opens many.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use fedd::embedded::{Embedded, EmbeddedOptions, Opened, Storage};
use fedd::federation::choose_types;
use fedd::sealing::{Held, Sealing, SealingArgs, held};
use federation_model::{KubeFedCluster, KubeFedClusterSpec, LocalSecretReference, TOKEN_KEY};
use futures::{StreamExt as _, stream};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams, PostParams};
use kube::{Client, ResourceExt as _};
use process::{done, fedd, within};
use propagation_engine::kube_ports::destination;
use serde_json::json;
use serving::Home;
use testbed::KmsPlugin;
use tokio::io::{AsyncBufReadExt as _, BufReader};

const FEDERATION: &str = "kube-federation-system";
const SECRETS: usize = 40;
/// Where the tokens are for.
const HERE: &str = "https://127.0.0.1:9 ca=system";

fn token(name: &str) -> String {
    format!("planted token of {name}")
}

fn secret(name: &str) -> Secret {
    let mut secret = Secret::default();
    secret.metadata.name = Some(name.to_owned());
    secret.metadata.namespace = Some(FEDERATION.to_owned());
    secret.data = Some([(TOKEN_KEY.to_owned(), ByteString(token(name).into_bytes()))].into());
    secret
}

/// Which has this Secret, and is where nobody is.
fn cluster(name: &str) -> KubeFedCluster {
    let spec = KubeFedClusterSpec {
        api_endpoint: "https://127.0.0.1:9".to_owned(),
        secret_ref: LocalSecretReference { name: name.to_owned() },
        ..KubeFedClusterSpec::default()
    };
    KubeFedCluster::new(name, spec)
}

fn sealing_config(home: &Home, kms: &KmsPlugin) -> PathBuf {
    let config = home.folder().join("sealing.yaml");
    let content = json!({"apiVersion": "fedd.io/v1", "kind": "SealingConfiguration",
        "providers": [{"name": "vault", "kms": {"endpoint": kms.endpoint(), "timeoutSeconds": 20}}]});
    std::fs::write(&config, content.to_string()).unwrap();
    config
}

struct Bed {
    home: Home,
    client: Client,
    flag: String,
    config: PathBuf,
}

impl Bed {
    /// As another process has it: nothing is remembered.
    async fn sealing(&self) -> Sealing {
        let arguments = SealingArgs { sealing_config: Some(self.config.clone()), allow_core_dumps: true };
        Sealing::open(&arguments, &self.client).await.unwrap().unwrap()
    }

    async fn secrets(&self) -> Vec<Secret> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), FEDERATION);
        let listed = api.list(&ListParams::default()).await.unwrap().items;
        listed.into_iter().filter(|secret| secret.name_any().starts_with("member-")).collect()
    }

    /// Every token opens; answers by which keys they are sealed, each with how many.
    async fn keys(&self) -> std::collections::BTreeMap<String, usize> {
        let sealing = self.sealing().await;
        let mut keys = std::collections::BTreeMap::new();
        let secrets = self.secrets().await;
        assert_eq!(secrets.len(), SECRETS);
        for secret in secrets {
            let Held::Sealed(sealed) = held(&secret) else { panic!("{secret:?}") };
            let opened = sealing.opened(&secret).await.unwrap();
            assert_eq!(opened.expose(), token(&secret.name_any()).as_bytes());
            *keys.entry(sealed.key.key_id.clone()).or_default() += 1;
        }
        keys
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_every_token_opens() {
    let mut kms = KmsPlugin::start().await.unwrap();
    let home = Home::new();
    let config = sealing_config(&home, &kms);
    let _serving = home.serve().await;
    let client = home.client().await;
    let bed = Bed { flag: format!("--sealing-config={}", config.display()), home, client, config };

    let sealing = bed.sealing().await;
    let secrets: Api<Secret> = Api::namespaced(bed.client.clone(), FEDERATION);
    let clusters: Api<KubeFedCluster> = Api::namespaced(bed.client.clone(), FEDERATION);
    for index in 0..SECRETS {
        let name = format!("member-{index:02}");
        let mut secret = secret(&name);
        sealing.seal(&mut secret, HERE).await.unwrap();
        secrets.create(&PostParams::default(), &secret).await.unwrap();
        clusters.create(&PostParams::default(), &cluster(&name)).await.unwrap();
    }
    assert_eq!(bed.keys().await, [("key-1".to_owned(), SECRETS)].into());

    // Slow from here on; killed after so many Secrets, and a random part of the next.
    kms.control(|control| control.rotate_to("key-2", [2; 32])).unwrap();
    kms.control(|control| control.delay_milliseconds = 20).unwrap();
    let rotate = ["credentials", "rotate-keys", &bed.flag];
    for (round, lines) in [0_usize, 1, 5, 11, 17].into_iter().enumerate() {
        let mut command = fedd(&bed.home.kubeconfig(), &rotate);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..lines {
            within("it goes on", told.next_line()).await.unwrap();
        }
        let jitter = uuid::Uuid::new_v4().as_u64_pair().0 % 5_000;
        tokio::time::sleep(Duration::from_micros(jitter)).await;
        child.kill().await.unwrap();
        println!("killed after {lines} lines: {:?}", bed.keys().await);
        if round == 3 {
            // The key changes again before the first change is through.
            kms.control(|control| control.rotate_to("key-3", [3; 32])).unwrap();
        }
    }
    done(&bed.home.kubeconfig(), &rotate).await;
    assert_eq!(bed.keys().await, [("key-3".to_owned(), SECRETS)].into());
    kms.control(|control| control.keys.retain(|id, _| id == "key-3")).unwrap();
    bed.keys().await;

    // A plugin that answers garbage: nothing is sealed by it, so nothing is lost.
    kms.control(|control| control.rotate_to("key-4", [4; 32])).unwrap();
    kms.control(|control| (control.garbage, control.delay_milliseconds) = (true, 0)).unwrap();
    let output = within("it ends", fedd(&bed.home.kubeconfig(), &rotate).output()).await.unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_told = words.contains("key provider vault") || words.contains("not authentic");
    assert!(output.status.code() == Some(1) && is_told, "{words}");
    kms.control(|control| control.garbage = false).unwrap();
    assert_eq!(bed.keys().await, [("key-3".to_owned(), SECRETS)].into());
    done(&bed.home.kubeconfig(), &rotate).await;
    assert_eq!(bed.keys().await, [("key-4".to_owned(), SECRETS)].into());
}

/// Clusters of a start, unless the environment variable `CLUSTERS` says another number.
const CLUSTERS: usize = 300;

/// A federation of that many clusters, whose tokens are sealed with two keys; nobody is where they are said to be.
async fn many_clusters(home: &Home, count: usize, config: PathBuf, kms: &mut KmsPlugin) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Opened { store, secrets, .. } = Storage::file(home.data()).open().await.unwrap();
    // With an authority of their own: the system's are many, and would be read for each.
    let authority = ByteString(secrets.authority.certificate.clone().into_bytes());
    let embedded = Embedded::start(EmbeddedOptions {
        types: choose_types(Some(&["configmaps".to_owned()])).unwrap(),
        ..EmbeddedOptions::new(store, secrets)
    });
    let embedded = embedded.await.unwrap();
    let client = embedded.client().clone();
    let arguments = SealingArgs { sealing_config: Some(config), allow_core_dumps: true };
    for (key, members) in [("key-1", 0..count * 2 / 5), ("key-2", count * 2 / 5..count)] {
        kms.control(|control| control.rotate_to(key, [7; 32])).unwrap();
        let sealing = Sealing::open(&arguments, &client).await.unwrap().unwrap();
        stream::iter(members)
            .for_each_concurrent(32, |index| member(&client, &sealing, &authority, index))
            .await;
    }
    embedded.stop().await;
}

async fn member(client: &Client, sealing: &Sealing, authority: &ByteString, index: usize) {
    let name = format!("member-{index:03}");
    let mut cluster = cluster(&name);
    cluster.spec.ca_bundle = Some(authority.clone());
    let mut secret = secret(&name);
    sealing.seal(&mut secret, &destination(&cluster)).await.unwrap();
    let params = PostParams::default();
    Api::namespaced(client.clone(), FEDERATION).create(&params, &secret).await.unwrap();
    Api::namespaced(client.clone(), FEDERATION).create(&params, &cluster).await.unwrap();
}

/// The controllers open every Secret, all at once, and find out that nobody is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_asks_for_each_key_once_however_many_clusters_there_are() {
    let count = std::env::var("CLUSTERS").map_or(CLUSTERS, |number| number.parse().unwrap());
    let mut kms = KmsPlugin::start().await.unwrap();
    let home = Home::new();
    let config = sealing_config(&home, &kms);
    many_clusters(&home, count, config.clone(), &mut kms).await;
    let before = kms.calls("decrypt");
    let home = home.flag(format!("--sealing-config={}", config.display()));
    let _serving = home.serve().await;
    let clusters: Api<KubeFedCluster> = Api::namespaced(home.client().await, FEDERATION);
    let deadline = tokio::time::Instant::now() + Duration::from_mins(3);
    loop {
        let listed = clusters.list(&ListParams::default()).await.unwrap().items;
        let unopened = listed.iter().find(|cluster| cluster.condition("CredentialsUnavailable").is_some());
        assert!(unopened.is_none(), "{unopened:?}");
        let asked = listed.iter().filter(|cluster| cluster.condition("Offline").is_some()).count();
        if asked == count {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{asked} of {} were asked", listed.len());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(kms.calls("decrypt") - before, 2, "one for each key");
}
