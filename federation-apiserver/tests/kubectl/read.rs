//! What is read: lists, watches, explanations.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::session::{Session, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_shows_changes_as_they_come() {
    let session = Session::start().await;
    session.done("create secret generic first --from-literal=k=v").await;
    let mut watch = session.command("get secret -w --output-watch-events --no-headers");
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = async || -> Vec<String> {
        let line = within("a line of the watch", lines.next_line()).await.unwrap().unwrap();
        line.split_whitespace().take(4).map(str::to_owned).collect()
    };
    assert_eq!(next().await, ["ADDED", "first", "Opaque", "1"]);
    session.done("create secret generic second --from-literal=a=1 --from-literal=b=2").await;
    assert_eq!(next().await, ["ADDED", "second", "Opaque", "2"]);
    session.done("label secret first a=b").await;
    assert_eq!(next().await, ["MODIFIED", "first", "Opaque", "1"]);
    session.done("delete secret second").await;
    assert_eq!(next().await, ["DELETED", "second", "Opaque", "2"]);
    watch.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_selected_sorted_and_cut_into_pieces() {
    let session = Session::start().await;
    for name in ["c", "a", "b"] {
        session.done(&format!("create secret generic {name} --from-literal=k={name}")).await;
    }
    session.done("label secret a b group=x").await;
    assert_eq!(session.done("get secret -o name --chunk-size=1").await, "secret/a\nsecret/b\nsecret/c");
    assert_eq!(session.done("get secret -o name -l group=x").await, "secret/a\nsecret/b");
    assert_eq!(session.done("get secret -o name -l group!=x").await, "secret/c");
    assert_eq!(session.done("get secret -o name --field-selector=metadata.name=b").await, "secret/b");
    let columns = "get secret --no-headers --sort-by=.data.k -o custom-columns=N:.metadata.name";
    assert_eq!(session.done(columns).await, "a\nb\nc");
    assert!(session.refused("get secret nothing").await.contains("secrets \"nothing\" not found"));
    assert!(
        session.refused("get nothing").await.contains("the server doesn't have a resource type \"nothing\"")
    );
    let wrong = session.refused("get secret --field-selector=data.k=a").await;
    assert!(wrong.contains("field label not supported: data.k"), "{wrong}");
    let described = session.done("describe secret a").await;
    assert!(described.contains("group=x"), "{described}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_are_listed_and_explained() {
    let session = Session::start().await;
    let deployments = session.done("api-resources --api-group=apps --no-headers").await;
    let deployment = deployments.lines().find(|line| line.starts_with("deployments ")).unwrap();
    let words: Vec<&str> = deployment.split_whitespace().collect();
    assert_eq!(words, ["deployments", "deploy", "apps/v1", "true", "Deployment"]);
    assert!(session.done("api-versions").await.lines().any(|line| line == "rbac.authorization.k8s.io/v1"));
    let replicas = session.done("explain deployment.spec.replicas").await;
    assert!(replicas.contains("FIELD: replicas <integer>"), "{replicas}");
    let all = session.done("explain configmap --recursive").await;
    assert!(all.contains("binaryData\t<map[string]string>"), "{all}");
    assert!(session.refused("explain configmap.nothing").await.contains("field \"nothing\" does not exist"));
    assert_eq!(session.done("get --raw /readyz").await, "ok");
    assert!(session.done("get --raw /version").await.contains("\"gitVersion\":\"v1."));
}
