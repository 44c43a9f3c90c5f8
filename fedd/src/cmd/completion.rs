//! `fedd completion`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Cli;
use crate::output;

/// Flags of `fedd completion`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  source <(fedd completion bash)\n  fedd completion fish > ~/.config/fish/completions/fedd.fish"
)]
pub struct CompletionArgs {
    /// The shell
    pub shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// stdout cannot be written.
pub fn run(args: &CompletionArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "fedd", &mut script);
    Ok(output::stdout(&String::from_utf8(script)?)?)
}
