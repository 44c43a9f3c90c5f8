//! `fedd datastore check`: whether data are what writes and compactions can have made.

use anyhow::bail;
use clap::Args;
use futures::TryStreamExt as _;
use revision_store::{Check, Datastore, Revision};
use serde::Serialize;

use super::objects::Objects;
use super::progress::Progress;
use crate::args::ObjectFormat;
use crate::output::{stdout, table};
use crate::yaml;

/// What `--help` says first.
pub const ABOUT: &str = "Verify what has to be true of every datastore.\n\n\
    Revisions follow each other, apart from what was compacted; each row of a key follows the one before it, with its old \
    value; objects can be read, are what their key says, have uids of their own, and are in namespaces that exist. The data \
    may be in use, and nothing is changed. Findings go to stdout; exit code 1 says that there are some.";

/// Flags of `fedd datastore check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd datastore check sqlite:///var/lib/fedd/fedd.db\n  \
        fedd datastore check 'mysql://fedd@db.example.org:3306/fedd?password-file=/etc/fedd/password' -o json")]
pub struct CheckArgs {
    /// The datastore
    #[arg(value_name = "URL", value_parser = Datastore::parse)]
    pub datastore: Datastore,
    /// How to print what was found [default: a table]
    #[arg(long, short, value_name = "FORMAT")]
    pub output: Option<ObjectFormat>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Where.
    pub datastore: String,
    /// How many rows there are.
    pub rows: u64,
    /// How many keys are there.
    pub keys: u64,
    /// How many of them are objects.
    pub objects: usize,
    /// The newest revision.
    pub newest_revision: Revision,
    /// The oldest revision that can be read.
    pub oldest_revision: Revision,
    /// What is wrong.
    pub findings: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The row; 0: the whole table.
    pub revision: Revision,
    /// What is wrong with it.
    pub problem: String,
}

/// Checks.
///
/// # Errors
/// The data cannot be read, or something is wrong with them.
pub async fn run(args: CheckArgs) -> anyhow::Result<()> {
    let outcome = check(&args.datastore).await?;
    let text = match args.output {
        None => text(&outcome),
        Some(ObjectFormat::Yaml) => yaml::print(&outcome)?,
        Some(ObjectFormat::Json) => serde_json::to_string_pretty(&outcome)? + "\n",
    };
    stdout(&text)?;
    match outcome.findings.len() {
        0 => Ok(()),
        1 => bail!("1 thing is wrong: keep a copy of the data and restore a backup that is sound"),
        many => bail!("{many} things are wrong: keep a copy of the data and restore a backup that is sound"),
    }
}

/// What is wrong with data.
///
/// # Errors
/// They cannot be read.
pub(super) async fn check(datastore: &Datastore) -> anyhow::Result<Outcome> {
    let (mut check, mut objects, mut progress) =
        (Check::default(), Objects::default(), Progress::new("rows checked"));
    let mut rows = datastore.rows();
    while let Some(page) = rows.try_next().await? {
        for row in &page {
            check.row(row);
            objects.row(row);
        }
        progress.add(page.len());
    }
    let checked = check.finish();
    let (objects, wrong) = objects.finish();
    let in_rows = checked
        .findings
        .iter()
        .map(|finding| Problem { revision: finding.revision(), problem: finding.to_string() });
    let in_objects =
        wrong.iter().map(|finding| Problem { revision: finding.revision(), problem: finding.to_string() });
    let mut findings: Vec<Problem> = in_rows.chain(in_objects).collect();
    findings.sort_by_key(|finding| finding.revision);
    Ok(Outcome {
        datastore: datastore.to_string(),
        rows: checked.rows,
        keys: checked.keys,
        objects,
        newest_revision: checked.newest,
        oldest_revision: checked.compacted,
        findings,
    })
}

fn text(outcome: &Outcome) -> String {
    let Outcome { datastore, rows, keys, objects, newest_revision, oldest_revision, findings } = outcome;
    let summary = format!(
        "{datastore}: {rows} rows, {keys} keys, {objects} objects, revisions {oldest_revision} to {newest_revision}\n"
    );
    if findings.is_empty() {
        return summary + "nothing is wrong\n";
    }
    let row = |finding: &Problem| [finding.revision.to_string(), finding.problem.clone()];
    summary + &table(["REVISION", "PROBLEM"], findings.iter().map(row))
}
