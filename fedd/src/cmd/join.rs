//! `fedd join`: on the member, an account and a token; on the federation's API server, what opens the member.

mod account;
mod host;
mod member;
mod token;
mod tunnel;

pub use self::account::{Account, Grant};
pub use self::host::{GRANTED, JOINED_AS, TOKEN_EXPIRES};
pub use self::member::MemberArgs;
pub use self::tunnel::{AGENT, TunnelArgs};

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use federation_model::{Feature, KubeFedCluster, annotation, is_dns_subdomain, parse_duration};
use kube::ResourceExt as _;
use kube::api::Api;
use propagation_engine::kube_ports::destination;
use tenancy::ScopeKeys;

use self::host::Membership;
use crate::apply::apply;
use crate::args::{HostArgs, ReportArgs, label};
use crate::failure::Usage;
use crate::manifest::Manifest;
use crate::output::{HOST, Report, note, stdout, warning};
use crate::sealing::{Sealing, SealingArgs};
use crate::{access, member_roles, sealing, settings};

/// What `--help` says first.
pub const ABOUT: &str = "Make a cluster a member of the federation, or renew its token.\n\n\
    On the member: the federation's namespace, a service account, and its rights: what the federated types take, or \
    everything by --cluster-admin (with scope Namespaced, in that namespace). Its token is tried, and put into a \
    Secret on the federation's API server, with a KubeFedCluster that names it.\n\n\
    The token is requested from the member's API server and expires after --token-duration, or sooner if that server \
    has a limit; joining again renews it, brings the rights up to date, keeps the labels, and disturbs nothing. --token-secret asks for one that \
    never expires, in a Secret on the member, which needs its kube-controller-manager to run.\n\n\
    A member that the federation cannot reach is joined from its own side, where both API servers can be reached, with \
    --tunnel: the federation then goes through an agent, whose manifest is printed. In it is a token that the agent exchanges \
    for a certificate; its key never leaves the member.";

/// Flags of `fedd join`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd join rz00 --cluster-context rz00-admin --tenant bank --workspace-group prod\n  \
        fedd join rz00 --cluster-kubeconfig rz00.yaml --cell bank-prod/rz00a --cell bank-prod/rz00b\n  \
        fedd join rz00                         again: renews the token\n  \
        fedd join rz00 --tunnel fedd.example.org:8132 | kubectl --context rz00 apply -f -")]
pub struct JoinArgs {
    /// Name of the cluster in the federation
    pub name: String,
    /// Label of the cluster, which selectors match. Repeatable
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
    /// Tenant whose cluster it is [default: nobody's, shared]
    #[arg(long, value_name = "NAME", requires = "workspace_group")]
    pub tenant: Option<String>,
    /// Workspace group of the tenant
    #[arg(long, value_name = "NAME", requires = "tenant")]
    pub workspace_group: Option<String>,
    /// Cell to be made on the cluster, in its tenant's namespace, which must exist. Repeatable
    #[arg(long = "cell", value_name = "NAMESPACE/CELL", value_parser = cell)]
    pub cells: Vec<(String, String)>,
    /// Name of the Secret on the federation's API server [default: the one in use, else NAME-token]
    #[arg(long, value_name = "NAME")]
    pub secret_name: Option<String>,
    /// Give the federation every right on the member, as KubeFed does, instead of those that the federated types take
    #[arg(long)]
    pub cluster_admin: bool,
    /// How long the token is valid
    #[arg(long, value_name = "DURATION", default_value = "8760h", value_parser = parse_duration)]
    pub token_duration: Duration,
    /// Use a token that never expires
    #[arg(long, conflicts_with = "token_duration")]
    pub token_secret: bool,
    /// How long to wait for the member, and for its token to open it
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// How to tell.
    #[command(flatten)]
    pub report: ReportArgs,
    /// How to reach it.
    #[command(flatten)]
    pub tunnel: TunnelArgs,
    /// The member.
    #[command(flatten)]
    pub member: MemberArgs,
    /// Which keys seal the token; without, it is readable in its Secret.
    #[command(flatten)]
    pub sealing: SealingArgs,
    /// Where.
    #[command(flatten)]
    pub host: HostArgs,
}

/// Reads `namespace/cell`.
fn cell(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err(format!("{text:?} is no cell; write namespace/cell")),
    }
}

