//! `fedd credentials`: members' tokens, sealed where they are stored.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use federation_model::{KubeFedCluster, TOKEN_KEY, annotation};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use propagation_engine::kube_ports::SEALED_TOKEN_KEY;
use serde::Serialize;
use serde_json::json;

use super::Usage;
use crate::args::{HostArgs, ReportArgs, ReportFormat};
use crate::output::{HOST, Report, note, stdout, table};
use crate::sealing::{Held, SEALED_WITH, Sealing, SealingArgs, held};
use crate::{access, yaml};

/// What `--help` says first.
pub const ABOUT: &str = "Seal members' tokens in the Secrets that hold them, and see how they are.\n\n\
    A sealed token is encrypted by a key of a KMS, an HSM or a file, and opens only in its own Secret of this federation. \
    The control plane opens it in memory, with the same --sealing-config. Every command can be interrupted and begun \
    again: what is done stays done.";

/// Flags of `fedd credentials`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd credentials status\n  \
        fedd credentials seal --all --sealing-config sealing.yaml\n  \
        fedd credentials rotate-keys --sealing-config sealing.yaml")]
pub struct CredentialsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: CredentialsCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum CredentialsCommand {
    /// Seal tokens that are readable
    Seal(SealArgs),
    /// Seal anew, with the newest key of the first provider, what is sealed with another
    RotateKeys(CommonArgs),
    /// Open every sealed token, and say which do not open
    Verify(CommonArgs),
    /// Show how each token is stored; nothing is opened
    Status(CommonArgs),
}

/// Flags of all of them.
#[derive(Clone, Debug, Args)]
pub struct CommonArgs {
    /// How to tell.
    #[command(flatten)]
    pub report: ReportArgs,
    /// Which keys.
    #[command(flatten)]
    pub sealing: SealingArgs,
    /// Where.
    #[command(flatten)]
    pub host: HostArgs,
}

/// Flags of `fedd credentials seal`.
#[derive(Clone, Debug, Args)]
pub struct SealArgs {
    /// Clusters whose tokens are sealed
    #[arg(value_name = "CLUSTER", required_unless_present = "all", conflicts_with = "all")]
    pub clusters: Vec<String>,
    /// All clusters
    #[arg(long)]
    pub all: bool,
    /// The rest.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Carries one of them out.
///
/// # Errors
/// The API server or a key provider refused something or did not answer; for `verify`, a token does not open.
pub async fn run(args: CredentialsArgs) -> anyhow::Result<()> {
    match args.command {
        CredentialsCommand::Seal(args) => {
            let names = (!args.all).then_some(args.clusters);
            reseal(args.common, names.as_deref(), |held, _| *held == Held::Plain, "sealed").await
        }
        CredentialsCommand::RotateKeys(args) => {
            let is_stale = |held: &Held, sealing: &Sealing| match held {
                Held::Sealed(sealed) => sealing.is_stale(sealed),
                _ => false,
            };
            reseal(args, None, is_stale, "sealed anew").await
        }
        CredentialsCommand::Verify(args) => verify(args).await,
        CredentialsCommand::Status(args) => status(args).await,
    }
}

/// The Secrets of members, with the clusters that each opens. Cells have the Secrets of their clusters.
struct Members {
    secrets: Api<Secret>,
    clusters: BTreeMap<String, Vec<String>>,
}

impl Members {
    async fn read(client: &Client, namespace: &str) -> anyhow::Result<Self> {
        let api: Api<KubeFedCluster> = Api::namespaced(client.clone(), namespace);
        let mut clusters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let listed = api.list(&ListParams::default()).await.context("cannot list KubeFedClusters")?;
        for cluster in listed.items.iter().filter(|c| !c.annotations().contains_key(annotation::ACCESS_OF)) {
            clusters.entry(cluster.spec.secret_ref.name.clone()).or_default().push(cluster.name_any());
        }
        Ok(Self { secrets: Api::namespaced(client.clone(), namespace), clusters })
    }

