//! The testbed from the command line: builds the binaries, says where they are, or runs API servers by hand.

use std::{io::Read, process::ExitCode};

use anyhow::{Context, bail};
use testbed::{Binary, DatabaseKind, Testbed};

const USAGE: &str = "\
usage:
  testbed build            build (or find) etcd, kine, the network proxy, kube-apiserver, kube-controller-manager
                           and kubectl, fetch MariaDB and OceanBase
  testbed path BINARY      print the path of one of them, built if need be
  testbed serve NAME...    run an API server per name and print their kubeconfigs' paths, until standard input ends";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("testbed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> anyhow::Result<()> {
    let mut arguments = arguments.into_iter();
    match (arguments.next().as_deref(), arguments.collect::<Vec<_>>().as_slice()) {
        (Some("build"), []) => {
            Binary::ALL.into_iter().try_for_each(print_path)?;
            DatabaseKind::ALL.into_iter().try_for_each(|kind| {
                println!("{}", kind.path()?.display());
                Ok(())
            })
        }
        (Some("path"), [name]) => {
            let known = Binary::ALL.into_iter().find(|binary| binary.name() == name);
            print_path(known.with_context(|| format!("no binary is named {name:?}\n{USAGE}"))?)
        }
        (Some("serve"), names @ [_, ..]) => serve(names),
        _ => bail!("{USAGE}"),
    }
}

fn print_path(binary: Binary) -> anyhow::Result<()> {
    println!("{}", binary.path()?.display());
    Ok(())
}

#[tokio::main]
async fn serve(names: &[String]) -> anyhow::Result<()> {
    let testbed = Testbed::start().await?;
    let servers = futures::future::try_join_all(names.iter().map(|name| testbed.api_server(name))).await?;
    for server in &servers {
        println!("{}\t{}", server.name(), server.kubeconfig_path().display());
    }
    // Ctrl-C ends this process and so, through the testbed's shell, the servers.
    let until_end = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(until_end).await??;
    Ok(())
}
