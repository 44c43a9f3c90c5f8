//! The story, step by step.

use anyhow::bail;
use federation_model::{CONFIG_NAME, Cell, KubeFedCluster, KubeFedConfig};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::{Stage, tenant_namespace, until};
use crate::tunnel::{self, Agent};
use crate::view::{BANK, show_and_check};

const FEDERATION: &str = "kube-federation-system";
/// The member that only its agent can reach.
const TUNNELLED: &str = "m2";

fn step(words: &str) {
    anstream::println!("\n\u{1b}[1m▶ {words}\u{1b}[0m");
}

/// Plays everything; the daemon's last words are shown if something goes wrong.
pub(crate) async fn play(datastore: Option<String>) -> anyhow::Result<()> {
    step(match &datastore {
        None => "A host and three members: real kube-apiservers on loopback",
        Some(_) => "Three members: real kube-apiservers on loopback; the host is fedd's own, on a datastore",
    });
    let mut stage = Stage::build(&["m1", "m2", "m3"], datastore).await?;
    let outcome = acts(&mut stage).await;
    if outcome.is_err() {
        anstream::eprintln!("\nThe daemon's last words:\n{}", stage.log_tail());
    }
    outcome
}

async fn acts(stage: &mut Stage) -> anyhow::Result<()> {
    let agent = set_up(stage).await?;
    first_release(stage).await?;
    grey_release(stage).await?;
    disaster(stage).await?;
    let _agent = lost_tunnel(stage, agent).await?;
    service_annotations(stage).await?;
    tenants(stage).await?;
    step("fedd stops when it is told to");
    stage.stop_daemon().await
}

async fn set_up(stage: &mut Stage) -> anyhow::Result<Agent> {
    step("The host becomes a federation, and fedd runs on it");
    stage.federate().await?;
    anstream::println!(
        "health checks every second, so that nobody has to wait half a minute for a cluster to be called down"
    );
    let configs: Api<KubeFedConfig> = Api::namespaced(stage.host()?, FEDERATION);
    let patch = json!({"spec": {"clusterHealthCheck": {"period": "1s", "timeout": "1s"}}});
    configs.patch(CONFIG_NAME, &PatchParams::default(), &Patch::Merge(patch)).await?;
    stage.start_daemon().await?;

    step("Two tenants; three clusters join: m2 is behind a firewall, and m3 is the other tenant's");
    stage.apply(tenant_namespace("bank-prod", "bank"), "namespaces").await?;
    stage.apply(tenant_namespace("other-prod", "other"), "namespaces").await?;
    for (name, scope) in [("m1", None), ("m2", None), ("m3", Some("other"))] {
        let kubeconfig = stage.member(name)?.kubeconfig_path().display().to_string();
        let mut args = vec!["join", name, "--cluster-kubeconfig", &kubeconfig];
        if let Some(tenant) = scope {
            args.extend(["--tenant", tenant, "--workspace-group", "prod"]);
        }
        if name == TUNNELLED {
            tunnel::join(stage, name, &args).await?;
        } else {
            stage.fedd(&args).await?;
        }
    }
    let agent = Agent::start(stage, TUNNELLED)?;

    step("Cells: rz00a and rz00b of the bank on m1, rz01a on m2; the other tenant's rz00a on m3");
    let cell = |namespace: &str, name: &str, cluster: &str, target: Option<&str>| {
        let mut cell = json!({"apiVersion": "fedd.io/v1alpha1", "kind": "Cell", "metadata": {"name": name, "namespace": namespace}, "spec": {"clusterName": cluster}});
        if let Some(template) = target {
            cell["spec"]["target"] = json!({"namespace": template});
        }
        cell
    };
    let apart = Some("{namespace}-{cell}");
    for object in [
        cell("bank-prod", "rz00a", "m1", apart),
        cell("bank-prod", "rz00b", "m1", apart),
        cell("bank-prod", "rz01a", "m2", None),
        cell("other-prod", "rz00a", "m3", None),
    ] {
        stage.apply(object, "cells").await?;
    }
    for (namespace, name) in
        [("bank-prod", "rz00a"), ("bank-prod", "rz00b"), ("bank-prod", "rz01a"), ("other-prod", "rz00a")]
    {
        let api: Api<Cell> = Api::namespaced(stage.host()?, namespace);
        until("the cell is ready", api, name, |cell: Option<&Cell>| {
            cell.and_then(|c| c.status.as_ref())
                .is_some_and(|s| s.conditions.iter().any(|c| c.status == "True"))
        })
        .await?;
    }
    let clusters: Api<KubeFedCluster> = Api::namespaced(stage.host()?, FEDERATION);
    let mut table = comfy_table::Table::new();
    table.set_header(["CLUSTER", "READY", "TENANT", "ACCESS OF"]);
    for cluster in clusters.list(&kube::api::ListParams::default()).await? {
        use kube::ResourceExt as _;
        let label = |key: &str| cluster.labels().get(key).cloned().unwrap_or_default();
        let of = cluster.annotations().get("fedd.io/access-of").cloned().unwrap_or_default();
        table.add_row([cluster.name_any(), cluster.is_ready().to_string(), label("fedd.io/tenant"), of]);
    }
    anstream::println!("{table}");

    step("Each tenant's namespace goes to all of its cells");
    for namespace in ["bank-prod", "other-prod"] {
        stage
            .apply(
                federated(
                    "FederatedNamespace",
                    namespace,
                    namespace,
                    json!({}),
                    json!({"topologySelector": {}}),
                    Value::Null,
                ),
                "federatednamespaces",
            )
            .await?;
    }
    Ok(agent)
}

