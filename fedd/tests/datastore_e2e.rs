//! `fedd datastore`, and back-ups with the databases' own tools.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use etcd_endpoint::{Endpoint, Identity, Listening};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use process::within;
use revision_store::{Datastore, MemoryStore, Store};
use serde_json::{Value, json};
use serving::Home;
use testbed::{ApiServer, ApiServerOptions, Database, DatabaseKind, Testbed};
use tokio::process::Command;

async fn datastore(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fedd"));
    command.arg("datastore").args(arguments).env_clear().kill_on_drop(true);
    within("the command ends", command.output()).await.unwrap()
}

/// Runs it; it has to succeed. What it printed.
async fn done(arguments: &[&str]) -> String {
    let output = datastore(arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs it; it has to fail. What it said.
async fn refused(arguments: &[&str]) -> String {
    let output = datastore(arguments).await;
    assert!(!output.status.success(), "{arguments:?} was done");
    String::from_utf8(output.stderr).unwrap()
}

/// What a check says of a datastore that is sound.
async fn sound(url: &str) -> Value {
    let outcome: Value = serde_json::from_str(&done(&["check", url, "-o", "json"]).await).unwrap();
    assert_eq!(outcome["findings"], json!([]));
    outcome
}

/// Serves a federation, has an object in it, and ends; the object, with what the server gave it.
async fn with_an_object(home: &Home) -> ConfigMap {
    let serving = home.serve().await;
    let maps: Api<ConfigMap> = Api::namespaced(home.client().await, "default");
    let map: ConfigMap =
        serde_json::from_value(json!({"metadata": {"name": "kept"}, "data": {"k": "v"}})).unwrap();
    let map = maps.create(&PostParams::default(), &map).await.unwrap();
    assert!(serving.terminated().await.success());
    map
}

/// Serves what is there, and answers with the object.
async fn kept(home: &Home) -> ConfigMap {
    let serving = home.serve().await;
    let map = Api::<ConfigMap>::namespaced(home.client().await, "default").get("kept").await.unwrap();
    assert!(serving.terminated().await.success());
    map
}

fn url_of(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_move_between_a_file_a_database_and_etcd() {
    let home = Home::new();
    let object = with_an_object(&home).await;
    let file = url_of(&home.data());
    let original = sound(&file).await;
    assert!(original["objects"].as_u64().unwrap() > 50, "{original}");

    // To a database: nothing in a dry run, then everything, and it is served with the same revisions.
    let database = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let on_database = database.url("fedd");
    assert!(done(&["copy", &file, &on_database, "--dry-run"]).await.contains("would be copied"));
    done(&["copy", &file, &on_database]).await;
    let copy = sound(&on_database).await;
    assert_eq!((&copy["rows"], &copy["newestRevision"]), (&original["rows"], &original["newestRevision"]));
    assert_eq!(kept(&Home::on(&on_database)).await, object);
    // What is there is not overwritten unasked.
    assert!(refused(&["copy", &file, &on_database]).await.contains("has data already"));

    // Back to a file.
    let second = Home::new();
    std::fs::create_dir(second.data().parent().unwrap()).unwrap();
    done(&["copy", &on_database, &url_of(&second.data())]).await;
    assert_eq!(kept(&second).await, object);

    // To etcd, and from there to a database that has something else.
    let socket = home.folder().join("etcd");
    let endpoint = format!("unix://{}", socket.display());
    let identity = Identity { name: "etcd".to_owned(), client_urls: vec![endpoint.clone()] };
    let etcd = Endpoint::new(Arc::new(MemoryStore::new()), identity);
    let listening = Listening::bind(etcd, &[endpoint.parse().unwrap()], None).await.unwrap();
    tokio::spawn(listening.run(std::future::pending()));
    done(&["copy", &file, &endpoint]).await;
    assert!(refused(&["copy", &file, &endpoint]).await.contains("has data already"));
    done(&["copy", &endpoint, &on_database, "--replace"]).await;
    let back = sound(&on_database).await;
    assert_eq!(back["objects"], original["objects"]);
    let moved = kept(&Home::on(&on_database)).await;
    assert_eq!((moved.data, moved.metadata.uid), (object.data, object.metadata.uid));
}

/// A kube-apiserver on an etcd, or on what speaks like one. It stores protobuf, which is its own form.
async fn api_server(testbed: &Testbed, name: &str, etcd: Option<String>) -> ApiServer {
    let flags = vec!["--etcd-prefix=/registry".to_owned()];
    let options = ApiServerOptions { etcd, flags, ..ApiServerOptions::default() };
    testbed.api_server_with(name, options).await.unwrap()
}

/// Objects of several groups, built-in and not, by a suffix of their names.
fn objects(suffix: &str) -> Vec<(Value, ApiResource)> {
    let template = json!({"metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "example.org/web:1"}]}});
    let spec =
        json!({"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template.clone()});
    [
        ("v1", "ConfigMap", json!({"data": {"k": "v"}})),
        ("v1", "Secret", json!({"stringData": {"k": "v"}})),
        ("v1", "Service", json!({"spec": {"ports": [{"port": 80}], "selector": {"app": "web"}}})),
        ("v1", "Pod", json!({"spec": template["spec"]})),
        ("apps/v1", "Deployment", json!({"spec": spec})),
        ("coordination.k8s.io/v1", "Lease", json!({"spec": {"holderIdentity": "me"}})),
        ("example.org/v1", "Widget", json!({"spec": {"size": 3}})),
    ]
    .into_iter()
    .map(|(api_version, kind, mut object)| {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        object["apiVersion"] = api_version.into();
        object["kind"] = kind.into();
        object["metadata"] = json!({"name": format!("{}-{suffix}", kind.to_lowercase())});
        (object, ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind)))
    })
    .collect()
}

/// Applies them; what they have become.
async fn applied(client: &Client, suffix: &str) -> Vec<(DynamicObject, ApiResource)> {
    let mut made = Vec::new();
    for (object, resource) in objects(suffix) {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
        let name = object["metadata"]["name"].as_str().unwrap();
        let params = PatchParams::apply("test");
        // A new definition is served a little later.
        let object = within("it is made", async {
            loop {
                match api.patch(name, &params, &Patch::Apply(&object)).await {
                    Err(kube::Error::Api(status)) if status.code == 404 => {
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    }
                    done => return done.unwrap(),
                }
            }
        })
        .await;
        made.push((object, resource));
    }
    made
}

/// They are as they were, but for their revisions.
async fn are_served(client: &Client, all: &[(DynamicObject, ApiResource)]) {
    for (object, resource) in all {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", resource);
        let mut found = api.get(object.metadata.name.as_ref().unwrap()).await.unwrap();
        found.metadata.resource_version.clone_from(&object.metadata.resource_version);
        assert_eq!(found, *object);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_of_kube_apiservers_move_from_an_etcd_to_a_database_and_to_another_etcd() {
    let (first, second) = tokio::try_join!(Testbed::start(), Testbed::start()).unwrap();
    let database = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let url = database.url("fedd");

    let server = api_server(&first, "on-etcd", None).await;
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {"group": "example.org", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
    ));
    let definitions: Api<DynamicObject> = Api::all_with(server.client(), &resource);
    let params = PatchParams::apply("test");
    definitions.patch("widgets.example.org", &params, &Patch::Apply(definition)).await.unwrap();
    let mut all = applied(&server.client(), "one").await;
    server.stop().await.unwrap();
    done(&["copy", &first.etcd_address(), &url]).await;
    let copied = sound(&url).await;
    assert!(copied["objects"].as_u64().unwrap() > 50, "{copied}");

    // A kube-apiserver goes on there; what it writes is sound too, while it runs.
    let folder = tempfile::tempdir().unwrap();
    let listen = format!("unix://{}", folder.path().join("etcd").display());
    let store: Arc<dyn Store> = Datastore::parse(&url).unwrap().open().await.unwrap();
    let identity = Identity { name: "etcd".to_owned(), client_urls: vec![listen.clone()] };
    let endpoint = Endpoint::new(store, identity);
    let listening = Listening::bind(endpoint, &[listen.parse().unwrap()], None).await.unwrap();
    let serving = tokio::spawn(listening.run(std::future::pending()));
    let server = api_server(&first, "on-endpoint", Some(listen)).await;
    are_served(&server.client(), &all).await;
    let (gone, resource) = all.remove(0);
    let api: Api<DynamicObject> = Api::namespaced_with(server.client(), "default", &resource);
    api.delete(gone.metadata.name.as_ref().unwrap(), &DeleteParams::default()).await.unwrap();
    all.extend(applied(&server.client(), "two").await);
    let checked = sound(&url).await;
    assert!(checked["objects"].as_u64() > copied["objects"].as_u64(), "{checked}");
    server.stop().await.unwrap();
    serving.abort();

    done(&["copy", &url, &second.etcd_address()]).await;
    let server = api_server(&second, "moved", None).await;
    are_served(&server.client(), &all).await;
    let api: Api<DynamicObject> = Api::namespaced_with(server.client(), "default", &resource);
    assert!(api.get_opt(gone.metadata.name.as_ref().unwrap()).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_found() {
    let home = Home::new();
    with_an_object(&home).await;
    let delete = "DELETE FROM kine WHERE name = '/registry/namespaces/default'";
    sqlite3(&home.data(), delete).await;
    let file = url_of(&home.data());
    let output = datastore(&["check", &file]).await;
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("is in the namespace default, which does not exist"), "{text}");
    assert!(text.contains("are missing"), "{text}");
    assert!(refused(&["check", "sqlite:///nowhere/fedd.db"]).await.contains("/nowhere/fedd.db"));
}

async fn sqlite3(path: &Path, statement: &str) {
    let status = Command::new("sqlite3").arg(path).arg(statement).status();
    assert!(within("sqlite3 ends", status).await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_backed_up_while_it_is_served_and_restored() {
    for statement in [".backup", "VACUUM INTO"] {
        let (home, restored) = (Home::new(), Home::new());
        let object = with_an_object(&home).await;
        let serving = home.serve().await;
        std::fs::create_dir(restored.data().parent().unwrap()).unwrap();
        sqlite3(&home.data(), &format!("{statement} '{}'", restored.data().display())).await;
        serving.terminated().await;
        sound(&url_of(&restored.data())).await;
        let keys = |home: &Home| home.data().with_extension("keys");
        let copied = Command::new("cp").arg("-a").arg(keys(&home)).arg(keys(&restored)).status();
        assert!(copied.await.unwrap().success());
        assert_eq!(kept(&restored).await, object);
    }
}

/// A client program of MariaDB, from the system or from Debian's package.
async fn mariadb_program(name: &str, folder: &Path) -> PathBuf {
    if Command::new(name).arg("--version").stdout(Stdio::null()).status().await.is_ok() {
        return name.into();
    }
    let run = format!(
        "cd '{}' && apt-get download mariadb-client-core mariadb-client >/dev/null 2>&1 && \
         for package in *.deb; do dpkg-deb -x \"$package\" .; done",
        folder.display()
    );
    assert!(Command::new("sh").args(["-c", &run]).status().await.unwrap().success(), "no {name} to be had");
    folder.join("usr/bin").join(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_backed_up_while_it_is_served_and_restored() {
    let database = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (dump, client) = (
        mariadb_program("mariadb-dump", folder.path()).await,
        mariadb_program("mariadb", folder.path()).await,
    );
    let home = Home::on(&database.url("fedd"));
    let object = with_an_object(&home).await;
    let serving = home.serve().await;
    let socket = format!("--socket={}", database.socket().display());
    let common = ["--no-defaults", &socket, "--user=root"];
    let dump = Command::new(dump).args(common).args(["--single-transaction", "--hex-blob", "fedd"]).output();
    let dump = within("the dump", dump).await.unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    serving.terminated().await;

    let script = folder.path().join("fedd.sql");
    std::fs::write(&script, dump.stdout).unwrap();
    let made = Command::new(&client).args(common).args(["-e", "CREATE DATABASE restored"]).status();
    assert!(within("the new database", made).await.unwrap().success());
    let backup = std::fs::File::open(script).unwrap();
    let loaded = Command::new(&client).args(common).arg("restored").stdin(backup).status();
    assert!(within("the restore", loaded).await.unwrap().success());
    sound(&database.url("restored")).await;
    assert_eq!(kept(&Home::on(&database.url("restored"))).await, object);
}
