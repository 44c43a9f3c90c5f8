//! The command line: what commands there are, and which function carries each out.

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::args::LoggingArgs;
use crate::cmd;
use crate::traces::TracesArgs;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "fedd",
    version,
    about = "Multi-cluster control plane for applications that are deployed by cell",
    long_about = "Multi-cluster control plane for applications that are deployed by cell.\n\n\
        One federated object says what to run and on which cells; fedd pushes the plain Kubernetes object to every member \
        cluster that holds one of those cells, and brings its status back. It keeps KubeFed's API (v0.10).",
    after_help = "Examples:\n  \
        fedd quickstart                        see it work, in this process alone\n  \
        fedd install                           make an API server a federation\n  \
        fedd join rz00 --cluster-context rz00  make a cluster a member\n  \
        fedd run                               run the controllers and the webhooks\n\n\
        Exit codes: 0 done, 1 failed, 2 the command line cannot be meant.",
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 110
)]
pub struct Cli {
    /// Logs.
    #[command(flatten)]
    pub logging: LoggingArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// See it work: a federation with three simulated members and four cells, in this process
    #[command(long_about = cmd::quickstart::ABOUT)]
    Quickstart(cmd::quickstart::QuickstartArgs),
    /// Run the whole federation in one process, on one file, with an API server of its own
    #[command(long_about = cmd::serve::ABOUT)]
    Serve(cmd::serve::ServeArgs),
    /// Serve etcd's API over a datastore, for stock kube-apiservers
    #[command(long_about = cmd::etcd_endpoint::ABOUT)]
    EtcdEndpoint(cmd::etcd_endpoint::EtcdEndpointArgs),
    /// Run the control plane: controllers and webhooks
    #[command(long_about = cmd::run::ABOUT)]
    Run(cmd::run::RunArgs),
    /// Run the controllers alone
    #[command(long_about = cmd::run::ABOUT_CONTROLLER)]
    Controller(cmd::run::ControllerArgs),
    /// Run the webhooks alone
    #[command(long_about = cmd::run::ABOUT_WEBHOOK)]
    Webhook(cmd::run::WebhookAloneArgs),
    /// Make an API server a federation: apply definitions, default types and settings, in order
    #[command(long_about = cmd::install::ABOUT)]
    Install(cmd::install::InstallArgs),
    /// Print all definitions, default types and settings, for `kubectl apply`
    #[command(long_about = cmd::crds::ABOUT)]
    Crds(cmd::crds::CrdsArgs),
    /// Print the rights that fedd needs on the federation's API server or on a member, for `kubectl apply`
    #[command(long_about = cmd::permissions::ABOUT)]
    Permissions(cmd::permissions::PermissionsArgs),
    /// Federate a resource type, custom resources too
    #[command(long_about = cmd::enable::ABOUT)]
    Enable(cmd::enable::EnableArgs),
    /// Stop federating a resource type
    #[command(long_about = cmd::disable::ABOUT)]
    Disable(cmd::disable::DisableArgs),
    /// Make a cluster a member of the federation, or renew its token
    #[command(long_about = cmd::join::ABOUT)]
    Join(cmd::join::JoinArgs),
    /// Run beside a member that cannot be reached: the other end of its tunnel
    #[command(long_about = cmd::agent::ABOUT)]
    Agent(cmd::agent::AgentArgs),
    /// Serve tunnels alone, beside API server and controllers: agents of members connect to it
    #[command(long_about = cmd::tunnel_server::ABOUT)]
    TunnelServer(cmd::tunnel_server::TunnelServerArgs),
    /// Print a certificate by which a tenant's programs dial its clusters through tunnels
    #[command(long_about = cmd::tunnel_client::ABOUT)]
    TunnelClient(cmd::tunnel_client::TunnelClientArgs),
    /// Take a member out of the federation
    #[command(long_about = cmd::unjoin::ABOUT)]
    Unjoin(cmd::unjoin::UnjoinArgs),
    /// Check a federation's data, or copy them to another database
    #[command(long_about = cmd::datastore::ABOUT)]
    Datastore(cmd::datastore::DatastoreArgs),
    /// Seal members' tokens by a KMS, an HSM or a key file, and see how they are
    #[command(long_about = cmd::credentials::ABOUT)]
    Credentials(cmd::credentials::CredentialsArgs),
    /// Print the version
    Version(cmd::version::VersionArgs),
    /// Print a completion script for a shell
    Completion(cmd::completion::CompletionArgs),
}

impl Command {
    /// Where its traces go, if it is one that makes some.
    pub fn traces(&self) -> Option<&TracesArgs> {
        match self {
            Self::Serve(args) => Some(&args.traces),
            Self::Run(args) => Some(&args.daemon.traces),
            Self::Controller(args) => Some(&args.daemon.traces),
            Self::Webhook(args) => Some(&args.daemon.traces),
            Self::Agent(args) => Some(&args.traces),
            Self::TunnelServer(args) => Some(&args.traces),
            _ => None,
        }
    }
}

/// Carries a command out.
///
/// # Errors
/// It failed; the words say what, where, and what to do. [`crate::failure::exit_code`] tells what a shell gets.
pub async fn execute(cli: Cli) -> anyhow::Result<()> {
    // Boxed: the futures of the long commands are large.
    match cli.command {
        Command::Run(args) => Box::pin(cmd::run::run(args)).await,
        Command::Quickstart(args) => Box::pin(cmd::quickstart::run(args)).await,
        Command::Serve(args) => Box::pin(cmd::serve::run(args)).await,
        Command::EtcdEndpoint(args) => Box::pin(cmd::etcd_endpoint::run(args)).await,
        Command::Agent(args) => Box::pin(cmd::agent::run(args)).await,
        Command::TunnelServer(args) => Box::pin(cmd::tunnel_server::run(args)).await,
        Command::TunnelClient(args) => Box::pin(cmd::tunnel_client::run(args)).await,
        Command::Controller(args) => Box::pin(cmd::run::controller(args)).await,
        Command::Webhook(args) => Box::pin(cmd::run::webhook(args)).await,
        Command::Install(args) => Box::pin(cmd::install::run(args)).await,
        Command::Crds(args) => cmd::crds::run(&args),
        Command::Permissions(args) => Box::pin(cmd::permissions::run(args)).await,
        Command::Enable(args) => Box::pin(cmd::enable::run(args)).await,
        Command::Disable(args) => Box::pin(cmd::disable::run(args)).await,
        Command::Join(args) => Box::pin(cmd::join::run(args)).await,
        Command::Credentials(args) => Box::pin(cmd::credentials::run(args)).await,
        Command::Unjoin(args) => Box::pin(cmd::unjoin::run(args)).await,
        Command::Datastore(args) => Box::pin(cmd::datastore::run(args)).await,
        Command::Version(args) => cmd::version::run(&args),
        Command::Completion(args) => cmd::completion::run(&args, &mut Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
