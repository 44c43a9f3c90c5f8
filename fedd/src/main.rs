//! The command line of fedd: parses and calls.

use std::process::ExitCode;

use clap::Parser as _;

use fedd::cli::Cli;
use fedd::traces::Traces;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Before anything can open a connection: the process has one provider of cryptography.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fedd::failure::exit_code(&Err(anyhow::Error::new(error).context("cannot start threads")));
        }
    };
    let traces = {
        let _entered = runtime.enter();
        cli.command.traces().map_or(Ok(None), Traces::start)
    };
    let traces = match traces {
        Ok(traces) => traces,
        Err(error) => return fedd::failure::exit_code(&Err(error)),
    };
    fedd::logging::install(&cli.logging, traces.as_ref());
    let code = fedd::failure::exit_code(&runtime.block_on(fedd::cli::execute(cli)));
    if let Some(traces) = traces {
        traces.end();
    }
    // Nothing that still runs may hold the exit up, least of all after a lost lease.
    runtime.shutdown_background();
    code
}
