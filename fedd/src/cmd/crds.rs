//! `fedd crds`.

use clap::Args;
use federation_model::DefaultType;

use crate::args::ObjectFormat;
use crate::failure::Usage;
use crate::federation::{Federation, choose_types};
use crate::output::print_objects;

/// What `--help` says first.
pub const ABOUT: &str = "Print all definitions, default types and settings, for `kubectl apply`.\n\n\
    Objects of a definition can be applied once the definition is established, so apply in two steps as below (or the \
    whole twice). `fedd install` does it in one, and waits. Address and certificate of the conversion webhook are \
    filled in by `fedd run`.";

/// Flags of `fedd crds`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd crds --crds-only | kubectl apply --server-side -f -\n  \
        fedd crds | kubectl apply --server-side -f -")]
pub struct CrdsArgs {
    /// Which types.
    #[command(flatten)]
    pub types: TypesArgs,
    /// Print definitions alone: without namespace, settings and type configs
    #[arg(long)]
    pub crds_only: bool,
    /// How to print
    #[arg(long, short, value_name = "FORMAT", default_value = "yaml")]
    pub output: ObjectFormat,
    /// Namespace that holds clusters, type configs, settings and credentials
    #[arg(long, visible_alias = "kubefed-namespace", value_name = "NAME",
          default_value = federation_model::DEFAULT_FEDERATION_NAMESPACE)]
    pub federation_namespace: String,
}

/// Which of the types that are federated out of the box.
#[derive(Clone, Debug, Args)]
pub struct TypesArgs {
    /// Which of the default types, by plural, kind or short name; namespaces are always among them [default: all 20]
    #[arg(long, value_name = "TYPE,…", value_delimiter = ',')]
    pub types: Option<Vec<String>>,
    /// None of the default types
    #[arg(long, conflicts_with = "types")]
    pub no_types: bool,
    /// Serve the form by cluster alone, which needs no conversion webhook
    #[arg(long, visible_alias = "no-topology-form")]
    pub cluster_form_only: bool,
}

impl TypesArgs {
    /// The types.
    ///
    /// # Errors
    /// A name is none of theirs.
    pub fn chosen(&self) -> Result<Vec<DefaultType>, Usage> {
        if self.no_types {
            return Ok(Vec::new());
        }
        choose_types(self.types.as_deref()).map_err(|error| Usage(error.to_string()))
    }
}

/// Prints them.
///
/// # Errors
/// A type is unknown, or stdout cannot be written.
pub fn run(args: &CrdsArgs) -> anyhow::Result<()> {
    let federation =
        Federation::new(&args.federation_namespace, &args.types.chosen()?, !args.types.cluster_form_only)?;
    let objects = if args.crds_only { federation.definitions } else { federation.all() };
    print_objects(&objects, args.output)
}
