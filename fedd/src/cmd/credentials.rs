//! `fedd credentials`: members' tokens, sealed where they are stored, and renewed.

mod reseal;
mod rotate;
mod rows;

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use federation_model::KubeFedCluster;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::{Client, ResourceExt as _};
use propagation_engine::kube_ports::destination;

use self::rotate::RotateArgs;
use crate::access;
use crate::args::{HostArgs, ReportArgs};
use crate::failure::Usage;
use crate::output::note;
use crate::rotation::host::clusters_by_secret;
use crate::sealing::{Held, Sealing, SealingArgs};

/// What `--help` says first.
pub const ABOUT: &str = "Seal members' tokens in the Secrets that hold them, renew them, and see how they are.\n\n\
    A sealed token is encrypted by a key of a KMS, an HSM or a file, and opens only in its own Secret of this federation. \
    The control plane opens it in memory, with the same --sealing-config. Every command can be interrupted and begun \
    again: what is done stays done.";

/// Flags of `fedd credentials`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd credentials status\n  \
        fedd credentials seal --all --sealing-config sealing.yaml\n  \
        fedd credentials rotate-keys --sealing-config sealing.yaml\n  \
        fedd credentials rotate --all --sealing-config sealing.yaml")]
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
    /// Put new tokens in the place of the present ones now, and revoke those
    #[command(long_about = rotate::ABOUT)]
    Rotate(RotateArgs),
    /// Open every sealed token, and say which do not open
    Verify(CommonArgs),
    /// Show how each token is stored, when it expires, and when it is renewed; nothing is opened
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
    /// Seal tokens anew whose clusters are not where they were sealed for: what their KubeFedClusters say now is right
    #[arg(long)]
    pub accept_destination: bool,
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
            let (names, accepts) = ((!args.all).then_some(args.clusters), args.accept_destination);
            let is_wanted = |held: &Held, _: &Sealing, destination: &str| match held {
                Held::Plain => true,
                Held::Sealed(sealed) => accepts && sealed.note.as_deref() != Some(destination),
                _ => false,
            };
            reseal::run(args.common, names.as_deref(), is_wanted, accepts, "sealed").await
        }
        CredentialsCommand::RotateKeys(args) => {
            let is_stale = |held: &Held, sealing: &Sealing, _: &str| match held {
                Held::Sealed(sealed) => sealing.is_stale(sealed),
                _ => false,
            };
            reseal::run(args, None, is_stale, false, "sealed anew").await
        }
        CredentialsCommand::Rotate(args) => Box::pin(rotate::run(args)).await,
        CredentialsCommand::Verify(args) => verify(args).await,
        CredentialsCommand::Status(args) => status(args).await,
    }
}

/// The Secrets of members, with the clusters that each opens.
struct Members {
    secrets: Api<Secret>,
    clusters: BTreeMap<String, Vec<KubeFedCluster>>,
}

impl Members {
    async fn read(client: &Client, namespace: &str) -> anyhow::Result<Self> {
        let clusters = clusters_by_secret(client, namespace).await?;
        Ok(Self { secrets: Api::namespaced(client.clone(), namespace), clusters })
    }

    async fn secret(&self, name: &str) -> anyhow::Result<Option<Secret>> {
        self.secrets.get_opt(name).await.with_context(|| format!("cannot read Secret {name}"))
    }

    /// Where the token of a Secret is sent: to the first of its clusters.
    fn destination(&self, secret: &str) -> String {
        self.clusters.get(secret).and_then(|of| of.first()).map(destination).unwrap_or_default()
    }

    /// The Secrets of these clusters, or all.
    fn chosen(&self, names: Option<&[String]>) -> anyhow::Result<Vec<&String>> {
        let is_one =
            |name: &String| self.clusters.values().flatten().any(|cluster| cluster.name_any() == *name);
        if let Some(unknown) = names.into_iter().flatten().find(|name| !is_one(name)) {
            bail!("there is no cluster {unknown}; `fedd credentials status` lists them");
        }
        let is_chosen = |of: &[KubeFedCluster]| {
            names.is_none_or(|names| of.iter().any(|cluster| names.contains(&cluster.name_any())))
        };
        Ok(self.clusters.iter().filter(|(_, of)| is_chosen(of)).map(|(secret, _)| secret).collect())
    }
}

async fn verify(args: CommonArgs) -> anyhow::Result<()> {
    let host = access::host(&args.host).await?;
    let sealing = needed(&args.sealing, &host.client).await?;
    let members = Members::read(&host.client, &args.host.federation_namespace).await?;
    let rows = rows::read(&members, Some(&sealing), true).await?;
    rows::print(&rows, args.report.output)?;
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
    rows::print(&rows::read(&members, sealing.as_ref(), false).await?, args.report.output)
}

async fn needed(args: &SealingArgs, client: &Client) -> anyhow::Result<Sealing> {
    match Sealing::open(args, client).await? {
        Some(sealing) => Ok(sealing),
        None => Err(Usage("name the keys by --sealing-config or $FEDD_SEALING_CONFIG".to_owned()).into()),
    }
}
