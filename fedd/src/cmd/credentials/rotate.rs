//! `fedd credentials rotate`: new tokens now, in two sweeps: all are renewed, and when those have settled, the previous
//! ones are revoked.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use federation_model::{KubeFedCluster, parse_duration};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::{Api, Patch, PatchParams};
use propagation_engine::kube_ports::Timeouts;
use serde_json::json;
use tokio::time::Instant;

use super::{CommonArgs, Members};
use crate::access;
use crate::apply::await_object;
use crate::failure;
use crate::output::{HOST, Report, note, warning};
use crate::rotation::host::KubeHost;
use crate::rotation::keeper::is_unopened;
use crate::rotation::member::MemberPort;
use crate::rotation::record::{ROTATE, is_asked_for, superseded};
use crate::rotation::step::{self, Overtaken, Revoked};
use crate::sealing::Sealing;

/// What `--help` says first.
pub(super) const ABOUT: &str = "Put new tokens in the place of the present ones now, and revoke those.\n\n\
    The present token requests the next one from its member, which is proved, sealed where tokens are sealed, and written \
    in its place; the present one stays valid meanwhile. Once the new ones are in use, the previous ones are revoked: those that \
    never expire, and those whose account may delete Secrets in its namespace on the member; others stay valid until they \
    expire. The controllers do the same by themselves when a part of a token's life is left.\n\n\
    Members that are reached by tunnel are rotated by the controllers, which are asked to. The command can be interrupted: \
    the controllers, or the next call, go on.";

/// Flags of `fedd credentials rotate`.
#[derive(Clone, Debug, Args)]
pub struct RotateArgs {
    /// Clusters whose tokens are renewed
    #[arg(value_name = "CLUSTER", required_unless_present = "all", conflicts_with = "all")]
    pub clusters: Vec<String>,
    /// All clusters
    #[arg(long)]
    pub all: bool,
    /// Life of the new tokens [default: that of the one before; a year after one that never expires]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub token_duration: Option<Duration>,
    /// How long previous tokens stay valid, so that everybody has the new ones
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub previous_token_for: Duration,
    /// How long to wait for the controllers, where they are asked
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = parse_duration)]
    pub timeout: Duration,
    /// The rest.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// What one call works with.
struct Rotating<'a> {
    client: &'a kube::Client,
    args: &'a RotateArgs,
    members: &'a Members,
    sealing: Option<&'a Sealing>,
}

/// How often somebody else may change a Secret between its read and its write.
const ATTEMPTS: usize = 5;

/// Rotates tokens.
///
/// # Errors
/// There is no such cluster, or a token was not renewed or a previous one not looked at; the others are done all the same.
pub(super) async fn run(args: RotateArgs) -> anyhow::Result<()> {
    step::check_lasting(args.token_duration)?;
    let host = access::host(&args.common.host).await?;
    let sealing = Sealing::open(&args.common.sealing, &host.client).await?;
    let members = Members::read(&host.client, &args.common.host.federation_namespace).await?;
    let names = (!args.all).then_some(args.clusters.as_slice());
    let chosen = members.chosen(names)?;
    let rotating =
        Rotating { client: &host.client, args: &args, members: &members, sealing: sealing.as_ref() };
    let mut report = Report::new(args.common.report);
    let mut failed = 0;
    let mut previous = Vec::new();
    for (done, name) in chosen.iter().enumerate() {
        match rotating.renew(name).await {
            Ok(action) => report.done(HOST, format!("secret/{name}"), action)?,
            Err(error) => {
                failed += 1;
                warning(&format!("secret/{name}: {}", failure::words(&error)));
                report.done(HOST, format!("secret/{name}"), "left")?;
            }
        }
        // Of a member that is reached by tunnel, the controllers revoke it.
        let is_reached = rotating.cluster(name)?.tunnel().is_none();
        if is_reached
            && !args.common.report.dry_run
            && members.secret(name).await?.is_some_and(|secret| superseded(&secret).is_some())
        {
            previous.push(name.as_str());
        }
        if (done + 1) % 100 == 0 {
            note(&format!("{} of {} Secrets", done + 1, chosen.len()));
        }
    }
    if !previous.is_empty() {
        let settle = args.previous_token_for;
        note(&format!("{} previous tokens stay valid for {} s", previous.len(), settle.as_secs()));
        tokio::time::sleep(settle).await;
    }
    for name in previous {
        match rotating.revoke(name).await {
            Ok(action) => report.done(HOST, format!("secret/{name}"), action)?,
            Err(error) => {
                failed += 1;
                warning(&format!("secret/{name}: its previous token is valid: {}", failure::words(&error)));
            }
        }
    }
    report.finish()?;
    if failed > 0 {
        bail!("{failed} of {} tokens are not rotated; call it again when the cause is gone", chosen.len());
    }
    Ok(())
}

