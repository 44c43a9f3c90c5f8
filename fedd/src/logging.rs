//! Logs: to stderr, for people or as JSON.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, LoggingArgs};

/// Starts logging; to be called once, by a program.
///
/// What is logged: `--log-level`, else `RUST_LOG`, else `info` of fedd and `warn` of the libraries below. A second call
/// changes nothing.
pub fn install(args: &LoggingArgs) {
    let filter = match &args.log_level {
        Some(level) => EnvFilter::new(level),
        None => EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| EnvFilter::new("warn,fedd=info,propagation_engine=info")),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    );
    // An error here means that the embedding program logs already, which is as good.
    let _ = match args.log_format {
        LogFormat::Human => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
