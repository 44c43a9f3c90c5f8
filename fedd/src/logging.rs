//! Logs: for people, or as JSON lines.

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How the daemon logs, on standard error.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// For people, or one JSON object per line
    #[arg(long, value_enum, default_value = "human")]
    pub log_format: LogFormat,
    /// Which logs: a level, or directives such as "info,propagation_engine=debug"
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    pub log_level: String,
}

/// How the daemon logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people; colours on terminals only.
    Human,
    /// One JSON object per line.
    Json,
}

impl LogArgs {
    /// Starts logging.
    pub fn start(&self) -> anyhow::Result<()> {
        use std::io::IsTerminal as _;
        let filter = EnvFilter::try_new(&self.log_level)
            .map_err(|e| anyhow::anyhow!("--log-level {:?}: {e}; write a level such as info", self.log_level))?;
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        match self.log_format {
            LogFormat::Human => builder.with_ansi(std::io::stderr().is_terminal()).init(),
            LogFormat::Json => builder.json().init(),
        }
        Ok(())
    }
}
