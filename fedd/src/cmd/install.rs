//! `fedd install`.

use clap::Args;

use super::crds::TypesArgs;
use crate::access;
use crate::apply::{apply, apply_definitions, create_if_absent};
use crate::args::{HostArgs, ReportArgs};
use crate::federation::Federation;
use crate::output::{HOST, Report, note};

/// What `--help` says first.
pub const ABOUT: &str = "Make an API server a federation: apply definitions, default types and settings, in order, and wait until \
    the definitions are established.\n\n\
    It can be repeated, and is how definitions are brought up to date: settings and type configs that are there stay \
    as they are.";

/// Flags of `fedd install`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd install --kubeconfig host.yaml\n  \
        fedd install --types configmaps,secrets,services,deployments --dry-run")]
pub struct InstallArgs {
    /// Which types.
    #[command(flatten)]
    pub types: TypesArgs,
    /// How to tell.
    #[command(flatten)]
    pub report: ReportArgs,
    /// Where.
    #[command(flatten)]
    pub host: HostArgs,
}

/// Installs.
///
/// # Errors
/// A type is unknown, or the API server refused something or did not answer.
pub async fn run(args: InstallArgs) -> anyhow::Result<()> {
    let types = args.types.chosen()?;
    let federation = Federation::new(&args.host.federation_namespace, &types, !args.types.cluster_form_only)?;
    let host = access::host(&args.host).await?;
    let (client, dry_run) = (&host.client, args.report.dry_run);
    let mut report = Report::new(args.report);
    note(&format!("{} definitions are applied to {}", federation.definitions.len(), host.server));
    apply_definitions(client, &federation.definitions, dry_run, |definition, outcome| {
        report.done(HOST, definition.title(), outcome.word())
    })
    .await?;
    let outcome = apply(client, &federation.namespace, dry_run).await?;
    report.done(HOST, federation.namespace.title(), outcome.word())?;
    // Settings and type configs are the installation's own once they are there.
    for object in std::iter::once(&federation.config).chain(&federation.types) {
        let outcome = create_if_absent(client, object, dry_run).await?;
        report.done(HOST, object.title(), outcome.word())?;
    }
    report.finish()
}
