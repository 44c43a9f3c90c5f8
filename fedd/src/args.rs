//! Flags that several commands share, and how their values are read. Each command's own flags are in its file in
//! [`crate::cmd`].

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

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
