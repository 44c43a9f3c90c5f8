//! The member that only its agent can reach.

use std::process::Stdio;

use anyhow::{Context as _, bail};
use federation_model::KubeFedCluster;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::stage::Stage;

const FEDERATION: &str = "kube-federation-system";

/// Joins a member by tunnel, applies what that prints, and makes its address lead nowhere.
pub(crate) async fn join(stage: &Stage, name: &str, args: &[&str]) -> anyhow::Result<()> {
    let listen = stage.tunnel();
    let manifest = stage.fedd_prints(&[args, &["--tunnel", listen]].concat()).await?;
    let member = stage.member(name)?;
    anstream::println!("\u{1b}[2m$ kubectl --context {name} apply -f agent.yaml\u{1b}[0m");
    for object in fedd::yaml::parse_stream::<DynamicObject>(&manifest)? {
        let types = object.types.as_ref().context("an object of the manifest has no kind")?;
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
        let api: Api<DynamicObject> = match &object.metadata.namespace {
            Some(namespace) => Api::namespaced_with(member.client(), namespace, &resource),
            None => Api::all_with(member.client(), &resource),
        };
        let object_name = object.metadata.name.as_deref().context("an object of the manifest has no name")?;
        let params = PatchParams::apply("kubectl").force();
        api.patch(object_name, &params, &Patch::Apply(&object)).await?;
    }
    let clusters: Api<KubeFedCluster> = Api::namespaced(stage.host()?, FEDERATION);
    // Nobody listens there; its certificate has the name.
    let nowhere = json!({"spec": {"apiEndpoint": "https://localhost:1"}});
    clusters.patch(name, &PatchParams::default(), &Patch::Merge(nowhere)).await?;
    Ok(())
}

/// What the manifest's Deployment would run, where there are nodes.
pub(crate) struct Agent(Child);

impl Agent {
    pub(crate) fn start(stage: &Stage, name: &str) -> anyhow::Result<Self> {
        let member = stage.member(name)?;
        let kubeconfig = member.kubeconfig_path().display().to_string();
        let args = ["agent", "--cluster", name, "--server", stage.tunnel(), "--healthz-addr", "off"];
        let address = member.url().trim_start_matches("https://");
        let secret = format!("{FEDERATION}/fedd-agent");
        let rest = ["--api-server", address, "--identity-secret", &secret, "--kubeconfig", &kubeconfig];
        anstream::println!("\u{1b}[2m$ fedd {} … &\u{1b}[0m", args.join(" "));
        let child = Command::new(std::env::current_exe()?)
            .arg("fedd")
            .args(args)
            .args(rest)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stage.log_file("agent.log")?)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self(child))
    }

    /// Kills it, as a node that goes down does.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        if let Some(status) = self.0.try_wait()? {
            bail!("the agent had ended: {status}");
        }
        Ok(self.0.kill().await?)
    }
}
