//! `fedd install`: definitions, default types and the config, in order.

use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _};

use super::apply::{apply_crd, apply_object};
use super::crds::TypesArgs;
use crate::connection::HostArgs;
use crate::output::{step, value};

/// Install the definitions, the default types and the config on the federation's API server.
///
/// It may be run again, with the same or more types: nothing that is there is taken away.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  fedd install --kubeconfig host.yaml\n  fedd install --types namespaces,configmaps,services,deployments")]
pub struct InstallArgs {
    /// The federation's API server.
    #[command(flatten)]
    pub host: HostArgs,
    /// Which types.
    #[command(flatten)]
    pub types: TypesArgs,
    /// Ask the API server whether it would take everything, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Definitions that are applied at once.
const AT_ONCE: usize = 8;

/// Installs.
pub async fn run(args: InstallArgs) -> anyhow::Result<()> {
    let client = args.host.client().await?;
    let all = args.types.installation(&args.host.federation_namespace)?;
    futures::stream::iter(all.crds.iter().map(|crd| apply_crd(&client, crd, args.dry_run)))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    apply_object(&client, &all.namespace, "namespaces", args.dry_run).await?;
    if args.dry_run {
        step("the rest needs the definitions, and is not tried in a dry run");
        return Ok(());
    }
    let configs: kube::Api<federation_model::KubeFedConfig> =
        kube::Api::namespaced(client.clone(), &args.host.federation_namespace);
    if configs.get_opt(federation_model::CONFIG_NAME).await?.is_none() {
        apply_object(&client, &value(&all.config)?, "kubefedconfigs", false).await?;
    } else {
        step(format!("kubefedconfig.core.kubefed.io/{} is there and stays as it is", federation_model::CONFIG_NAME));
    }
    for config in &all.type_configs {
        apply_object(&client, &value(config)?, "federatedtypeconfigs", false).await?;
    }
    Ok(())
}
