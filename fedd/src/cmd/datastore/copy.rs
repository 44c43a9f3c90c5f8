//! `fedd datastore copy`: all objects, from one datastore to another.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use etcd_endpoint::client::{ClientTls, EtcdClient};
use futures::{StreamExt as _, TryStreamExt as _};
use revision_store::{Datastore, Row, Rows};

use super::check::{Outcome, check};
use super::etcd;
use super::progress::Progress;
use crate::failure::Usage;
use crate::output::{note, stdout};

/// What `--help` says first.
pub const ABOUT: &str = "Copy all objects to another datastore.\n\n\
    Nobody may write to either meanwhile: stop fedd first. Between files and databases, rows are copied as they are, so \
    history and resource versions stay, and clients go on where they were. From and to etcd, objects are copied as they are \
    now; history and resource versions are new, and clients list again. The copy is compared with the original afterwards.";

/// Flags of `fedd datastore copy`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd datastore copy sqlite:///var/lib/fedd/fedd.db mysql://fedd@db.example.org:3306/fedd --dry-run\n  \
        fedd datastore copy mysql://fedd@db.example.org:3306/fedd sqlite:///backup/fedd.db\n  \
        fedd datastore copy https://etcd.example.org:2379 sqlite:///var/lib/fedd/fedd.db --etcd-ca ca.crt")]
pub struct CopyArgs {
    /// The original: sqlite:///PATH, mysql://USER@HOST:PORT/DATABASE, or etcd as http(s)://HOST:PORT or unix:///SOCKET
    #[arg(value_name = "FROM", value_parser = End::parse)]
    pub from: End,
    /// The copy, likewise
    #[arg(value_name = "TO", value_parser = End::parse)]
    pub to: End,
    /// Delete what is in TO first, if it is a file or a database; without, one that is not empty is refused
    #[arg(long)]
    pub replace: bool,
    /// Say what would be copied and what would not be kept, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Authority that signed etcd's certificate, PEM
    #[arg(long, value_name = "FILE")]
    pub etcd_ca: Option<PathBuf>,
    /// Certificate that etcd wants of its clients, PEM
    #[arg(long, value_name = "FILE", requires = "etcd_key")]
    pub etcd_cert: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE", requires = "etcd_cert")]
    pub etcd_key: Option<PathBuf>,
}

/// One end of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A file or a database.
    Datastore(Datastore),
    /// An etcd, or something that speaks like one.
    Etcd(String),
}

impl End {
    /// Reads it from the command line.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        if ["http://", "https://", "unix://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Ok(Self::Etcd(text.to_owned()));
        }
        Datastore::parse(text).map(Self::Datastore).map_err(|error| {
            format!("{error}; or http://HOST:PORT, https://HOST:PORT or unix:///SOCKET for etcd")
        })
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datastore(datastore) => datastore.fmt(formatter),
            Self::Etcd(url) => url.fmt(formatter),
        }
    }
}

/// Copies.
///
/// # Errors
/// An end cannot be used, the copy is not empty, or it is not what the original is.
pub async fn run(args: CopyArgs) -> anyhow::Result<()> {
    if args.from == args.to {
        return Err(Usage("FROM and TO are the same datastore: name two".to_owned()).into());
    }
    let copied = match (&args.from, &args.to) {
        (End::Datastore(from), End::Datastore(to)) => copy_rows(&args, from, to).await?,
        (End::Etcd(url), End::Datastore(to)) => {
            tell_losses();
            etcd::copy_from(&connect(&args, url).await?, to, args.replace, args.dry_run).await?
        }
        (End::Datastore(from), End::Etcd(url)) => {
            if args.replace {
                let words = "--replace deletes nothing in etcd: delete it with etcdctl del --prefix \"\", or leave the flag out";
                return Err(Usage(words.to_owned()).into());
            }
            tell_losses();
            tell_keys(&args.from);
            etcd::copy_to(from, &connect(&args, url).await?, args.dry_run).await?
        }
        (End::Etcd(_), End::Etcd(_)) => {
            let words =
                "this copies from and to files and databases; from etcd to etcd, use etcdctl snapshot";
            return Err(Usage(words.to_owned()).into());
        }
    };
    let done = if args.dry_run { "would be copied" } else { "copied, and compared" };
    Ok(stdout(&format!("{copied} {done}: {} to {}\n", args.from, args.to))?)
}

async fn connect(args: &CopyArgs, url: &str) -> anyhow::Result<EtcdClient> {
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let identity = match (&args.etcd_cert, &args.etcd_key) {
        (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
        _ => None,
    };
    let tls = match &args.etcd_ca {
        Some(authority) => Some(ClientTls { authority: read(authority)?, identity }),
        None => None,
    };
    Ok(EtcdClient::connect(url, tls.as_ref()).await?)
}

/// What a copy from or to etcd cannot keep.
fn tell_losses() {
    note(
        "not kept: history and resource versions (clients list again), and how much of a lease is left (it begins anew)",
    );
}

/// The keys of an API server on a file are beside it.
fn tell_keys(from: &End) {
    if let End::Datastore(Datastore::Sqlite(path)) = from {
        note(&format!(
            "not copied: the API server's keys, which are in the folder {}; give it to `fedd serve --secrets-dir`, or \
             clients need new kubeconfigs",
            path.with_extension("keys").display()
        ));
    }
}

/// Copies whole rows; how many, in words.
async fn copy_rows(args: &CopyArgs, from: &Datastore, to: &Datastore) -> anyhow::Result<String> {
    let original = check(from).await.context("the original")?;
    note("not kept: how much of a lease is left (it begins anew with the next start)");
    tell_keys(&args.from);
    if !original.findings.is_empty() {
        note(&format!(
            "{} things are wrong with the original: see fedd datastore check {from}",
            original.findings.len()
        ));
    }
    let words = format!("{} rows ({} objects)", original.rows, original.objects);
    if args.dry_run {
        return Ok(words);
    }
    let mut progress = Progress::new("rows copied");
    let rows: Rows = from.rows().inspect_ok(move |page: &Vec<Row>| progress.add(page.len())).boxed();
    to.import(rows, args.replace).await?;
    compare(from, to).await?;
    let copy = check(to).await.context("the copy")?;
    if (Outcome { datastore: original.datastore.clone(), ..copy }) != original {
        bail!(
            "the copy is not what the original was when the copying began: stop who writes to either, and copy again"
        );
    }
    Ok(words)
}

/// Compares two tables row by row.
async fn compare(from: &Datastore, to: &Datastore) -> anyhow::Result<()> {
    let mut progress = Progress::new("rows compared");
    let mut pages = from.rows().zip(to.rows());
    while let Some((original, copy)) = pages.next().await {
        let (original, copy) = (original?, copy?);
        if !original.iter().map(comparable).eq(copy.iter().map(comparable)) {
            bail!(
                "the copy differs from the original at revision {} or behind it: stop who writes to either, and copy again",
                original.first().map_or(0, |row| row.id)
            );
        }
        progress.add(original.len());
    }
    Ok(())
}

/// A row, where "none" is written in one way.
fn comparable(row: &Row) -> Row {
    Row {
        create_revision: row.create_revision.filter(|revision| *revision != 0),
        prev_revision: row.prev_revision.filter(|revision| *revision != 0),
        lease: row.lease.filter(|seconds| *seconds != 0),
        value: row.value.clone().filter(|value| !value.is_empty()),
        old_value: row.old_value.clone().filter(|value| !value.is_empty()),
        ..row.clone()
    }
}