impl Rotating<'_> {
    fn cluster(&self, name: &str) -> anyhow::Result<&KubeFedCluster> {
        self.members.clusters.get(name).and_then(|of| of.first()).context("no cluster uses it")
    }

    fn ports(&self, name: &str) -> anyhow::Result<(KubeHost<'_>, MemberPort<'_>)> {
        let namespace = &self.args.common.host.federation_namespace;
        let clusters = self.members.clusters.get(name).map(Vec::as_slice).unwrap_or_default();
        let host = KubeHost::new(self.client, namespace, clusters, self.sealing);
        Ok((host, MemberPort::new(self.cluster(name)?, Timeouts::default(), None)))
    }

    async fn renew(&self, name: &str) -> anyhow::Result<&'static str> {
        let Some(secret) = self.members.secret(name).await? else { return Ok("missing") };
        if self.args.common.report.dry_run {
            return Ok("renewed");
        }
        if self.cluster(name)?.tunnel().is_some() {
            return self.ask_controllers(name).await;
        }
        if superseded(&secret).is_some() {
            // Another rotation was not finished, or is under way.
            note(&format!("secret/{name}: the token before is revoked first"));
            tokio::time::sleep(self.args.previous_token_for).await;
            self.revoke(name).await?;
        }
        let (host, member) = self.ports(name)?;
        for _ in 0..ATTEMPTS {
            let Some(secret) = self.members.secret(name).await? else { return Ok("missing") };
            let renewed =
                step::renew(&host, &member, &secret, self.args.token_duration, Timestamp::now).await;
            match renewed {
                Err(error) if error.is::<Overtaken>() => {}
                other => return other.map(|_| "renewed"),
            }
        }
        bail!("it is changed by somebody else all the time; try again")
    }

    async fn revoke(&self, name: &str) -> anyhow::Result<&'static str> {
        let cluster = self.cluster(name)?;
        let api: Api<KubeFedCluster> =
            Api::namespaced(self.client.clone(), &self.args.common.host.federation_namespace);
        let now = api.get(&cluster.name_any()).await.context("cannot read its KubeFedCluster")?;
        if is_unopened(&now) {
            bail!(
                "the control plane cannot open the new one (condition CredentialsUnavailable); it revokes it later"
            );
        }
        let (host, member) = self.ports(name)?;
        for _ in 0..ATTEMPTS {
            let secret = self.members.secret(name).await?;
            let Some(secret) = secret.filter(|secret| superseded(secret).is_some()) else {
                return Ok("unchanged"); // somebody else did it
            };
            match step::revoke(&host, &member, &secret).await {
                Err(error) if error.is::<Overtaken>() => {}
                Ok(Revoked::Deleted) => return Ok("previous token revoked"),
                Ok(Revoked::Left) => {
                    let previous = superseded(&secret).map(|anchor| anchor.name).unwrap_or_default();
                    warning(&format!(
                        "secret/{name}: the account may not delete Secret {previous} on the member, so its previous token \
                         is valid; delete it there"
                    ));
                    return Ok("previous token left");
                }
                Err(error) => return Err(error),
            }
        }
        bail!("it is changed by somebody else all the time; try again")
    }

    /// The member is reached by the controllers alone: they are asked, and waited for.
    async fn ask_controllers(&self, name: &str) -> anyhow::Result<&'static str> {
        let patch = json!({"metadata": {"annotations": {ROTATE: Timestamp::now().to_string()}}});
        let params = PatchParams { field_manager: Some("fedd".to_owned()), ..PatchParams::default() };
        let written = self.members.secrets.patch(name, &params, &Patch::Merge(patch)).await;
        written.with_context(|| format!("cannot write Secret {name}"))?;
        note(&format!("secret/{name}: its member is reached by tunnel; the controllers are asked"));
        let (begin, within) = (Instant::now(), self.args.timeout);
        let is_done = |secret: Option<&Secret>| secret.is_none_or(|secret| !is_asked_for(secret));
        await_object(self.members.secrets.clone(), name, is_done, within).await.map_err(|error| {
            anyhow!(
                "the controllers did not renew it in {} s ({error:#}); do they run?",
                begin.elapsed().as_secs()
            )
        })?;
        Ok("renewed")
    }
}
