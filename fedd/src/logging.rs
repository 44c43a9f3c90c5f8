//! Logs: to stderr, for people or as JSON. Where traces leave the process, they are made of the same spans.

use std::io::IsTerminal as _;

use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::args::{LogFormat, LoggingArgs};
use crate::traces::Traces;

/// Starts logging, and tracing if there is to be some; to be called once, by a program.
///
/// What is logged: `--log-level`, else `RUST_LOG`, else `info` of fedd and `warn` of the libraries below. A second call
/// changes nothing.
pub fn install(args: &LoggingArgs, traces: Option<&Traces>) {
    let filter = match &args.log_level {
        Some(level) => EnvFilter::new(level),
        None => EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| EnvFilter::new("warn,fedd=info,propagation_engine=info")),
    };
    // An error here means that the embedding program logs already, which is as good.
    let _ = match traces {
        None => registry().with(filter).with(lines(args.log_format)).try_init(),
        // What is not logged may still be traced.
        Some(traces) => {
            registry().with(lines(args.log_format).with_filter(filter)).with(traces.layer()).try_init()
        }
    };
}

/// Writes what happens, one line each.
fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    );
    match format {
        LogFormat::Human => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
}
