//! `fedd credentials rotate-keys`, killed, slow, and while the key changes once more: every token opens at every moment.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;

use std::path::PathBuf;
use std::process::Stdio;

use fedd::sealing::{Held, Sealing, SealingArgs, held};
use federation_model::{KubeFedCluster, KubeFedClusterSpec, LocalSecretReference, TOKEN_KEY};
use futures::{StreamExt as _, stream};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams, PostParams};
use kube::{Client, ResourceExt as _};
use process::{done, fedd, within};
use propagation_engine::kube_ports::OpenSealed as _;
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
    let config = home.folder().join("sealing.yaml");
    let content = json!({"apiVersion": "fedd.io/v1", "kind": "SealingConfiguration",
        "providers": [{"name": "vault", "kms": {"endpoint": kms.endpoint(), "timeoutSeconds": 20}}]});
    std::fs::write(&config, content.to_string()).unwrap();
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
        let spec = KubeFedClusterSpec {
            api_endpoint: "https://127.0.0.1:9".to_owned(),
            secret_ref: LocalSecretReference { name: name.clone() },
            ..KubeFedClusterSpec::default()
        };
        clusters.create(&PostParams::default(), &KubeFedCluster::new(&name, spec)).await.unwrap();
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
        tokio::time::sleep(std::time::Duration::from_micros(jitter)).await;
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

/// What the controllers do at a start: they open every Secret, all at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_of_a_thousand_clusters_asks_for_each_key_once() {
    let mut kms = KmsPlugin::start().await.unwrap();
    let home = Home::new();
    let config = home.folder().join("sealing.yaml");
    let content = json!({"apiVersion": "fedd.io/v1", "kind": "SealingConfiguration",
        "providers": [{"name": "vault", "kms": {"endpoint": kms.endpoint(), "timeoutSeconds": 20}}]});
    std::fs::write(&config, content.to_string()).unwrap();
    let _serving = home.serve().await;
    let client = home.client().await;
    let bed = Bed { flag: String::new(), home, client, config };
    let mut secrets: Vec<_> = (0..1000).map(|index| secret(&format!("member-{index:03}"))).collect();
    let (one, other) = secrets.split_at_mut(400);
    for (key, secrets) in [("key-1", one), ("key-2", other)] {
        kms.control(|control| control.rotate_to(key, [7; 32])).unwrap();
        let sealing = bed.sealing().await;
        for secret in secrets {
            sealing.seal(secret, HERE).await.unwrap();
        }
    }
    let before = kms.calls("decrypt");
    let opener = bed.sealing().await;
    let opened: Vec<_> =
        stream::iter(&secrets).map(|secret| opener.open(secret)).buffer_unordered(1000).collect().await;
    assert_eq!(opened.into_iter().flatten().count(), 1000);
    assert_eq!(kms.calls("decrypt") - before, 2, "one for each key");
}
