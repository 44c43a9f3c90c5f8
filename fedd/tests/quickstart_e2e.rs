//! `fedd quickstart` as somebody new to it meets it: what it prints is typed into a shell, line by line.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "quickstart/session.rs"]
mod session;

use std::time::{Duration, Instant};

use serde_json::Value;
use session::Session;

/// Far more than it takes, in a debug build on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Cells of the bank, and of the insurer.
const CELLS: [(&str, &str, &str); 4] =
    [("bank", "rz00a", "m1"), ("bank", "rz00b", "m1"), ("bank", "rz01a", "m2"), ("insurer", "rz00a", "m3")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_says_can_be_tried_works() {
    let begin = Instant::now();
    let mut session = Session::start().await;
    assert!(begin.elapsed() < READY_WITHIN, "{:?}", begin.elapsed());
    session.shows("every cell runs both objects", |table| {
        let row = |(tenant, cell, member): &(&str, &str, &str)| {
            table.iter().any(|row| {
                row[..3] == [*tenant, *cell, *member]
                    && row[3].starts_with("example.org/web:1 (")
                    && row[4].starts_with("blue (")
            })
        };
        table.len() == CELLS.len() && CELLS.iter().all(row)
    });

    let tried = session.to_try.clone();
    let [get, mask, release, widen, all, at_member, by_cluster] = tried.as_slice() else {
        panic!("other lines than those that are known: {tried:#?}");
    };
    let listed = session.shell(get).await;
    assert!(listed.contains("web") && listed.contains("settings"), "{listed}");

    session.shell(mask).await;
    session.shell(release).await;
    session.held("rz00a alone has the release", &["rz00b", "rz01a"]).await;
    session.shows("two cells wait", |table| {
        table.iter().filter(|row| row[3].starts_with("waits behind the mask")).count() == 2
            && table.iter().any(|row| row[1] == "rz00a" && row[3].starts_with("example.org/web:2"))
    });
    session.shell(widen).await;
    session.held("rz00b has it too", &["rz01a"]).await;
    session.shell(all).await;
    session.held("all have it", &[]).await;
    let arrived = session.shell(at_member).await;
    assert!(arrived.contains("deployment.apps/web") && arrived.contains("configmap/settings"), "{arrived}");
    let image = "-o jsonpath={.spec.template.spec.containers[0].image}";
    for place in ["m1 -n bank-rz00a", "m1 -n bank-rz00b", "m2 -n bank"] {
        let line = format!("kubectl --context {place} get deployment web {image}");
        assert_eq!(session.shell(&line).await, "example.org/web:2", "{place}");
    }
    let read = session.shell(by_cluster).await;
    assert!(read.contains("apiVersion: types.kubefed.io/v1beta1") && read.contains("rz00a.bank"), "{read}");

    a_member_is_lost_and_comes_back(&mut session).await;
    session.types("nonsense").await;
    session.complains("stop MEMBER, start MEMBER, quit");

    let (status, left) = session.terminated().await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(left, Vec::<String>::new(), "files that are left");
}

async fn a_member_is_lost_and_comes_back(session: &mut Session) {
    let state = |object: &Value, cell: &str| {
        let lines = object["status"]["topologies"].as_array().into_iter().flatten();
        lines.filter(|line| line["name"] == cell).map(|line| line["status"].clone()).next()
    };
    session.types("stop m2").await;
    let lost = |object: &Value| state(object, "rz01a") == Some("ClusterNotReady".into());
    session.becomes("rz01a is lost", lost).await;
    session.shows("the table says so", |table| {
        table.iter().any(|row| row[1] == "rz01a" && row[3].starts_with("ClusterNotReady"))
    });
    let change = r#"kubectl -n bank patch federateddeployment web --type json -p '[{"op":"replace","path":"/spec/template/spec/replicas","value":3}]'"#;
    session.shell(change).await;
    session.types("start m2").await;
    session.becomes("rz01a is back", |object| state(object, "rz01a") == Some(Value::Null)).await;
    let line =
        "kubectl --context m2 -n bank wait deployment web --for jsonpath={.spec.replicas}=3 --timeout 60s";
    session.shell(line).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quit_ends_it() {
    let mut session = Session::start().await;
    session.types("quit").await;
    let (status, left) = session.ended().await;
    assert_eq!((status.code(), left), (Some(0), Vec::new()));
}
