//! `fedd completion`.

use clap::{Args, Command};
use clap_complete::Shell;

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

/// Prints the script that completes this command line.
///
/// # Errors
/// stdout cannot be written.
pub fn run(args: &CompletionArgs, command_line: &mut Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command_line, "fedd", &mut script);
    Ok(output::stdout(&String::from_utf8(script)?)?)
}
