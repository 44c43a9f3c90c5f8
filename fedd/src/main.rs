//! The fedd daemon and command-line tool.

use std::process::ExitCode;

use clap::Parser as _;
use fedd::{args::Cli, cmd};

#[tokio::main]
async fn main() -> ExitCode {
    // One provider for all TLS; it must be chosen before the first connection.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match cmd::run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("fedd: {error:#}");
            ExitCode::FAILURE
        }
    }
}
