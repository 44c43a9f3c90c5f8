//! The rights in docs/permissions.md are what fedd needs: a control plane that has exactly those brings an object to a
//! member where it has exactly those, is refused nothing, and has nothing there that it never uses.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

#[path = "permissions/asked.rs"]
mod asked;

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use asked::AuditLog;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fedd::rotation::record::{ROTATE, SUPERSEDED, TOKEN_LIFE};
use federation_model::{Cell, KubeFedCluster, KubeFedConfig, annotation};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::rbac::v1::{ClusterRole, Role};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::await_condition;
use kube::{Client, ResourceExt as _};
use parking_lot::Mutex;
use serde_json::{Value, json};
use testbed::{ApiServer, ApiServerOptions, Testbed};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const PAGE: &str = include_str!("../../docs/permissions.md");
const FEDERATION: &str = "kube-federation-system";
/// The federation's account on the member.
const ACCOUNT: &str = "system:serviceaccount:kube-federation-system:rz00-fedd";
/// What that account may and need not here, and why it may.
const UNUSED: [(&str, &str); 2] = [
    ("secrets rz00-fedd", "it holds a token that never expires, where the account was given one"),
    ("secrets rz00-fedd-token-b", "the present token is bound to it; its turn to be revoked comes next"),
];
/// More than anything here takes on two busy cores.
const PATIENCE: Duration = Duration::from_mins(1);

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(done) = tokio::time::timeout(PATIENCE, future).await else {
        panic!("not within {} s: {what}", PATIENCE.as_secs());
    };
    done
}

/// The page's YAML: the host's rights, the member's, and how the federation is told of the member.
fn blocks() -> [&'static str; 3] {
    let blocks: Vec<_> = PAGE.split("```yaml\n").skip(1).map(|b| b.split("```").next().unwrap()).collect();
    blocks.try_into().unwrap()
}

async fn apply(client: &Client, yaml: &str) {
    for object in fedd::yaml::parse_stream::<DynamicObject>(yaml).unwrap() {
        let kind = GroupVersionKind::try_from(object.types.as_ref().unwrap()).unwrap();
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> = match &object.metadata.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        let name = object.metadata.name.clone().unwrap();
        // As kubectl's own apply does it, whoever wrote the fields before.
        let params = PatchParams::apply("administrator").force();
        api.patch(&name, &params, &Patch::Apply(&object)).await.unwrap();
    }
}

async fn token(client: &Client, account: &str) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), FEDERATION);
    let request = TokenRequest::default();
    let answer = accounts.create_token_request(account, &PostParams::default(), &request).await.unwrap();
    answer.status.unwrap().token.unwrap()
}

fn ca_bundle(server: &ApiServer) -> String {
    BASE64_STANDARD.encode(server.ca_pem())
}

/// A kubeconfig of the account that the page makes.
async fn kubeconfig(host: &ApiServer) -> String {
    let (server, authority) = (host.url(), ca_bundle(host));
    let kubeconfig = json!({"apiVersion": "v1", "kind": "Config", "current-context": "host",
        "contexts": [{"name": "host", "context": {"cluster": "host", "user": "fedd"}}],
        "clusters": [{"name": "host", "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": "fedd", "user": {"token": token(&host.client(), "fedd").await}}]});
    kubeconfig.to_string()
}

/// Runs a command of an administrator that has to succeed; answers what it printed.
async fn fedd(host: &ApiServer, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fedd"));
    command.args(arguments).arg("--kubeconfig").arg(host.kubeconfig_path()).env_clear().kill_on_drop(true);
    let output = within("the command ends", command.output()).await.unwrap();
    let (told, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {said}");
    told + &said
}

/// A control plane, and the lines of its log.
fn run(kubeconfig: &std::path::Path) -> (Child, Arc<Mutex<Vec<String>>>) {
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let (webhook, url) = (format!("127.0.0.1:{port}"), format!("https://127.0.0.1:{port}"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_fedd"))
        .args(["run", "--webhook-addr", &webhook, "--webhook-url", &url, "--previous-token-for", "0s"])
        .args(["--healthz-addr", "off", "--metrics-addr", "off"])
        // What is refused and not needed for an object to get through is told at this level.
        .args(["--log-format", "json", "--log-level", "info,fedd=debug,propagation_engine=debug"])
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .env_clear()
        .kill_on_drop(true)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = lines.clone();
    tokio::spawn(async move {
        while let Ok(Some(line)) = log.next_line().await {
            // Shown if the test fails.
            println!("{line}");
            kept.lock().push(line);
        }
    });
    (child, lines)
}

/// Creates an object in the topology form. Until the webhooks are there, nobody can.
async fn federate(client: &Client, kind: &str, plural: &str, name: &str, spec: Value) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("types.kubefed.io", "v1beta2", kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
    let api = Api::namespaced_with(client.clone(), "shop", &resource);
    let object = json!({"apiVersion": "types.kubefed.io/v1beta2", "kind": kind,
        "metadata": {"name": name, "namespace": "shop"}, "spec": spec});
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    within("the webhooks are there", async {
        while api.create(&PostParams::default(), &object).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    api
}

async fn cell(client: &Client, name: &str) -> Api<Cell> {
    let cells: Api<Cell> = Api::namespaced(client.clone(), "shop");
    let cell = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"clusterName": "rz00"}});
    cells.create(&PostParams::default(), &serde_json::from_value(cell).unwrap()).await.unwrap();
    let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), FEDERATION);
    let ready = |c: Option<&KubeFedCluster>| c.is_some_and(KubeFedCluster::is_ready);
    within("the cell is ready", await_condition(clusters, &format!("{name}.shop"), ready)).await.unwrap();
    cells
}

