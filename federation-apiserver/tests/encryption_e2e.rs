//! kube-apiserver reads what the embedded server encrypted, and the reverse, on one SQLite file.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use std::path::Path;
use std::sync::Arc;

use federation_apiserver::auth::{MASTERS, User};
use federation_apiserver::builtin::Profile;
use federation_apiserver::encryption::{Encryption, EncryptionConfiguration};
use federation_apiserver::{EmbeddedServer, InProcess, Options, Secrets};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, PostParams};
use kube::core::GroupVersionKind;
use revision_store::{Range, SqliteStore, Store as _};
use serde_json::{Value, json};
use testbed::{ApiServerOptions, KmsPlugin, Testbed};

/// One kind for each provider: the prefix of its stored values, and what is written.
fn kinds() -> [(&'static str, ApiResource, &'static str, Value); 5] {
    let of = |group: &str, kind: &str| ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
    let rbac = "rbac.authorization.k8s.io";
    [
        ("k8s:enc:kms:v2:vault:", of("", "Secret"), "secrets", json!({"stringData": {"token": "planted"}})),
        ("k8s:enc:aesgcm:v1:gcm:", of("", "ConfigMap"), "configmaps", json!({"data": {"a": "planted"}})),
        (
            "k8s:enc:aescbc:v1:cbc:",
            of("", "ServiceAccount"),
            "serviceaccounts",
            json!({"metadata": {"labels": {"a": "planted"}}}),
        ),
        (
            "k8s:enc:secretbox:v1:box:",
            of("coordination.k8s.io", "Lease"),
            "leases",
            json!({"spec": {"holderIdentity": "planted"}}),
        ),
        (
            "{",
            of(rbac, "Role"),
            "roles",
            json!({"rules": [{"apiGroups": ["planted"], "resources": ["x"], "verbs": ["get"]}]}),
        ),
    ]
}

fn configuration(kms: &KmsPlugin) -> Value {
    let static_key = |name: &str| json!({"keys": [{"name": name, "secret": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}]});
    json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": [
        {"resources": ["secrets"], "providers": [{"kms": {"apiVersion": "v2", "name": "vault", "endpoint": kms.endpoint(), "timeout": "3s"}}]},
        {"resources": ["configmaps"], "providers": [{"aesgcm": static_key("gcm")}]},
        {"resources": ["serviceaccounts"], "providers": [{"aescbc": static_key("cbc")}]},
        {"resources": ["*.coordination.k8s.io"], "providers": [{"secretbox": static_key("box")}, {"identity": {}}]},
        {"resources": ["*.*"], "providers": [{"identity": {}}]},
    ]})
}

async fn write_all(client: &Client, name: &str) {
    for (_, resource, _, content) in kinds() {
        let mut object = content;
        object["metadata"]["name"] = json!(name);
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
        api.create(&PostParams::default(), &object).await.unwrap();
    }
}

async fn read_all(client: &Client, names: &[&str]) {
    for (prefix, resource, _, _) in kinds() {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
        let listed = api.list(&ListParams::default()).await.unwrap();
        for name in names {
            let object = listed.items.iter().find(|o| o.metadata.name.as_deref() == Some(name));
            let text = serde_json::to_string(object.unwrap()).unwrap();
            // Of a Secret, the data is in base64.
            assert!(text.contains("planted") || text.contains("cGxhbnRlZA"), "{prefix} {name}: {text}");
        }
    }
}

async fn stored(file: &Path, name: &str) {
    let store = SqliteStore::open(file).await.unwrap();
    for (prefix, _, plural, _) in kinds() {
        let key = format!("/registry/{plural}/default/{name}");
        let value = store.list(Range::prefix(&key)).await.unwrap().entries.remove(0).value;
        assert!(value.starts_with(prefix.as_bytes()), "{key}: {}", String::from_utf8_lossy(&value));
    }
    store.close().await;
}

async fn embedded(file: &Path, encryption: &Arc<Encryption>, secrets: &Secrets) -> (EmbeddedServer, Client) {
    let store = Arc::new(SqliteStore::open(file).await.unwrap());
    let encryption = Some(Arc::clone(encryption));
    let options = Options { encryption, ..Options::new(store, Profile::Federation, secrets.clone()) };
    let server = EmbeddedServer::start(options).await.unwrap();
    let user = User::new("test", [MASTERS]).authenticated();
    let client = Client::new(InProcess::new(server.api().clone(), user), "default");
    (server, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn either_server_reads_what_the_other_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fedd.db");
    let kms = KmsPlugin::start().await.unwrap();
    let content = configuration(&kms);
    let encryption = Arc::new(Encryption::new(
        &EncryptionConfiguration::read(content.clone()).unwrap(),
        Profile::Federation,
    ));
    let secrets = Secrets::generate(jiff::Timestamp::now()).unwrap();

    let (server, client) = embedded(&file, &encryption, &secrets).await;
    write_all(&client, "from-embedded").await;
    read_all(&client, &["from-embedded"]).await;
    drop(client);
    server.stop().await;
    stored(&file, "from-embedded").await;
    assert_eq!(kms.calls("encrypt"), 1);

    let config_file = folder.path().join("encryption.json");
    std::fs::write(&config_file, content.to_string()).unwrap();
    let testbed = Testbed::start().await.unwrap();
    let options = ApiServerOptions {
        sqlite: Some(file.clone()),
        flags: vec![
            format!("--encryption-provider-config={}", config_file.display()),
            "--storage-media-type=application/json".to_owned(),
        ],
        ..ApiServerOptions::default()
    };
    let kube = testbed.api_server_with("real", options).await.unwrap();
    read_all(&kube.client(), &["from-embedded"]).await;
    write_all(&kube.client(), "from-kube").await;
    drop(kube);
    drop(testbed);
    stored(&file, "from-kube").await;

    // With an empty memory, so that the plugin is asked for each of the two servers' keys, once.
    let before = kms.calls("decrypt");
    let fresh = EncryptionConfiguration::read(content).unwrap();
    let (server, client) =
        embedded(&file, &Arc::new(Encryption::new(&fresh, Profile::Federation)), &secrets).await;
    read_all(&client, &["from-embedded", "from-kube"]).await;
    assert_eq!(kms.calls("decrypt") - before, 2);
    drop(client);
    server.stop().await;
}
