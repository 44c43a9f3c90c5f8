//! One command per file; here, which one is called, and what its end means for the exit code.

pub mod agent;
pub mod completion;
pub mod crds;
pub mod credentials;
pub mod datastore;
pub mod disable;
pub mod enable;
pub mod etcd_endpoint;
pub mod install;
pub mod join;
pub mod permissions;
pub mod quickstart;
pub mod run;
pub mod serve;
pub mod tunnel_client;
pub mod tunnel_server;
pub mod unjoin;
pub mod version;

use std::process::ExitCode;

use crate::args::{Cli, Command};
use crate::output;

/// A command line that can be read but not meant: exit code 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Carries a command out.
///
/// # Errors
/// It failed; the words say what, where, and what to do. [`exit_code`] tells what a shell gets.
pub async fn execute(cli: Cli) -> anyhow::Result<()> {
    // Boxed: the futures of the long commands are large.
    match cli.command {
        Command::Run(args) => Box::pin(run::run(args)).await,
        Command::Quickstart(args) => Box::pin(quickstart::run(args)).await,
        Command::Serve(args) => Box::pin(serve::run(args)).await,
        Command::EtcdEndpoint(args) => Box::pin(etcd_endpoint::run(args)).await,
        Command::Agent(args) => Box::pin(agent::run(args)).await,
        Command::TunnelServer(args) => Box::pin(tunnel_server::run(args)).await,
        Command::TunnelClient(args) => Box::pin(tunnel_client::run(args)).await,
        Command::Controller(args) => Box::pin(run::controller(args)).await,
        Command::Webhook(args) => Box::pin(run::webhook(args)).await,
        Command::Install(args) => Box::pin(install::run(args)).await,
        Command::Crds(args) => crds::run(&args),
        Command::Permissions(args) => Box::pin(permissions::run(args)).await,
        Command::Enable(args) => Box::pin(enable::run(args)).await,
        Command::Disable(args) => Box::pin(disable::run(args)).await,
        Command::Join(args) => Box::pin(join::run(args)).await,
        Command::Credentials(args) => Box::pin(credentials::run(args)).await,
        Command::Unjoin(args) => Box::pin(unjoin::run(args)).await,
        Command::Datastore(args) => Box::pin(datastore::run(args)).await,
        Command::Version(args) => version::run(&args),
        Command::Completion(args) => completion::run(&args),
    }
}

/// Tells a failure on stderr, and gives the exit code: 0 done, 1 failed, 2 the command line cannot be meant.
pub fn exit_code(result: &anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(&format!("\u{1b}[31merror:\u{1b}[0m {}", words(error)));
            ExitCode::from(if error.downcast_ref::<Usage>().is_some() { 2 } else { 1 })
        }
    }
}

/// An error with its causes, each once: many libraries repeat the cause in their own words.
pub fn words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain() {
        // The API server's own words; what comes after them in the chain is the same answer once more.
        let answer = match cause.downcast_ref::<kube::Error>() {
            Some(kube::Error::Api(status)) => Some(status.message.trim().to_owned()),
            _ => None,
        };
        let is_last = answer.is_some();
        let text = answer.unwrap_or_else(|| cause.to_string());
        if !words.contains(&text) {
            if !words.is_empty() {
                words.push_str(": ");
            }
            words.push_str(&text);
        }
        if is_last {
            break;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let error = anyhow::anyhow!("no route").context("cannot connect: no route").context("host");
        assert_eq!(words(&error), "host: cannot connect: no route");
    }
}
