//! `fedd tunnel-client`: what a tenant's programs show to a tunnel server.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use federation_model::parse_duration;
use jiff::SignedDuration;

use super::tunnel_server::scope;
use crate::args::HostArgs;
use crate::tunnel::authority;
use crate::{access, output, settings};

/// What `--help` says first.
pub const ABOUT: &str = "Print a certificate by which a tenant's programs dial that tenant's clusters, and no others, through \
    `fedd tunnel-server` (--engine-listen, HTTP CONNECT by TLS): key, certificate, and the authority of the server's, as PEM.\n\n\
    There is no list of revoked certificates: keep them short-lived.";

/// Flags of `fedd tunnel-client`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
        fedd tunnel-client --tenant bank --workspace-group prod > bank.pem\n  \
        curl --proxy https://tunnels.example.org:8133 --proxy-cert bank.pem --proxy-cacert bank.pem \\\n    \
        --proxytunnel https://rz00.tunnel.internal/version …")]
pub struct TunnelClientArgs {
    /// Tenant whose clusters may be dialled
    #[arg(long, value_name = "NAME")]
    pub tenant: String,
    /// Workspace group of the tenant
    #[arg(long, value_name = "NAME")]
    pub workspace_group: String,
    /// How long the certificate is good
    #[arg(long, value_name = "DURATION", default_value = "720h", value_parser = parse_duration)]
    pub certificate_duration: Duration,
    /// Where.
    #[command(flatten)]
    pub host: HostArgs,
}

/// Prints a certificate.
///
/// # Errors
/// The federation's API server or its tunnels' authority cannot be used, or there are no tenants.
pub async fn run(args: TunnelClientArgs) -> anyhow::Result<()> {
    let host = access::host(&args.host).await?;
    let namespace = &args.host.federation_namespace;
    let settings = settings::read(&host.client, namespace).await?;
    let scope = scope(&args.tenant, &args.workspace_group, &settings)?;
    let authority = authority::of(&host.client, namespace).await?;
    let life = SignedDuration::try_from(args.certificate_duration).context("--certificate-duration")?;
    let made = authority::tenant(&authority, &scope, life)?;
    let pem = [&made.key, &made.certificate, &authority.certificate].map(|pem| pem.trim_end()).join("\n");
    Ok(output::stdout(&(pem + "\n"))?)
}
