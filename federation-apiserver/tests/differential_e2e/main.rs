//! The same requests to this server and to a real kube-apiserver: the answers are the same.
//!
//! The requests are in `requests/`, one file for each scene; `request.rs` says how they are written. What differs on
//! purpose is in `meant.rs`, with the reason. The store below this server is in memory, in MariaDB, and, for the scenes that
//! ask most of a store, in OceanBase; with `STORE=mariadb` or `STORE=oceanbase` every test is on that. `SCENE=lists` plays
//! one scene.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where something is missing")]

mod below;
mod compare;
mod crowded;
mod generated;
mod masking;
mod meant;
mod random;
mod request;
mod server;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use below::Below;
use request::Request;
use server::{Answer, Server};
use testbed::DatabaseKind;

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_a_real_api_server() {
    everything_on(&Below::chosen().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_a_real_api_server_on_mariadb() {
    everything_on(&Below::database(DatabaseKind::MariaDb).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_a_real_api_server_on_oceanbase() {
    let asks_much_of_a_store = ["lists", "watches", "configmaps", "deletes"];
    answers(&Below::database(DatabaseKind::OceanBase).await, |scene| asks_much_of_a_store.contains(&scene))
        .await;
}

async fn everything_on(below: &Below) {
    let wanted = std::env::var("SCENE").unwrap_or_default();
    let report = answers(below, |scene| scene.contains(&wanted)).await;
    if wanted.is_empty() {
        assert_eq!(
            report.unused(),
            Vec::<String>::new(),
            "differences that are meant, but that there are not"
        );
    }
}

/// Plays the chosen scenes to a server on a store and to a real one.
async fn answers(below: &Below, chosen: impl Fn(&str) -> bool) -> Report {
    let testbed = testbed::Testbed::start().await.unwrap();
    let real = testbed.api_server("differential").await.unwrap();
    let theirs = Server::new(real.kube_config());
    let (embedded, ours) = server::embedded(Arc::clone(&below.store)).await;

    let mut report = Report::default();
    for (scene, requests) in scenes() {
        if chosen(&scene) {
            play(&scene, &requests, &ours, &theirs, &mut report).await;
        }
    }
    if chosen("generated") {
        generated::writes(&ours, &theirs, &mut report).await;
    }
    embedded.stop().await;
    println!("{} requests, {} differences that are meant", report.requests, report.meant);
    assert!(report.text.is_empty(), "{} answers differ:\n{}", report.differing, report.text);
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn random_custom_resources_are_as_in_a_real_api_server() {
    let testbed = testbed::Testbed::start().await.unwrap();
    let real = testbed.api_server("random").await.unwrap();
    let theirs = Server::new(real.kube_config());
    let below = Below::chosen().await;
    let (embedded, ours) = server::embedded(Arc::clone(&below.store)).await;
    let mut report = Report::default();
    let cases = random::cases(&ours, &theirs, &mut report).await;
    embedded.stop().await;
    println!("{cases} cases, {} requests, {} differences that are meant", report.requests, report.meant);
    assert!(report.text.is_empty(), "{} answers differ:\n{}", report.differing, report.text);
}

/// What was found.
#[derive(Default)]
struct Report {
    requests: usize,
    /// Differences that are meant.
    meant: usize,
    /// Which of them were seen, by their place in the list.
    seen: std::collections::BTreeSet<usize>,
    /// Answers that differ though they should not.
    differing: usize,
    text: String,
    /// The requests that follow cannot be compared.
    ended: bool,
}

impl Report {
    /// Two answers to one request.
    fn answers(&mut self, label: &str, ours: &Answer, theirs: &Answer) {
        self.requests += 1;
        let mut wrong = Vec::new();
        for difference in compare::differences(ours, theirs) {
            match meant::reason(label, &difference) {
                Some(place) => {
                    self.meant += 1;
                    // From there on, the two are not in one state.
                    self.ended |= meant::MEANT[place].is_random() && difference.place == "code";
                    self.seen.insert(place);
                }
                None => wrong.push(difference),
            }
        }
        if !wrong.is_empty() && !self.ended {
            self.differing += 1;
            let _ = writeln!(self.text, "{label}");
            for difference in wrong {
                let _ = writeln!(self.text, "{difference}");
            }
        }
    }

    fn unused(&self) -> Vec<String> {
        let all = meant::MEANT.iter().enumerate();
        all.filter(|(place, meant)| !meant.is_random() && !self.seen.contains(place))
            .map(|(_, meant)| meant.to_string())
            .collect()
    }
}

/// The scenes, by the names of their files.
fn scenes() -> Vec<(String, Vec<Request>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential_e2e/requests");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let scene = |path: &std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, request::parse(&std::fs::read_to_string(path).unwrap()))
    };
    files.iter().map(scene).collect()
}

/// Sends the requests of a scene to both, one after the other.
async fn play(scene: &str, requests: &[Request], ours: &Server, theirs: &Server, report: &mut Report) {
    let (mut left, mut right) = (masking::Masks::default(), masking::Masks::default());
    for request in requests {
        let (ours, theirs) = tokio::join!(ours.send(request, &left), theirs.send(request, &right));
        let (ours, theirs) = (left.mask(request, ours), right.mask(request, theirs));
        if report.ended {
            return;
        }
        report.answers(&format!("{scene}:{} {}", request.line, request.title), &ours, &theirs);
    }
}
