//! The command line: what commands there are, and the flags that several of them share. Each command's own flags are in
//! its file in [`crate::cmd`].

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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

/// How logs are written.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Logs")]
pub struct LoggingArgs {
    /// What to log: a level or a filter such as `info,propagation_engine=debug` [default: $RUST_LOG, else info for fedd
    /// and warn for the libraries below it]
    #[arg(long, global = true, value_name = "FILTER")]
    pub log_level: Option<String>,
    /// How to log; always to stderr
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human")]
    pub log_format: LogFormat,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// Where the federation is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Federation")]
pub struct HostArgs {
    /// Kubeconfig of the federation's API server [default: $KUBECONFIG, else ~/.kube/config, else the pod's service
    /// account]
    #[arg(long, visible_alias = "host-kubeconfig", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context in that kubeconfig [default: its current context]
    #[arg(long, visible_aliases = ["host-context", "host-cluster-context"], value_name = "NAME")]
    pub context: Option<String>,
    /// Namespace that holds clusters, type configs, settings and credentials
    #[arg(long, visible_alias = "kubefed-namespace", value_name = "NAME",
          default_value = federation_model::DEFAULT_FEDERATION_NAMESPACE)]
    pub federation_namespace: String,
}

/// How objects are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ObjectFormat {
    /// A YAML stream.
    Yaml,
    /// One JSON object: a List.
    Json,
}

/// How a command tells what it did, on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// One line per object, as it happens.
    #[default]
    Text,
    /// A table at the end.
    Table,
    /// A list at the end, as YAML.
    Yaml,
    /// A list at the end, as JSON.
    Json,
}

/// How a command tells what it did.
#[derive(Clone, Copy, Debug, Args)]
pub struct ReportArgs {
    /// How to print what was done
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    pub output: ReportFormat,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// An address to listen on; `None` means not to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

/// Reads an address to listen on: `127.0.0.1:8080`, `[::1]:8080`, `:8080` (all IPv4 addresses), or `off`. For flags.
///
/// # Errors
/// It is none of these.
pub fn listen(text: &str) -> Result<Listen, String> {
    // KubeFed's way to turn a server off is "0".
    if matches!(text, "off" | "0" | "") {
        return Ok(Listen(None));
    }
    let full = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    full.parse().map(|address| Listen(Some(address))).map_err(|_| {
        format!("{text:?} is no address to listen on; write something like 127.0.0.1:8080, :8080 or off")
    })
}

/// Reads `host:port`, with brackets around an IPv6 address. For flags.
///
/// # Errors
/// It is none.
pub fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let wrong = || format!("{text:?} is no address of a server; write host:port");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match port.parse() {
        Ok(port) if !host.is_empty() && port != 0 => Ok((host.to_owned(), port)),
        _ => Err(wrong()),
    }
}

/// Reads `key=value`. For flags.
///
/// # Errors
/// There is no `=`, or no key before it.
pub fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is no label; write key=value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn addresses_are_read_as_go_writes_them() {
        assert_eq!(listen(":8080"), Ok(Listen(Some(([0, 0, 0, 0], 8080).into()))));
        assert_eq!(listen("127.0.0.1:0"), Ok(Listen(Some(([127, 0, 0, 1], 0).into()))));
        assert_eq!(listen("off"), Ok(Listen(None)));
        assert!(listen("8080").is_err() && listen("host").is_err());
    }

    #[test]
    fn a_server_is_a_host_and_a_port() {
        assert_eq!(host_and_port("fedd.example.org:8132"), Ok(("fedd.example.org".to_owned(), 8132)));
        assert_eq!(host_and_port("[::1]:1"), Ok(("::1".to_owned(), 1)));
        for wrong in ["fedd", ":8132", "fedd:", "fedd:0", "fedd:x"] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn labels_have_a_key() {
        assert_eq!(label("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(label("a="), Ok(("a".into(), String::new())));
        assert!(label("a").is_err() && label("=b").is_err());
    }
}
