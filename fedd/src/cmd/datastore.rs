//! `fedd datastore`: looks at data and moves them.

pub mod check;
pub mod copy;
mod etcd;
mod objects;
mod progress;

use clap::{Args, Subcommand};

/// What `--help` says first.
pub const ABOUT: &str = "Check a federation's data, or copy them to another database.\n\n\
    A datastore is named as `fedd serve --datastore` takes it: sqlite:///PATH for a file, mysql://USER@HOST:PORT/DATABASE \
    for MySQL, MariaDB and OceanBase.";

/// Flags of `fedd datastore`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct DatastoreArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: DatastoreCommand,
}

/// What to do with data.
#[derive(Debug, Subcommand)]
pub enum DatastoreCommand {
    /// Verify what has to be true of every datastore
    #[command(long_about = check::ABOUT)]
    Check(check::CheckArgs),
    /// Copy all objects to another datastore
    #[command(long_about = copy::ABOUT)]
    Copy(copy::CopyArgs),
}

/// Does it.
///
/// # Errors
/// The data cannot be read or written, or are not as they have to be.
pub async fn run(args: DatastoreArgs) -> anyhow::Result<()> {
    match args.command {
        DatastoreCommand::Check(args) => check::run(args).await,
        DatastoreCommand::Copy(args) => copy::run(args).await,
    }
}
