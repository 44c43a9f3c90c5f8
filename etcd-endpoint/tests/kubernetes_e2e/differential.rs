//! The requests of the API server's own differential test, to a kube-apiserver on etcd and to one on the endpoint:
//! the answers are the same.

use std::{fmt::Write as _, path::Path};

use testbed::{ApiServerOptions, DatabaseKind, Testbed};

use crate::{
    compare,
    database::OnDatabase,
    generated, masking,
    request::{self, Request},
    served::Served,
    server::{Answer, Server},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_kube_apiserver_answers_as_on_etcd() {
    let mut served = Served::sqlite().await;
    answers_as_on_etcd(&served).await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kube_apiserver_on_mariadb_answers_as_on_etcd() {
    let mut below = OnDatabase::start(DatabaseKind::MariaDb).await;
    answers_as_on_etcd(&below.served).await;
    below.served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kube_apiserver_on_oceanbase_answers_as_on_etcd() {
    let mut below = OnDatabase::start(DatabaseKind::OceanBase).await;
    answers_as_on_etcd(&below.served).await;
    below.served.stop().await;
}

/// Plays everything to both.
async fn answers_as_on_etcd(served: &Served) {
    let testbed = Testbed::start().await.unwrap();
    let options = ApiServerOptions { etcd: Some(served.url.clone()), ..ApiServerOptions::default() };
    let (on_etcd, on_endpoint) = tokio::try_join!(
        testbed.api_server("etcd-below"),
        testbed.api_server_with("endpoint-below", options)
    )
    .unwrap();
    let (theirs, ours) = (Server::new(on_etcd.kube_config()), Server::new(on_endpoint.kube_config()));

    let mut report = Report::default();
    let wanted = std::env::var("SCENE").unwrap_or_default();
    for (scene, requests) in scenes() {
        if scene.contains(&wanted) {
            play(&scene, &requests, &ours, &theirs, &mut report).await;
        }
    }
    if wanted.is_empty() {
        generated::writes(&ours, &theirs, &mut report).await;
    }
    println!("{} requests", report.requests);
    assert!(report.text.is_empty(), "{} answers differ:\n{}", report.differing, report.text);
}

/// Parts of requests' labels and of places, and why the two differ there.
const MEANT: [(&str, &str, &str); 5] = [
    ("GET /api", "/serverAddress", "the two listen at two addresses"),
    ("GET /api/v1/componentstatuses", "/items", "the two components come in any order"),
    ("#kindless", "essage", "a revision in a text: the store begins at 2, etcd at 1"),
    ("#yaml", "body", "a revision in a text: the store begins at 2, etcd at 1"),
    (
        "watch=1&resourceVersion=1",
        "",
        "1 is before the first list of a cache: the store begins at 2, etcd at 1",
    ),
];

/// What was found.
#[derive(Default)]
pub(crate) struct Report {
    requests: usize,
    differing: usize,
    text: String,
}

/// The scenes of the API server's test, by the names of their files.
fn scenes() -> Vec<(String, Vec<Request>)> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../federation-apiserver/tests/differential_e2e/requests");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let scene = |path: &std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, request::parse(&std::fs::read_to_string(path).unwrap()))
    };
    files.iter().map(scene).collect()
}

/// Sends the requests of a scene to both, one after the other.
pub(crate) async fn play(
    scene: &str,
    requests: &[Request],
    ours: &Server,
    theirs: &Server,
    report: &mut Report,
) {
    let (mut left, mut right) = (masking::Masks::default(), masking::Masks::default());
    for request in requests {
        let (ours, theirs) = tokio::join!(ours.send(request, &left), theirs.send(request, &right));
        let (ours, theirs): (Answer, Answer) = (left.mask(request, ours), right.mask(request, theirs));
        report.requests += 1;
        let label = format!("{scene}:{} {}", request.line, request.title);
        let mut differences = compare::differences(&ours, &theirs);
        differences.retain(|difference| {
            !MEANT.iter().any(|(part, place, _)| label.contains(part) && difference.place.contains(place))
        });
        if !differences.is_empty() {
            report.differing += 1;
            let _ = writeln!(report.text, "{label}");
            for difference in differences {
                let _ = writeln!(report.text, "{difference}");
            }
        }
    }
}
