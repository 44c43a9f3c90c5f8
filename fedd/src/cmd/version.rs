//! `fedd version`.

use clap::Args;
use serde_json::json;

use crate::args::ObjectFormat;
use crate::{output, yaml};

/// Flags of `fedd version`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  fedd version -o json")]
pub struct VersionArgs {
    /// How to print [default: one line]
    #[arg(long, short, value_name = "FORMAT")]
    pub output: Option<ObjectFormat>,
}

/// The version of KubeFed whose API and behaviour fedd keeps.
pub const KUBEFED_VERSION: &str = "v0.10";

/// Prints the version.
///
/// # Errors
/// stdout cannot be written.
pub fn run(args: &VersionArgs) -> anyhow::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    let value = json!({"version": version, "kubefed": KUBEFED_VERSION, "platform": platform});
    let text = match args.output {
        None => format!("fedd {version} (KubeFed API {KUBEFED_VERSION}, {platform})\n"),
        Some(ObjectFormat::Yaml) => yaml::print(&value)?,
        Some(ObjectFormat::Json) => serde_json::to_string_pretty(&value)? + "\n",
    };
    Ok(output::stdout(&text)?)
}
