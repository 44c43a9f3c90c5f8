//! The servers, the fedd process, and what a person does to them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Debug;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::{Condition, await_condition};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use testbed::{ApiServer, Testbed};
use tokio::process::{Child, Command};

use crate::host::Host;

/// How long anything may take. A slow machine takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// A host, members and fedd.
pub(crate) struct Stage {
    host: Host,
    /// The host's client, once it answers.
    client: Option<Client>,
    pub(crate) members: BTreeMap<&'static str, ApiServer>,
    fedd: Option<Child>,
    /// Where agents find fedd.
    tunnel: String,
    testbed: Testbed,
}

impl Stage {
    /// Starts the servers. With a datastore, fedd is the host.
    pub(crate) async fn build(members: &[&'static str], datastore: Option<String>) -> anyhow::Result<Self> {
        let testbed = Testbed::start().await?;
        let host = async {
            Ok::<_, anyhow::Error>(match datastore {
                None => Host::KubeApiServer(testbed.api_server("host").await?),
                Some(url) => Host::Datastore {
                    url,
                    listen: free_address().await?,
                    kubeconfig: testbed.folder().join("host.kubeconfig"),
                },
            })
        };
        let servers = async {
            Ok(futures::future::try_join_all(members.iter().map(|name| testbed.api_server(name))).await?)
        };
        let (host, servers) = futures::try_join!(host, servers)?;
        let members = members.iter().copied().zip(servers).collect();
        let tunnel = free_address().await?;
        Ok(Self { host, client: None, members, fedd: None, tunnel, testbed })
    }

    /// A client of the host.
    pub(crate) fn host(&self) -> anyhow::Result<Client> {
        self.client.clone().ok_or_else(|| anyhow!("the host does not answer yet"))
    }

    /// Makes the host a federation, if it is not one by itself.
    pub(crate) async fn federate(&mut self) -> anyhow::Result<()> {
        match self.host.install() {
            Some(install) => self.fedd(&install.iter().map(String::as_str).collect::<Vec<_>>()).await?,
            None => self.start_daemon().await?,
        }
        self.client = Some(self.host.client().await?);
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.testbed.folder().join("fedd.log")
    }

    /// Where agents find fedd.
    pub(crate) fn tunnel(&self) -> &str {
        &self.tunnel
    }

    /// A file for a process's log.
    pub(crate) fn log_file(&self, name: &str) -> anyhow::Result<std::fs::File> {
        let path = self.testbed.folder().join(name);
        Ok(std::fs::File::options().create(true).append(true).open(path)?)
    }

    /// Runs a fedd command to its end; shows it.
    pub(crate) async fn fedd(&self, args: &[&str]) -> anyhow::Result<()> {
        self.fedd_prints(args).await.map(drop)
    }

    /// The same, for what it prints.
    pub(crate) async fn fedd_prints(&self, args: &[&str]) -> anyhow::Result<String> {
        anstream::println!("\u{1b}[2m$ fedd {}\u{1b}[0m", args.join(" "));
        let mut command = fedd(args)?;
        let command = command.arg("--kubeconfig").arg(self.host.kubeconfig()).stdin(Stdio::null());
        let output = command.output().await?;
        if !output.status.success() {
            bail!("fedd {} failed:\n{}", args.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Starts the daemon, or starts it again, and waits until it says that it is ready.
    pub(crate) async fn start_daemon(&mut self) -> anyhow::Result<()> {
        self.stop_daemon().await?;
        let health = free_address().await?;
        let args = self.host.daemon(&health, &free_address().await?, &self.tunnel);
        anstream::println!("\u{1b}[2m$ fedd {} &\u{1b}[0m", args.join(" "));
        let log = std::fs::File::create(self.log())?;
        let child = fedd(&args)?.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let (child, host) = (self.fedd.insert(child), &self.host);
        let ready = async {
            loop {
                if let Some(status) = child.try_wait()? {
                    bail!("fedd ended: {status}");
                }
                if host.is_ready(&health).await {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.map_err(|_| anyhow!("fedd was not ready in time"))?
    }

    /// Stops the daemon as a service manager does, and checks that it ends well.
    pub(crate) async fn stop_daemon(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.fedd.take() else { return Ok(()) };
        if let Some(id) = child.id() {
            Command::new("kill").arg(id.to_string()).status().await?;
        }
        let status = tokio::time::timeout(PATIENCE, child.wait())
            .await
            .map_err(|_| anyhow!("fedd did not stop"))??;
        if !status.success() {
            bail!("fedd ended with {status}");
        }
        Ok(())
    }

    /// The last lines that the daemon logged.
    pub(crate) fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// What a person does with `kubectl apply`; server-side.
    pub(crate) async fn apply(&self, object: Value, plural: &str) -> anyhow::Result<()> {
        apply(&self.host()?, object, plural).await
    }

    /// A member by name.
    pub(crate) fn member(&self, name: &str) -> anyhow::Result<&ApiServer> {
        self.members.get(name).ok_or_else(|| anyhow!("there is no member {name}"))
    }

    /// A federated object in the form by topology.
    pub(crate) fn by_topology(
        &self,
        kind: &str,
        plural: &str,
        namespace: &str,
    ) -> anyhow::Result<Api<DynamicObject>> {
        Ok(dynamic(&self.host()?, "types.kubefed.io/v1beta2", kind, plural, Some(namespace)))
    }
}

/// A fedd command.
fn fedd(args: &[impl AsRef<OsStr>]) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("fedd").args(args).kill_on_drop(true);
    Ok(command)
}

/// Applies an object to a server.
pub(crate) async fn apply(client: &Client, object: Value, plural: &str) -> anyhow::Result<()> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind, name, namespace) =
        (text("/apiVersion"), text("/kind"), text("/metadata/name"), text("/metadata/namespace"));
    let namespace = (!namespace.is_empty()).then_some(namespace);
    let api = dynamic(client, &api_version, &kind, plural, namespace.as_deref());
    let params = PatchParams::apply("walkthrough").force();
    api.patch(&name, &params, &Patch::Apply(&object))
        .await
        .with_context(|| format!("cannot apply {kind} {name}"))?;
    Ok(())
}

/// The API of any type.
pub(crate) fn dynamic(
    client: &Client,
    api_version: &str,
    kind: &str,
    plural: &str,
    namespace: Option<&str>,
) -> Api<DynamicObject> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Waits, by watch, until an object is so.
pub(crate) async fn until<K>(what: &str, api: Api<K>, name: &str, so: impl Condition<K>) -> anyhow::Result<()>
where
    K: Clone + Debug + Send + DeserializeOwned + Resource + 'static,
{
    match tokio::time::timeout(PATIENCE, await_condition(api, name, so)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error).with_context(|| format!("{what}: {name} cannot be watched")),
        Err(_) => bail!("{what}: not within {} s", PATIENCE.as_secs()),
    }
}

/// A namespace with the scope of a tenant.
pub(crate) fn tenant_namespace(name: &str, tenant: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {
        "fedd.io/tenant": tenant, "fedd.io/workspace-group": "prod"}}})
}

async fn free_address() -> anyhow::Result<String> {
    Ok(tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?.to_string())
}
