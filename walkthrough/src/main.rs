//! The walk-through: a host and three members as real API servers, four cells of two tenants, and a release by cell.
//!
//! It prints each step, the command that a person would type, and the table after it; it checks what it prints, and ends
//! with a code other than 0 if anything is not as it should be. fedd runs in a process of its own: this program, started
//! as `walkthrough fedd …`, is fedd.

mod host;
mod stage;
mod story;
mod tunnel;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

/// Plays a release by cell on real API servers, and checks what it shows.
#[derive(clap::Parser)]
struct Walkthrough {
    /// Let `fedd serve` on this datastore be the host, instead of a kube-apiserver: sqlite:///PATH, or
    /// mysql://USER@HOST:PORT/DATABASE, which has to be empty
    #[arg(long, value_name = "URL")]
    datastore: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut args = std::env::args_os().skip(1).peekable();
    if args.next_if(|first| first == "fedd").is_some() {
        let cli = fedd::cli::Cli::parse_from(std::iter::once("fedd".into()).chain(args));
        fedd::logging::install(&cli.logging, None);
        return fedd::failure::exit_code(&fedd::cli::execute(cli).await);
    }
    match story::play(Walkthrough::parse().datastore).await {
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