    async fn secret(&self, name: &str) -> anyhow::Result<Option<Secret>> {
        self.secrets.get_opt(name).await.with_context(|| format!("cannot read Secret {name}"))
    }
}

/// How often somebody else may change a Secret between its read and its write.
const ATTEMPTS: usize = 5;

async fn reseal(
    args: CommonArgs,
    names: Option<&[String]>,
    wanted: impl Fn(&Held, &Sealing) -> bool,
    word: &str,
) -> anyhow::Result<()> {
    let host = access::host(&args.host).await?;
    let sealing = needed(&args.sealing, &host.client).await?;
    let members = Members::read(&host.client, &args.host.federation_namespace).await?;
    if let Some(unknown) =
        names.into_iter().flatten().find(|name| !members.clusters.values().flatten().any(|c| c == *name))
    {
        bail!("there is no cluster {unknown}; `fedd credentials status` lists them");
    }
    // Which key is the newest is known once its provider has said so.
    let well = sealing.check().await;
    if let Some(trouble) = well.first().and_then(|first| first.trouble.as_ref()) {
        bail!("key provider {} {trouble}", well[0].provider);
    }
    let (dry_run, mut report) = (args.report.dry_run, Report::new(args.report));
    let chosen: Vec<_> = members
        .clusters
        .iter()
        .filter(|(_, of)| names.is_none_or(|names| of.iter().any(|cluster| names.contains(cluster))))
        .map(|(secret, _)| secret)
        .collect();
    for (done, name) in chosen.iter().enumerate() {
        let mut action = "unchanged";
        for attempt in 1.. {
            let Some(mut secret) = members.secret(name).await? else {
                action = "missing";
                break;
            };
            let before = held(&secret);
            if !wanted(&before, &sealing) {
                break;
            }
            sealing.seal(&mut secret).await.with_context(|| format!("Secret {name}"))?;
            action = word;
            if dry_run || replaced(&members.secrets, &secret).await? {
                break;
            }
            if attempt == ATTEMPTS {
                bail!("Secret {name} is changed by somebody else all the time; try again");
            }
        }
        report.done(HOST, format!("secret/{name}"), action)?;
        if (done + 1) % 100 == 0 {
            note(&format!("{} of {} Secrets", done + 1, chosen.len()));
        }
    }
    report.finish()
}

/// Writes the sealed token and takes the readable one away, if the Secret is still as it was read.
async fn replaced(api: &Api<Secret>, secret: &Secret) -> anyhow::Result<bool> {
    let name = secret.name_any();
    let sealed = secret.data.as_ref().and_then(|data| data.get(SEALED_TOKEN_KEY));
    let patch = json!({
        "metadata": {
            "resourceVersion": secret.metadata.resource_version,
            "annotations": {SEALED_WITH: secret.annotations().get(SEALED_WITH)},
        },
        "data": {TOKEN_KEY: null, SEALED_TOKEN_KEY: sealed},
    });
    let params = PatchParams { field_manager: Some("fedd".to_owned()), ..PatchParams::default() };
    match api.patch(&name, &params, &Patch::Merge(patch)).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot write Secret {name}")),
    }
}

/// A token, as `status` and `verify` tell of it.
#[derive(Clone, Debug, Serialize)]
struct Row {
    secret: String,
    clusters: Vec<String>,
    /// `plain`, `sealed`, `stale`, `broken`, `empty` or `missing`; of `verify`, also `opens`.
    state: String,
    /// `provider/key id`.
    key: String,
    /// What is wrong.
    message: String,
}

async fn rows(members: &Members, sealing: Option<&Sealing>, open: bool) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, clusters) in &members.clusters {
        let secret = members.secret(name).await?;
        let (mut key, mut message) = (String::new(), String::new());
        let state = match secret.as_ref().map(held) {
            None => "missing",
            Some(Held::Nothing) => "empty",
            Some(Held::Plain) => "plain",
            Some(Held::Broken(words)) => {
                message = words;
                "broken"
            }
            Some(Held::Sealed(sealed)) => {
                key = format!("{}/{}", sealed.provider, sealed.key.key_id);
                let stale = sealing.is_some_and(|sealing| sealing.is_stale(&sealed));
                match (&secret, sealing) {
                    (Some(secret), Some(sealing)) if open => match sealing.opened(secret).await {
                        Ok(_) => "opens",
                        Err(error) => {
                            message = error.to_string();
                            "broken"
                        }
                    },
                    _ if stale => "stale",
                    _ => "sealed",
                }
            }
        };
        let clusters = clusters.clone();
        rows.push(Row { secret: name.clone(), clusters, state: state.to_owned(), key, message });
    }
    Ok(rows)
}

fn print(rows: &[Row], format: ReportFormat) -> anyhow::Result<()> {
    let text = match format {
        ReportFormat::Text | ReportFormat::Table => table(
            ["SECRET", "CLUSTERS", "STATE", "KEY", "MESSAGE"],
            rows.iter().map(|row| {
                [
                    row.secret.clone(),
                    row.clusters.join(","),
                    row.state.clone(),
                    row.key.clone(),
                    row.message.clone(),
                ]
            }),
        ),
        ReportFormat::Yaml => yaml::print(&rows)?,
        ReportFormat::Json => serde_json::to_string_pretty(rows)? + "\n",
    };
    Ok(stdout(&text)?)
}

async fn verify(args: CommonArgs) -> anyhow::Result<()> {
    let host = access::host(&args.host).await?;
    let sealing = needed(&args.sealing, &host.client).await?;
    let members = Members::read(&host.client, &args.host.federation_namespace).await?;
    let rows = rows(&members, Some(&sealing), true).await?;
    print(&rows, args.report.output)?;
    let broken = rows.iter().filter(|row| row.state == "broken").count();
    if broken > 0 {
        bail!("{broken} of {} tokens do not open", rows.len());
    }
    Ok(())
}

async fn status(args: CommonArgs) -> anyhow::Result<()> {
    let host = access::host(&args.host).await?;
    let sealing = Sealing::open(&args.sealing, &host.client).await?;
    if let Some(sealing) = &sealing {
        for health in sealing.check().await {
            let words = match (&health.trouble, &health.key_id) {
                (Some(trouble), _) => trouble.to_string(),
                (None, Some(key)) => format!("well, its key is {key}"),
                (None, None) => "not known".to_owned(),
            };
            note(&format!("key provider {}: {words}", health.provider));
        }
    }
    let members = Members::read(&host.client, &args.host.federation_namespace).await?;
    print(&rows(&members, sealing.as_ref(), false).await?, args.report.output)
}

async fn needed(args: &SealingArgs, client: &Client) -> anyhow::Result<Sealing> {
    match Sealing::open(args, client).await? {
        Some(sealing) => Ok(sealing),
        None => Err(Usage("name the keys by --sealing-config or $FEDD_SEALING_CONFIG".to_owned()).into()),
    }
}
