//! `fedd credentials seal` and `rotate-keys`: tokens that are there, sealed or sealed anew.

use anyhow::{Context as _, bail};
use federation_model::TOKEN_KEY;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::{Api, Patch, PatchParams};
use propagation_engine::kube_ports::SEALED_TOKEN_KEY;
use serde_json::json;

use super::{CommonArgs, Members, needed};
use crate::access;
use crate::output::{HOST, Report, note};
use crate::rotation::record::TOKEN_LIFE;
use crate::sealing::{Held, SEALED_WITH, Sealing, held};

/// How often somebody else may change a Secret between its read and its write.
const ATTEMPTS: usize = 5;

/// Seals the tokens that are wanted, of these clusters or of all; `accepts` is: for where the cluster is now, wherever it
/// was.
pub(super) async fn run(
    args: CommonArgs,
    names: Option<&[String]>,
    wanted: impl Fn(&Held, &Sealing, &str) -> bool,
    accepts: bool,
    word: &str,
) -> anyhow::Result<()> {
    let host = access::host(&args.host).await?;
    let sealing = needed(&args.sealing, &host.client).await?;
    let members = Members::read(&host.client, &args.host.federation_namespace).await?;
    let chosen = members.chosen(names)?;
    // Which key is the newest is known once its provider has said so.
    let well = sealing.check().await;
    if let Some(trouble) = well.first().and_then(|first| first.trouble.as_ref()) {
        bail!("key provider {} {trouble}", well[0].provider);
    }
    let (dry_run, mut report) = (args.report.dry_run, Report::new(args.report));
    for (done, name) in chosen.iter().enumerate() {
        let mut action = "unchanged";
        let destination = members.destination(name);
        for attempt in 1.. {
            let Some(mut secret) = members.secret(name).await? else {
                action = "missing";
                break;
            };
            let before = held(&secret);
            if !wanted(&before, &sealing, &destination) {
                break;
            }
            let sealed = match &before {
                Held::Sealed(_) if accepts => sealing.seal_for(&mut secret, &destination).await,
                _ => sealing.seal(&mut secret, &destination).await,
            };
            sealed.with_context(|| format!("Secret {name}"))?;
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
            "annotations": {
                SEALED_WITH: secret.annotations().get(SEALED_WITH),
                TOKEN_LIFE: secret.annotations().get(TOKEN_LIFE),
            },
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
