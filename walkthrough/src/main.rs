//! The walk-through: a host and three members as real API servers, four cells of two tenants, and a release by cell.
//!
//! It prints each step, the command that a person would type, and the table after it; it checks what it prints, and ends
//! with a code other than 0 if anything is not as it should be. fedd runs in a process of its own: this program, started
//! as `walkthrough fedd …`, is fedd.

mod stage;
mod story;
mod tunnel;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut args = std::env::args_os();
    let _ = args.next();
    if args.next().is_some_and(|first| first == "fedd") {
        let cli = fedd::args::Cli::parse_from(std::iter::once("fedd".into()).chain(args));
        fedd::logging::install(&cli.logging);
        return fedd::cmd::exit_code(&fedd::cmd::execute(cli).await);
    }
    match story::play().await {
        Ok(()) => {
            anstream::println!("\n\u{1b}[32mEverything is as it should be.\u{1b}[0m");
            ExitCode::SUCCESS
        }
        Err(error) => {
            anstream::eprintln!("\n\u{1b}[31mNot as it should be:\u{1b}[0m {error:#}");
            ExitCode::FAILURE
        }
    }
}
