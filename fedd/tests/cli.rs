//! The command line by itself: help texts, what is printed without any API server, and errors.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::process::{Command, Output};

use serde_json::Value;

/// Runs fedd with nothing of the environment that it reads: no kubeconfig, no terminal.
fn fedd(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_fedd"))
        .args(arguments)
        .env_clear()
        .env("HOME", home.path())
        .output()
        .unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = fedd(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code and stderr of what has to fail.
fn failure(arguments: &[&str]) -> (Option<i32>, String) {
    let output = fedd(arguments);
    assert!(output.stdout.is_empty(), "a failure has no data: {}", String::from_utf8_lossy(&output.stdout));
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

const COMMANDS: [&str; 18] = [
    "agent",
    "quickstart",
    "serve",
    "run",
    "controller",
    "webhook",
    "install",
    "crds",
    "permissions",
    "enable",
    "disable",
    "join",
    "unjoin",
    "version",
    "completion",
    "etcd-endpoint",
    "tunnel-server",
    "tunnel-client",
];

#[test]
fn help_says_what_there_is() {
    insta::assert_snapshot!("help", stdout(&["--help"]));
    for command in COMMANDS {
        let help = stdout(&[command, "--help"]);
        assert!(help.contains("Example"), "{command} has no example");
        insta::assert_snapshot!(format!("help-{command}"), help);
    }
}

fn documents(text: &str) -> Vec<Value> {
    fedd::yaml::parse_stream(text).unwrap()
}

fn kinds(documents: &[Value]) -> Vec<&str> {
    documents.iter().map(|d| d["kind"].as_str().unwrap()).collect()
}

#[test]
fn crds_prints_everything_in_an_order_that_can_be_applied() {
    let documents = documents(&stdout(&["crds", "--federation-namespace", "fed"]));
    let kinds = kinds(&documents);
    let last_definition = kinds.iter().rposition(|k| *k == "CustomResourceDefinition").unwrap();
    let namespace = kinds.iter().position(|k| *k == "Namespace").unwrap();
    assert!(last_definition < namespace);
    assert_eq!(kinds[namespace + 1], "KubeFedConfig");
    assert_eq!(kinds.iter().filter(|k| **k == "FederatedTypeConfig").count(), 20);
    let names: Vec<_> = documents.iter().map(|d| d["metadata"]["name"].as_str().unwrap()).collect();
    for name in ["kubefedclusters.core.kubefed.io", "cells.fedd.io", "federateddeployments.types.kubefed.io"]
    {
        assert!(names.contains(&name), "{name}");
    }
    let namespaced =
        documents.iter().filter(|d| d["kind"] == "FederatedTypeConfig" || d["kind"] == "KubeFedConfig");
    assert!(namespaced.into_iter().all(|d| d["metadata"]["namespace"] == "fed"));
}

#[test]
fn crds_prints_what_is_chosen() {
    let only_core = documents(&stdout(&["crds", "--no-types", "--crds-only"]));
    assert!(kinds(&only_core).iter().all(|k| *k == "CustomResourceDefinition"));
    assert!(!only_core.iter().any(|d| d["spec"]["group"] == "types.kubefed.io"));

    let list: Value =
        serde_json::from_str(&stdout(&["crds", "--types", "cm,Deployment", "-o", "json"])).unwrap();
    let items = list["items"].as_array().unwrap();
    let configs: Vec<_> = items
        .iter()
        .filter(|d| d["kind"] == "FederatedTypeConfig")
        .map(|d| d["metadata"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(configs, ["namespaces", "configmaps", "deployments.apps"]);

    let cluster_form = documents(&stdout(&["crds", "--types", "cm", "--cluster-form-only"]));
    let definition = cluster_form
        .iter()
        .find(|d| d["metadata"]["name"] == "federatedconfigmaps.types.kubefed.io")
        .unwrap();
    assert_eq!(definition["spec"]["versions"].as_array().unwrap().len(), 1);
    assert_eq!(definition["spec"]["conversion"]["strategy"], "None");
}

#[test]
fn what_is_piped_has_no_colours() {
    assert!(!stdout(&["version"]).contains('\u{1b}') && !stdout(&["crds", "--help"]).contains('\u{1b}'));
    let (_, stderr) = failure(&["install", "--kubeconfig", "/nowhere/host.yaml"]);
    assert!(!stderr.contains('\u{1b}'), "{stderr:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_fedd"))
        .arg("crds")
        .env_clear()
        .env("HOME", home.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn version_is_data() {
    let version: Value = serde_json::from_str(&stdout(&["version", "-o", "json"])).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(version["kubefed"], "v0.10");
}

#[test]
fn completion_knows_the_commands() {
    let script = stdout(&["completion", "bash"]);
    assert!(COMMANDS.iter().all(|command| script.contains(command)));
}

#[test]
fn what_cannot_be_meant_ends_with_2_and_says_what_to_write() {
    for (arguments, words) in [
        (&["crds", "--types", "widgets"][..], "configmaps"),
        (&["join", "Bad_Name"], "lower-case"),
        (&["join", "m1", "--tenant", "bank"], "--workspace-group"),
        (&["join", "m1", "--cell", "rz00a"], "namespace/cell"),
        (&["join", "m1", "--label", "a"], "key=value"),
        (&["join", "m1", "--token-duration", "soon"], "soon"),
        (&["run", "--healthz-addr", "8080"], ":8080"),
        (&["disable"], "<RESOURCE>"),
        (&["federate"], "federate"),
    ] {
        let (code, stderr) = failure(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
}

#[test]
fn without_a_kubeconfig_it_says_how_to_name_one() {
    for command in [
        &["install"][..],
        &["enable", "deployments"],
        &["disable", "deployments"],
        &["join", "m1"],
        &["unjoin", "m1"],
    ] {
        let (code, stderr) = failure(command);
        assert_eq!(code, Some(1), "{command:?}: {stderr}");
        assert!(stderr.contains("--kubeconfig") && stderr.contains("KUBECONFIG"), "{command:?}: {stderr}");
    }
}

#[test]
fn an_api_server_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    // Port 9 is "discard", and nothing listens there.
    let text = "{current-context: c, contexts: [{name: c, context: {cluster: c}}], \
                clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}], users: []}";
    std::fs::write(&kubeconfig, text).unwrap();
    let kubeconfig = kubeconfig.to_str().unwrap();
    let (code, stderr) = failure(&["disable", "deployments", "--kubeconfig", kubeconfig]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("cannot read type configs") && stderr.contains("refused"), "{stderr}");
    let (code, stderr) = failure(&["install", "--kubeconfig", kubeconfig, "--context", "d"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("\"d\"") && stderr.contains("it has: c"), "{stderr}");
}