/// Joins a member.
///
/// # Errors
/// The cluster's name or scope cannot be, a namespace of a cell is not there, an API server refused something or did
/// not answer, or the token does not open the member.
pub async fn run(args: JoinArgs) -> anyhow::Result<()> {
    if !is_dns_subdomain(&args.name) {
        let words = "is no name for a cluster; write lower-case letters, digits, '-' and '.', such as rz00";
        return Err(Usage(format!("{:?} {words}", args.name)).into());
    }
    let host = access::host(&args.host).await?;
    let namespace = args.host.federation_namespace.as_str();
    // What can be refused is refused before anything is written.
    let settings = settings::read(&host.client, namespace).await?;
    let seal_with = Sealing::open(&args.sealing, &host.client).await?;
    if seal_with.is_none() && settings.gates.is_on(Feature::SealedCredentialsOnly) {
        bail!("the gate SealedCredentialsOnly is on: name the keys that seal the token by --sealing-config");
    }
    let keys = ScopeKeys {
        tenant: settings.tenant_label.clone(),
        workspace_group: settings.workspace_group_label.clone(),
    };
    let clusters: Api<KubeFedCluster> = Api::namespaced(host.client.clone(), namespace);
    let existing = clusters.get_opt(&args.name).await.with_context(|| {
        format!("cannot read KubeFedCluster {}; `fedd install` makes this API server a federation", args.name)
    })?;
    if let Some(of) = existing.as_ref().and_then(|c| c.annotations().get(annotation::ACCESS_OF)) {
        bail!("{} is a cell on {of}; choose another name for the cluster", args.name);
    }
    let labels = host::labels(existing.as_ref(), &asked_labels(&args, &keys), &keys)?;
    let cells = host::check_cells(&host.client, &args.name, &args.cells, &labels, &keys).await?;
    let member = args.member.access(&args.name, args.host.kubeconfig.as_deref()).await?;
    let account = args.member.account(&args.name, namespace, host.context.as_deref())?;
    let name = args.name.as_str();
    let dry_run = args.report.dry_run;
    // The manifest of an agent is data; what was done is told beside it.
    let is_tunnelled = args.tunnel.tunnel.is_some();
    let mut report = if is_tunnelled { Report::beside_data(args.report) } else { Report::new(args.report) };

    note(&format!("{} becomes {name} of the federation at {}", member.server, host.server));
    let grant = if args.cluster_admin {
        Grant::Everything
    } else {
        member_roles::of_types(&host.client, namespace, &settings).await?
    };
    if grant != Grant::Everything && existing.as_ref().is_some_and(|c| !member_roles::are_of_types(c)) {
        note(&format!(
            "it may do on {name} what the federated types take, from now on; --cluster-admin gives everything"
        ));
    }
    for object in account.objects(settings.scope, &grant) {
        let outcome = tokio::time::timeout(args.timeout, apply(&member.client, &object, dry_run))
            .await
            .with_context(|| format!("the member at {} does not answer", member.server))?
            .with_context(|| format!("member {name}"))?;
        report.done(name, object.title(), outcome.word())?;
    }
    let token = if dry_run {
        token::Token::example()
    } else if args.token_secret {
        token::eternal(&member.client, &account, args.timeout)
            .await
            .with_context(|| format!("member {name}"))?
    } else {
        token::expiring(&member.client, &account, args.token_duration)
            .await
            .with_context(|| format!("member {name}"))?
    };
    if let Some(expires) = &token.expires {
        note(&format!("its token is valid until {expires}; `fedd join {name}` renews it"));
    }
    if member.tls_server_name.is_some() {
        warning(
            "the kubeconfig's tls-server-name has no place in a KubeFedCluster: the address itself must be in the certificate",
        );
    }
    let membership = Membership {
        name,
        namespace,
        labels,
        member: &member,
        account: &account,
        grant: &grant,
        token: &token,
        secret: host::secret_name(name, args.secret_name.as_deref(), existing.as_ref()),
    };
    let (mut cluster, mut secret) = (membership.cluster(), membership.secret());
    if !dry_run {
        token::try_out(&cluster, &secret, args.timeout).await?;
    }
    // So far, the member was reached directly; the federation goes its own way.
    let before = existing.as_ref().and_then(|c| c.annotations().get(annotation::TUNNEL).cloned());
    if let Some(tunnel) = if is_tunnelled { Some("true".to_owned()) } else { before } {
        cluster.annotations_mut().insert(annotation::TUNNEL.to_owned(), tunnel);
    }
    // From here on, no API server sees a token that is to be sealed.
    if let Some(sealing) = &seal_with {
        sealing.seal(&mut secret, &destination(&cluster)).await?;
    }
    let secret = Manifest::of(&secret)?;
    let mut objects = vec![secret, Manifest::of(&cluster)?];
    // Cells name the cluster, so it comes first.
    objects.extend(cells.iter().map(Manifest::of).collect::<Result<Vec<_>, _>>()?);
    for object in objects {
        let outcome = apply(&host.client, &object, dry_run).await?;
        report.done(HOST, object.title(), outcome.word())?;
    }
    if seal_with.is_some() && !dry_run {
        // A readable token that somebody else had put there is not `join`'s to apply away.
        sealing::remove_plain(&host.client, namespace, &cluster.spec.secret_ref.name).await?;
    }
    report.finish()?;
    if !dry_run && let Some(manifest) = args.tunnel.manifest(&host.client, namespace, name).await? {
        stdout(&manifest)?;
    }
    Ok(())
}

/// The labels that the command line asks for.
fn asked_labels(args: &JoinArgs, keys: &ScopeKeys) -> tenancy::Labels {
    let mut labels: tenancy::Labels = args.labels.iter().cloned().collect();
    let scope = [(&keys.tenant, &args.tenant), (&keys.workspace_group, &args.workspace_group)];
    labels.extend(scope.into_iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))));
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_namespace_and_a_name() {
        assert_eq!(cell("bank/rz00a"), Ok(("bank".into(), "rz00a".into())));
        for bad in ["rz00a", "/a", "a/", "a/b/c"] {
            assert!(cell(bad).is_err(), "{bad}");
        }
    }
}