/// A federated object by cell.
fn federated(
    kind: &str,
    namespace: &str,
    name: &str,
    template: Value,
    placement: Value,
    mask: Value,
) -> Value {
    let mut object = json!({
        "apiVersion": "types.kubefed.io/v1beta2", "kind": kind, "metadata": {"name": name, "namespace": namespace},
        "spec": {"topologyType": "cell", "template": template, "placement": placement}});
    if !mask.is_null() {
        object["spec"]["placementMask"] = json!({"topologies": mask});
    }
    object
}

fn cells(names: &[&str]) -> Value {
    names.iter().map(|n| json!({"name": n})).collect()
}

fn deployment(image: &str, mask: &[&str], masked: bool) -> Value {
    let template = json!({"spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
        "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}}}});
    let mask = if masked { cells(mask) } else { Value::Null };
    federated(
        "FederatedDeployment",
        "bank-prod",
        "web",
        template,
        json!({"topologies": cells(&["rz00a", "rz00b", "rz01a"])}),
        mask,
    )
}

/// Writes a Deployment, and waits until the host says of each cell what is expected of it.
async fn release(
    stage: &Stage,
    image: &str,
    mask: Option<&[&str]>,
    expected: [fn(&Value) -> bool; 3],
) -> anyhow::Result<()> {
    stage.apply(deployment(image, mask.unwrap_or_default(), mask.is_some()), "federateddeployments").await?;
    until(
        "the status tells of each cell",
        stage.by_topology("FederatedDeployment", "federateddeployments", "bank-prod")?,
        "web",
        move |o: Option<&DynamicObject>| {
            let Some(object) = o else { return false };
            let status = &object.data["status"];
            status["observedGeneration"].as_i64() == object.metadata.generation
                && BANK.iter().zip(expected).all(|(place, is_so)| {
                    status["topologies"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .any(|l| l["name"] == place.cell && is_so(l))
                })
        },
    )
    .await
}

fn ok(line: &Value) -> bool {
    line["status"].is_null() && line["heldByMask"].is_null() && line["revision"].is_string()
}

fn held(line: &Value) -> bool {
    line["heldByMask"] == true
}

fn troubled(line: &Value) -> bool {
    line["status"].is_string()
}

async fn first_release(stage: &Stage) -> anyhow::Result<()> {
    step("First release by cell: web:1 on rz00a, rz00b and rz01a");
    release(stage, "web:1", None, [ok, ok, ok]).await?;
    show_and_check(stage, "web", [(1, "web:1"), (1, "web:1"), (1, "web:1")]).await?;
    let stored = crate::stage::dynamic(
        &stage.host()?,
        "types.kubefed.io/v1beta1",
        "FederatedDeployment",
        "federateddeployments",
        Some("bank-prod"),
    )
    .get("web")
    .await?;
    let names: Vec<_> = stored.data["spec"]["placement"]["clusters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| c["name"].as_str().unwrap_or_default())
        .collect();
    anstream::println!("the same object by cluster: {}", names.join(", "));
    if names != ["rz00a.bank-prod", "rz00b.bank-prod", "rz01a.bank-prod"] {
        bail!("the form by cluster is not what the form by cell says");
    }
    Ok(())
}

async fn grey_release(stage: &Stage) -> anyhow::Result<()> {
    step("Grey release: web:2 behind a mask that lets rz00a through only");
    release(stage, "web:2", Some(&["rz00a"]), [ok, held, held]).await?;
    show_and_check(stage, "web", [(2, "web:2"), (1, "web:1"), (1, "web:1")]).await?;
    step("The mask is widened to rz00b");
    release(stage, "web:2", Some(&["rz00a", "rz00b"]), [ok, ok, held]).await?;
    show_and_check(stage, "web", [(2, "web:2"), (2, "web:2"), (1, "web:1")]).await
}

async fn disaster(stage: &Stage) -> anyhow::Result<()> {
    step("Disaster: m2 (cell rz01a) stops; the release of web:3 goes on without it");
    stage.member("m2")?.stop().await?;
    let clusters: Api<KubeFedCluster> = Api::namespaced(stage.host()?, FEDERATION);
    until("m2 is seen to be down", clusters.clone(), "m2", |c: Option<&KubeFedCluster>| {
        c.is_some_and(|c| !c.is_ready())
    })
    .await?;
    release(stage, "web:3", Some(&["rz00a", "rz00b"]), [ok, ok, troubled]).await?;
    show_and_check(stage, "web", [(3, "web:3"), (3, "web:3"), (0, "-")]).await?;

    step("m2 is back: it is not touched until the mask takes it in");
    stage.member("m2")?.start_again().await?;
    until("m2 is ready", clusters, "m2", |c: Option<&KubeFedCluster>| {
        c.is_some_and(KubeFedCluster::is_ready)
    })
    .await?;
    release(stage, "web:3", Some(&["rz00a", "rz00b"]), [ok, ok, held]).await?;
    show_and_check(stage, "web", [(3, "web:3"), (3, "web:3"), (1, "web:1")]).await?;
    release(stage, "web:3", Some(&["rz00a", "rz00b", "rz01a"]), [ok, ok, ok]).await?;
    show_and_check(stage, "web", [(3, "web:3"), (3, "web:3"), (2, "web:3")]).await
}

/// The member behind a firewall is lost in mid-release, and found again: its API server was up all the time.
async fn lost_tunnel(stage: &Stage, agent: Agent) -> anyhow::Result<Agent> {
    step(
        "m2's agent is killed while web:4 is released: the tunnel is down, and the API server behind it is not",
    );
    agent.kill().await?;
    let clusters: Api<KubeFedCluster> = Api::namespaced(stage.host()?, FEDERATION);
    let is_down = |c: &KubeFedCluster| {
        let conditions = c.status.iter().flat_map(|status| &status.conditions);
        conditions.into_iter().any(|c| c.reason.as_deref() == Some("TunnelDown"))
    };
    release(stage, "web:4", None, [ok, ok, troubled]).await?;
    until(
        "m2's tunnel is seen to be down",
        clusters.clone(),
        TUNNELLED,
        move |c: Option<&KubeFedCluster>| c.is_some_and(is_down),
    )
    .await?;
    show_and_check(stage, "web", [(4, "web:4"), (4, "web:4"), (2, "web:3")]).await?;

    step("The agent is started again: the release goes on by itself");
    let agent = Agent::start(stage, TUNNELLED)?;
    until("m2 is ready", clusters, TUNNELLED, |c: Option<&KubeFedCluster>| {
        c.is_some_and(KubeFedCluster::is_ready)
    })
    .await?;
    release(stage, "web:4", None, [ok, ok, ok]).await?;
    show_and_check(stage, "web", [(4, "web:4"), (4, "web:4"), (3, "web:4")]).await?;
    Ok(agent)
}

async fn service_annotations(stage: &Stage) -> anyhow::Result<()> {
    step("A Service: its spec-like annotations are pushed, the member's own one survives and comes back");
    let configs: Api<federation_model::FederatedTypeConfig> = Api::namespaced(stage.host()?, FEDERATION);
    let patch = json!({"spec": {"propagatingAnnotations": ["service.beta.kubernetes.io/*"]}});
    configs.patch("services", &PatchParams::default(), &Patch::Merge(patch)).await?;
    let service = |class: &str| {
        let template = json!({"metadata": {"annotations": {"service.beta.kubernetes.io/class": class}},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
        federated(
            "FederatedService",
            "bank-prod",
            "web",
            template,
            json!({"topologies": cells(&["rz01a"])}),
            Value::Null,
        )
    };
    let there: Api<Service> = Api::namespaced(stage.member("m2")?.client(), "bank-prod");
    let has = |key: &'static str, value: &'static str| {
        move |s: Option<&Service>| {
            s.and_then(|s| s.metadata.annotations.as_ref())
                .and_then(|a| a.get(key))
                .is_some_and(|v| v == value)
        }
    };
    stage.apply(service("internal"), "federatedservices").await?;
    until("the Service is on m2", there.clone(), "web", has("service.beta.kubernetes.io/class", "internal"))
        .await?;
    let own = json!({"metadata": {"annotations": {"lb.example.com/address": "192.0.2.7"}}});
    there.patch("web", &PatchParams::default(), &Patch::Merge(own)).await?;
    stage.apply(service("public"), "federatedservices").await?;
    until("the new class is on m2", there.clone(), "web", has("service.beta.kubernetes.io/class", "public"))
        .await?;
    until(
        "the member's own annotation is in the status",
        stage.by_topology("FederatedService", "federatedservices", "bank-prod")?,
        "web",
        |o: Option<&DynamicObject>| {
            o.is_some_and(|o| {
                o.data["status"]["topologies"][0]["remoteAnnotations"]["lb.example.com/address"]
                    == "192.0.2.7"
            })
        },
    )
    .await?;
    let service = there.get("web").await?;
    let annotations = service.metadata.annotations.unwrap_or_default();
    let mut table = comfy_table::Table::new();
    table.set_header(["ANNOTATION ON m2", "VALUE"]);
    for (key, value) in &annotations {
        table.add_row([key, value]);
    }
    anstream::println!("{table}");
    if annotations.get("lb.example.com/address").is_none_or(|v| v != "192.0.2.7") {
        bail!("the member's own annotation did not survive");
    }
    Ok(())
}

async fn tenants(stage: &Stage) -> anyhow::Result<()> {
    step("The other tenant's cluster m3 is down; the bank deletes, and waits for nobody");
    stage.member("m3")?.stop().await?;
    let clusters: Api<KubeFedCluster> = Api::namespaced(stage.host()?, FEDERATION);
    until("m3 is seen to be down", clusters, "m3", |c: Option<&KubeFedCluster>| {
        c.is_some_and(|c| !c.is_ready())
    })
    .await?;
    let api = stage.by_topology("FederatedDeployment", "federateddeployments", "bank-prod")?;
    api.delete("web", &DeleteParams::default()).await?;
    until("the federated Deployment is gone", api, "web", |o: Option<&DynamicObject>| o.is_none()).await?;
    for place in &BANK {
        let there: Api<Deployment> = Api::namespaced(stage.member(place.member)?.client(), place.namespace);
        if there.get_opt("web").await?.is_some() {
            bail!("{} still has it", place.cell);
        }
    }
    anstream::println!("gone from rz00a, rz00b and rz01a");

    step("A placement that crosses tenants is refused");
    let foreign = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": "FederatedConfigMap",
        "metadata": {"name": "spy", "namespace": "bank-prod"},
        "spec": {"template": {"data": {}}, "placement": {"clusters": [{"name": "rz00a.other-prod"}]}}});
    match stage.apply(foreign, "federatedconfigmaps").await {
        Ok(()) => bail!("a placement on another tenant's cell was let in"),
        Err(error) => anstream::println!("{}", error.root_cause()),
    }
    Ok(())
}
