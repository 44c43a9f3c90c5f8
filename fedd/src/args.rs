//! The command line.

use clap::{Parser, Subcommand};

use crate::cmd;

/// Multi-cluster Kubernetes control plane for applications that are deployed by cell.
#[derive(Parser, Clone, Debug)]
#[command(name = "fedd", version, max_term_width = 110, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Run everything: controllers and webhooks
    Run(cmd::run::RunArgs),
    /// Run the controllers alone
    Controller(cmd::run::ControllerArgs),
    /// Run the webhooks alone
    Webhook(cmd::run::WebhookArgs),
    /// Install the definitions, the default types and the config on the federation's API server
    Install(cmd::install::InstallArgs),
    /// Print what `install` installs, for kubectl
    Crds(cmd::crds::CrdsArgs),
    /// Federate a type of resource
    Enable(cmd::enable::EnableArgs),
    /// Stop federating a type of resource
    Disable(cmd::disable::DisableArgs),
    /// Register a member cluster
    Join(cmd::join::JoinArgs),
    /// Take a member cluster out
    Unjoin(cmd::unjoin::UnjoinArgs),
}
