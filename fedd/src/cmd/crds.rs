//! `fedd crds`: prints what `fedd install` installs.

use anyhow::bail;
use clap::Args;
use federation_model::{
    ApiResourceReference, CONFIG_NAME, ConversionWebhook, DefaultType, FederatedTypeConfig, KubeFedConfig, KubeFedConfigSpec,
    core_crds, default_types, federated_crd, type_config,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use crate::output::{Format, print_objects, value};

/// Print definitions, default types and the config, ready for kubectl.
///
/// The definitions come first; what needs them comes after, so that a second `kubectl apply` may be needed until they
/// are established. `fedd install` waits for them by itself.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  fedd crds --crds-only | kubectl apply --server-side -f -\n  fedd crds | kubectl apply --server-side -f -")]
pub struct CrdsArgs {
    #[command(flatten)]
    /// Which types.
    pub types: TypesArgs,
    /// Print the definitions only, without namespace, type configs and config
    #[arg(long)]
    pub crds_only: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value = "yaml")]
    pub output: Format,
    /// Namespace of clusters, credentials, type configs and the config
    #[arg(long, visible_alias = "kubefed-namespace", default_value = federation_model::DEFAULT_FEDERATION_NAMESPACE)]
    pub federation_namespace: String,
}

/// Which of the types out of the box.
#[derive(Args, Clone, Debug, Default)]
pub struct TypesArgs {
    /// Only these of the types out of the box, by plural name [default: all]
    #[arg(long, value_delimiter = ',', value_name = "PLURAL")]
    pub types: Vec<String>,
    /// None of the types out of the box
    #[arg(long, conflicts_with = "types")]
    pub no_types: bool,
    /// Serve the form by cluster only: needs no webhook
    #[arg(long)]
    pub no_topology_form: bool,
}

/// Everything that is installed.
pub struct Installation {
    /// Definitions, to be established before the rest.
    pub crds: Vec<CustomResourceDefinition>,
    /// The federation's namespace.
    pub namespace: Value,
    /// One config per type.
    pub type_configs: Vec<FederatedTypeConfig>,
    /// The control plane's config.
    pub config: KubeFedConfig,
}

impl TypesArgs {
    fn chosen(&self) -> anyhow::Result<Vec<DefaultType>> {
        let all = default_types();
        for name in &self.types {
            if !all.iter().any(|t| t.target.plural_name == *name) {
                let known: Vec<_> = all.iter().map(|t| t.target.plural_name.as_str()).collect();
                bail!("--types {name:?} is not out of the box; use `fedd enable {name}`. Out of the box are {}", known.join(", "));
            }
        }
        let chosen = |t: &ApiResourceReference| !self.no_types && (self.types.is_empty() || self.types.contains(&t.plural_name));
        Ok(all.into_iter().filter(|t| chosen(&t.target)).collect())
    }

    /// Everything that is installed with these types.
    pub fn installation(&self, namespace: &str) -> anyhow::Result<Installation> {
        let types = self.chosen()?;
        let webhook = if self.no_topology_form { ConversionWebhook::None } else { ConversionWebhook::Pending };
        let type_configs: Vec<_> = types.iter().map(|t| type_config(&t.target, namespace)).collect();
        let mut crds = core_crds();
        crds.extend(type_configs.iter().zip(&types).map(|(c, t)| federated_crd(c, &t.kind, &webhook)));
        let mut config = KubeFedConfig::new(CONFIG_NAME, KubeFedConfigSpec::default().with_defaults());
        config.metadata.namespace = Some(namespace.to_owned());
        Ok(Installation {
            crds,
            namespace: json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
            type_configs,
            config,
        })
    }
}

/// Prints it.
pub fn run(args: &CrdsArgs) -> anyhow::Result<()> {
    let all = args.types.installation(&args.federation_namespace)?;
    let mut objects: Vec<Value> = all.crds.iter().map(value).collect::<Result<_, _>>()?;
    if !args.crds_only {
        objects.push(all.namespace);
        objects.push(value(&all.config)?);
        for config in &all.type_configs {
            objects.push(value(config)?);
        }
    }
    print_objects(&objects, args.output)
}