#[test]
fn the_page_has_what_fedd_prints() {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_fedd")).arg("permissions").output().unwrap().stdout;
    let printed: Vec<Value> = fedd::yaml::parse_stream(std::str::from_utf8(&output).unwrap()).unwrap();
    let page: Vec<Value> = fedd::yaml::parse_stream(blocks()[0]).unwrap();
    assert_eq!(page, printed);
}

#[tokio::test]
async fn the_rights_of_the_page_are_enough() {
    an_object_comes_and_goes(json!([])).await;
}

/// Then what was last written is kept in objects of its own.
#[tokio::test]
async fn they_are_enough_with_kubefeds_records_too() {
    an_object_comes_and_goes(json!([{"name": "VersionsInStatus", "configuration": "Disabled"}])).await;
}

async fn an_object_comes_and_goes(gates: Value) {
    let testbed = Testbed::start().await.unwrap();
    let audit = AuditLog::of(ACCOUNT);
    let audited = ApiServerOptions { flags: audit.flags(), ..ApiServerOptions::default() };
    let (host, member) =
        tokio::try_join!(testbed.api_server("host"), testbed.api_server_with("rz00", audited)).unwrap();
    let client = host.client();
    fedd(&host, &["install", "--types", "configmaps"]).await;
    let configs: Api<KubeFedConfig> = Api::namespaced(client.clone(), FEDERATION);
    let gates = Patch::Merge(json!({"spec": {"featureGates": gates}}));
    configs.patch("kubefed", &PatchParams::default(), &gates).await.unwrap();
    let [on_host, on_member, joined] = blocks();
    let printed = fedd(&host, &["permissions", "member", "rz00", "--host-cluster-name", "fedd"]).await;
    let parsed = |yaml: &str| fedd::yaml::parse_stream::<Value>(yaml).unwrap();
    assert_eq!(parsed(on_member), parsed(&printed), "the page has what fedd prints");
    apply(&client, on_host).await;
    apply(&member.client(), on_member).await;
    let joined = joined
        .replace("TOKEN}", &format!("{}}}", token(&member.client(), "rz00-fedd").await))
        .replace("API_ENDPOINT", member.url())
        .replace("CA_BUNDLE", &ca_bundle(&member));
    apply(&client, &joined).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, kubeconfig(&host).await).unwrap();
    let (mut control_plane, log) = run(&path);

    let namespace = serde_json::from_value(json!({"metadata": {"name": "shop"}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    let on_cell = json!({"topologyType": "cell", "placement": {"topologies": [{"name": "rz00a"}]}});
    federate(&client, "FederatedNamespace", "federatednamespaces", "shop", on_cell).await;
    cell(&client, "rz00a").await;
    let spec = json!({"topologyType": "cell", "placement": {"topologies": [{"name": "rz00a"}]},
        "template": {"data": {"sky": "blue"}}});
    let config_maps = federate(&client, "FederatedConfigMap", "federatedconfigmaps", "colours", spec).await;

    // It comes, changes, is seen to, and goes.
    let there: Api<ConfigMap> = Api::namespaced(member.client(), "shop");
    let is = |sky: &'static str| {
        move |c: Option<&ConfigMap>| c.and_then(|c| c.data.as_ref()).is_some_and(|d| d["sky"] == sky)
    };
    within("it is there", await_condition(there.clone(), "colours", is("blue"))).await.unwrap();
    let grey = json!({"spec": {"template": {"data": {"sky": "grey"}}}});
    config_maps.patch("colours", &PatchParams::default(), &Patch::Merge(grey)).await.unwrap();
    within("it changes", await_condition(there.clone(), "colours", is("grey"))).await.unwrap();
    let told =
        |o: Option<&DynamicObject>| o.is_some_and(|o| o.data["status"]["conditions"][0]["status"] == "True");
    within("its status says so", await_condition(config_maps.clone(), "colours", told)).await.unwrap();
    let events: Api<Event> = Api::namespaced(client.clone(), "shop");
    within("there are events", async {
        while events.list(&ListParams::default()).await.unwrap().items.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    config_maps.delete("colours", &DeleteParams::default()).await.unwrap();
    let gone = |o: Option<&DynamicObject>| o.is_none();
    within("it goes", await_condition(config_maps, "colours", gone)).await.unwrap();
    assert!(there.get_opt("colours").await.unwrap().is_none());

    its_object_may_stay(&client, &there).await;
    the_token_is_rotated_twice(&client).await;

    // A cell that nothing is on goes, and its KubeFedCluster with it.
    let cells = cell(&client, "rz00b").await;
    cells.delete("rz00b", &DeleteParams::default()).await.unwrap();
    within("the cell goes", await_condition(cells, "rz00b", |c: Option<&Cell>| c.is_none())).await.unwrap();

    nothing_more(&host, &path).await;
    let id = control_plane.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(within("it ends", control_plane.wait()).await.unwrap().success());
    let log = log.lock();
    assert!(log.iter().any(|line| line.contains("Starting cluster controller")), "the log was read");
    let refused: Vec<_> = log.iter().filter(|line| line.contains("orbidden")).collect();
    assert!(refused.is_empty(), "{refused:#?}");

    let (granted, asked) = (asked::granted(&parsed(on_member)), audit.asked());
    let more = asked::not_granted(&granted, &asked);
    assert!(more.is_empty(), "asked for, and not granted by the page: {more:#?}");
    let unused: Vec<_> = asked::unused(&granted, &asked)
        .into_iter()
        .filter(|what| UNUSED.iter().all(|(meant, _)| what != meant))
        .collect();
    assert!(unused.is_empty(), "granted, and never asked for: {unused:#?}");
}

/// An object that is to be left on the member is, without the label.
async fn its_object_may_stay(client: &Client, there: &Api<ConfigMap>) {
    let spec = json!({"topologyType": "cell", "placement": {"topologies": [{"name": "rz00a"}]}, "template": {"data": {}}});
    let config_maps = federate(client, "FederatedConfigMap", "federatedconfigmaps", "kept", spec).await;
    within("it is there", await_condition(there.clone(), "kept", |c: Option<&ConfigMap>| c.is_some()))
        .await
        .unwrap();
    let orphan = Patch::Merge(json!({"metadata": {"annotations": {annotation::ORPHAN: "true"}}}));
    config_maps.patch("kept", &PatchParams::default(), &orphan).await.unwrap();
    config_maps.delete("kept", &DeleteParams::default()).await.unwrap();
    let gone = |o: Option<&DynamicObject>| o.is_none();
    within("it goes", await_condition(config_maps, "kept", gone)).await.unwrap();
    assert_eq!(there.get("kept").await.unwrap().labels().len(), 0);
}

/// Once because nobody noted when it was put there, and once more because it is asked for.
async fn the_token_is_rotated_twice(client: &Client) {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), FEDERATION);
    let is_noted = |s: Option<&Secret>| s.is_some_and(|s| s.annotations().contains_key(TOKEN_LIFE));
    within("it is renewed", await_condition(secrets.clone(), "rz00-token", is_noted)).await.unwrap();
    let ask = Patch::Merge(json!({"metadata": {"annotations": {ROTATE: "now"}}}));
    secrets.patch("rz00-token", &PatchParams::default(), &ask).await.unwrap();
    let is_settled = |s: Option<&Secret>| {
        s.is_some_and(|s| [ROTATE, SUPERSEDED].iter().all(|key| !s.annotations().contains_key(*key)))
    };
    within("it is rotated", await_condition(secrets, "rz00-token", is_settled)).await.unwrap();
}

/// The account is no administrator's.
async fn nothing_more(host: &ApiServer, kubeconfig: &std::path::Path) {
    let token = std::fs::read_to_string(kubeconfig).unwrap();
    let token: Value = serde_json::from_str(&token).unwrap();
    let client = client_of(host, token["users"][0]["user"]["token"].as_str().unwrap());
    let elsewhere: Api<Secret> = Api::namespaced(client.clone(), "default");
    assert!(elsewhere.list(&ListParams::default()).await.unwrap_err().to_string().contains("orbidden"));
    let tokens: Api<Secret> = Api::namespaced(client, FEDERATION);
    assert!(tokens.delete("rz00-token", &DeleteParams::default()).await.is_err());
}

/// A client of who has a token.
fn client_of(server: &ApiServer, token: &str) -> Client {
    let mut config = server.kube_config();
    config.auth_info =
        kube::config::AuthInfo { token: Some(token.to_owned().into()), ..kube::config::AuthInfo::default() };
    Client::try_from(config).unwrap()
}

/// The member as the federation sees it, with the token that joining got.
async fn as_federation(host: &ApiServer, member: &ApiServer) -> Client {
    let secret = Api::<Secret>::namespaced(host.client(), FEDERATION).get("rz00-token").await.unwrap();
    client_of(member, std::str::from_utf8(&secret.data.unwrap()["token"].0).unwrap())
}

/// Waits until a list is answered with this code: a member's authoriser hears of a new role by a watch.
async fn list_answers<K>(api: Api<K>, code: u16)
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    within("rights take effect", async {
        loop {
            let answered = match api.list(&ListParams::default()).await {
                Ok(_) => 200,
                Err(kube::Error::Api(status)) => status.code,
                Err(error) => panic!("{error}"),
            };
            if answered == code {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

/// A federated object on cluster `rz00`, in the form by cluster.
async fn on_cluster(
    client: &Client,
    kind: &str,
    plural: &str,
    name: &str,
    template: Value,
) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("types.kubefed.io", "v1beta1", kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "shop", &resource);
    let object = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": template, "placement": {"clusters": [{"name": "rz00"}]}}});
    within("the webhooks are there", async {
        let params = PatchParams::apply("administrator");
        while api.patch(name, &params, &Patch::Apply(&object)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    api
}

/// Whether a cluster says that it lacks rights, with these words.
fn lacks(words: &'static str) -> impl Fn(Option<&KubeFedCluster>) -> bool {
    move |cluster| {
        let condition = cluster.and_then(|c| c.condition("RightsMissing"));
        condition.is_some_and(|c| c.message.as_deref().is_some_and(|m| m.contains(words)))
    }
}

#[tokio::test]
async fn a_member_gives_what_the_federated_types_take_and_no_more() {
    let testbed = Testbed::start().await.unwrap();
    let (host, member) = tokio::try_join!(testbed.api_server("host"), testbed.api_server("rz00")).unwrap();
    let client = host.client();
    fedd(&host, &["install", "--types", "configmaps"]).await;
    let configs: Api<KubeFedConfig> = Api::namespaced(client.clone(), FEDERATION);
    let often = Patch::Merge(json!({"spec": {"clusterHealthCheck": {"period": "1s"}}}));
    configs.patch("kubefed", &PatchParams::default(), &often).await.unwrap();
    let path = member.kubeconfig_path();
    let rz00 = ["--cluster-kubeconfig", path.to_str().unwrap()];
    let by_contexts = ["--members-kubeconfig", path.to_str().unwrap()];
    fedd(&host, &[&["join", "rz00"], &rz00[..]].concat()).await;
    let account = as_federation(&host, &member).await;
    let (mut control_plane, log) = run(&host.kubeconfig_path());

    // What is federated gets there.
    let namespace = serde_json::from_value(json!({"metadata": {"name": "shop"}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    on_cluster(&client, "FederatedNamespace", "federatednamespaces", "shop", json!({})).await;
    let sky = json!({"data": {"sky": "blue"}});
    on_cluster(&client, "FederatedConfigMap", "federatedconfigmaps", "colours", sky).await;
    let colours: Api<ConfigMap> = Api::namespaced(member.client(), "shop");
    within("it is there", await_condition(colours, "colours", |c: Option<&ConfigMap>| c.is_some()))
        .await
        .unwrap();
    let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), FEDERATION);
    assert!(clusters.get("rz00").await.unwrap().condition("RightsMissing").is_none());

    // What is not, cannot be touched; nor does the account make itself more than it is.
    list_answers(Api::<Secret>::all(account.clone()), 403).await;
    let secret: Secret = serde_json::from_value(json!({"metadata": {"name": "s"}})).unwrap();
    let shop: Api<Secret> = Api::namespaced(account.clone(), "shop");
    assert!(shop.create(&PostParams::default(), &secret).await.unwrap_err().to_string().contains("orbidden"));
    let role = "kubefed-controller-manager:rz00-host";
    let wider =
        Patch::Merge(json!({"rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]}));
    let roles: Api<ClusterRole> = Api::all(account.clone());
    assert!(
        roles
            .patch(role, &PatchParams::default(), &wider)
            .await
            .unwrap_err()
            .to_string()
            .contains("orbidden")
    );

    // A type that is enabled while nobody sees to the member: it is told on the command line, at the cluster and at the
    // object, each with what to run.
    let told = fedd(&host, &["enable", "secrets"]).await;
    let by_hand = "fedd permissions member rz00 | kubectl --context rz00 apply -f -";
    assert!(told.contains(by_hand) && told.contains("no context \"rz00\""), "{told}");
    let words = "may not list and watch secrets there";
    within("the cluster says so", await_condition(clusters.clone(), "rz00", lacks(words))).await.unwrap();
    let message =
        clusters.get("rz00").await.unwrap().condition("RightsMissing").unwrap().message.clone().unwrap();
    assert!(
        message.contains("cannot list resource \"secrets\"") && message.contains("permissions member rz00"),
        "{message}"
    );
    let secrets =
        on_cluster(&client, "FederatedSecret", "federatedsecrets", "keys", json!({"data": {"k": "dg=="}}))
            .await;
    let told = |o: Option<&DynamicObject>| {
        let message = o.and_then(|o| o.data.pointer("/status/clusters/0/message")?.as_str());
        message
            .is_some_and(|m| m.contains("cannot list resource") && m.contains("fedd permissions member rz00"))
    };
    within("the object says so", await_condition(secrets, "keys", told)).await.unwrap();

    // What it says to run.
    apply(&member.client(), &fedd(&host, &["permissions", "member", "rz00"]).await).await;
    let keys: Api<Secret> = Api::namespaced(member.client(), "shop");
    within("it is there", await_condition(keys, "keys", |s: Option<&Secret>| s.is_some())).await.unwrap();
    let is_well = |c: Option<&KubeFedCluster>| {
        c.is_some_and(|c| c.is_ready() && c.condition("RightsMissing").is_none())
    };
    within("nothing is missing", await_condition(clusters, "rz00", is_well)).await.unwrap();

    // With a context of the member, the commands see to it.
    let written = format!("rz00: clusterrole.rbac.authorization.k8s.io/{role} configured");
    let told = fedd(&host, &[&["disable", "secrets"], &by_contexts[..]].concat()).await;
    assert!(told.contains(&written), "{told}");
    list_answers(Api::<Secret>::all(account.clone()), 403).await;
    let told = fedd(&host, &[&["enable", "secrets", "--dry-run"], &by_contexts[..]].concat()).await;
    assert!(told.contains(&format!("{written} (dry run)")), "{told}");
    let told = fedd(&host, &[&["enable", "secrets"], &by_contexts[..]].concat()).await;
    assert!(told.contains(&written), "{told}");
    list_answers(Api::<Secret>::all(account.clone()), 200).await;

    // Joining again changes nothing, widens, and narrows.
    let rights = |told: &str| {
        told.lines()
            .find(|line| line.contains(&format!("/{role} ")) && line.contains("clusterrole."))
            .unwrap()
            .to_owned()
    };
    let again = fedd(&host, &[&["join", "rz00"], &rz00[..]].concat()).await;
    assert!(rights(&again).ends_with("unchanged"), "{again}");
    fedd(&host, &[&["join", "rz00", "--cluster-admin"], &rz00[..]].concat()).await;
    list_answers(Api::<ServiceAccount>::all(account.clone()), 200).await;
    let told = fedd(&host, &[&["enable", "services"], &by_contexts[..]].concat()).await;
    assert!(!told.contains("rz00:"), "it has everything: {told}");
    let narrowed = fedd(&host, &[&["join", "rz00"], &rz00[..]].concat()).await;
    assert!(
        rights(&narrowed).ends_with("configured") && narrowed.contains("--cluster-admin gives everything"),
        "{narrowed}"
    );
    list_answers(Api::<ServiceAccount>::all(account.clone()), 403).await;

    let id = control_plane.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(within("it ends", control_plane.wait()).await.unwrap().success());
    assert!(log.lock().iter().any(|line| line.contains("Starting cluster controller")), "the log was read");

    // Leaving takes all of it away.
    fedd(&host, &[&["unjoin", "rz00", "--force"], &rz00[..]].concat()).await;
    let left = Api::<ClusterRole>::all(member.client()).get_opt(role).await.unwrap();
    let left_in_namespace =
        Api::<Role>::namespaced(member.client(), FEDERATION).list(&ListParams::default()).await;
    assert!(left.is_none() && left_in_namespace.unwrap().items.is_empty());
}
