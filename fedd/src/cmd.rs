//! One command per file.

pub mod apply;
pub mod crds;
pub mod disable;
pub mod enable;
pub mod install;
pub mod join;
pub mod run;
pub mod unjoin;

use crate::args::{Cli, Command};

/// Carries a command out.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Run(args) => Box::pin(run::run(args)).await,
        Command::Controller(args) => Box::pin(run::controller(args)).await,
        Command::Webhook(args) => Box::pin(run::webhook(args)).await,
        Command::Install(args) => install::run(args).await,
        Command::Crds(args) => crds::run(&args),
        Command::Enable(args) => enable::run(args).await,
        Command::Disable(args) => disable::run(args).await,
        Command::Join(args) => join::run(args).await,
        Command::Unjoin(args) => unjoin::run(args).await,
    }
}
