//! Custom resources of random definitions, and writes to them at random: what they are answered with, what is there in
//! the end, and what a watch says of it.
//!
//! A case is made of its seed alone. `DIFFERENTIAL_SEED` is the first seed (0), `DIFFERENTIAL_SECONDS` for how long new
//! cases are begun (one batch in any case). A case that differs is made smaller, write by write, for as long as it
//! differs, and is printed in the form in which requests are written in `requests/`.

mod dice;
mod schema;
mod value;
mod write;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::masking::Masks;
use crate::request::{self, Request};
use crate::server::Server;
use crate::{Report, play};
use dice::Dice;

/// How many definitions are made at once: kube-apiserver lets the first object of each wait for five seconds.
const BATCH: u64 = 24;

/// How many cases are played at the same time.
const AT_ONCE: usize = 4;

/// Writes of a case.
const WRITES: usize = 40;

/// A definition and what is done with it.
struct Case {
    seed: u64,
    definition: Value,
    /// Requests, as they are written.
    writes: Vec<String>,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let definition = schema::definition(&mut dice, &group(seed));
        let writes = (0..WRITES).map(|_| write::write(&mut dice, &definition)).collect();
        Self { seed, definition, writes }
    }

    fn collections(&self) -> Vec<String> {
        let versions = self.definition["spec"]["versions"].as_array().into_iter().flatten();
        let path = |version: &Value| write::collection(&self.definition, version["name"].as_str().unwrap());
        versions.map(path).collect()
    }

    /// The requests of some of the writes: they, and what is there then.
    fn requests(&self, writes: &[String]) -> Vec<Request> {
        let collections = self.collections();
        let mut text = format!("GET {}\n@keep first /metadata/resourceVersion\n\n", collections[0]);
        writes.iter().for_each(|write| text.push_str(write));
        for collection in &collections {
            let _ = writeln!(text, "GET {collection}\n");
        }
        let last = &collections[0];
        let _ = writeln!(text, "GET {last}?watch=1&resourceVersion=$first&timeoutSeconds=1\n");
        request::parse(&text)
    }
}

/// Plays some of the writes of a case where there is nothing yet.
async fn replay(case: &Case, writes: &[String], ours: &Server, theirs: &Server) -> Report {
    let masks = Masks::default();
    let clean = request::parse(&format!("DELETE {}\n", case.collections()[0])).remove(0);
    tokio::join!(ours.send(&clean, &masks), theirs.send(&clean, &masks));
    let mut report = Report::default();
    play(&format!("random {}", case.seed), &case.requests(writes), ours, theirs, &mut report).await;
    report
}

fn group(seed: u64) -> String {
    format!("case{seed}.random.example.com")
}

/// Cases until the time is over, or one differs. Returns how many there were.
pub(crate) async fn cases(ours: &Server, theirs: &Server, report: &mut Report) -> u64 {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("DIFFERENTIAL_SEED").unwrap_or(0);
    let time = Duration::from_secs(number("DIFFERENTIAL_SECONDS").unwrap_or(0));
    let began = Instant::now();
    let namespace = request::parse("POST /api/v1/namespaces\n{\"metadata\":{\"name\":\"random\"}}\n");
    play("random", &namespace, ours, theirs, report).await;
    let mut seed = first;
    loop {
        batch((seed..seed + BATCH).map(Case::new).collect(), ours, theirs, report).await;
        seed += BATCH;
        if !report.text.is_empty() || began.elapsed() >= time {
            return seed - first;
        }
    }
}

async fn batch(cases: Vec<Case>, ours: &Server, theirs: &Server, report: &mut Report) {
    let mut accepted = Vec::new();
    for case in cases {
        if define(&case, ours, theirs, report).await {
            accepted.push(case);
        }
    }
    let played = futures::stream::iter(&accepted)
        .map(|case| async move { (case, replay(case, &case.writes, ours, theirs).await) });
    let played: Vec<_> = played.buffer_unordered(AT_ONCE).collect().await;
    for (case, found) in played {
        report.requests += found.requests;
        report.meant += found.meant;
        report.differing += found.differing;
        // One is enough to be looked at.
        if found.differing > 0 && report.text.is_empty() {
            report.text = smaller(case, ours, theirs).await;
        }
    }
}

/// Makes the definition known to both; whether they both accept it.
async fn define(case: &Case, ours: &Server, theirs: &Server, report: &mut Report) -> bool {
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let text = format!("POST {path}\n{}\n", case.definition);
    let request = request::parse(&text).remove(0);
    let masks = Masks::default();
    let (left, right) = tokio::join!(ours.send(&request, &masks), theirs.send(&request, &masks));
    if left.code != right.code {
        report.differing += 1;
        let _ = writeln!(
            report.text,
            "random {}: {text}  ours   {} {}\n  theirs {} {}",
            case.seed, left.code, left.body, right.code, right.body
        );
        return false;
    }
    if left.code != 201 {
        return false;
    }
    for collection in case.collections() {
        let there = request::parse(&format!("GET {collection}\n@until 200\n")).remove(0);
        tokio::join!(ours.send(&there, &masks), theirs.send(&there, &masks));
    }
    true
}

/// The same difference with as few writes as possible, and how it is seen again.
async fn smaller(case: &Case, ours: &Server, theirs: &Server) -> String {
    let mut writes = case.writes.clone();
    let mut differences = String::new();
    let mut at = writes.len();
    loop {
        let mut fewer = writes.clone();
        if at < writes.len() {
            fewer.remove(at);
        }
        let report = replay(case, &fewer, ours, theirs).await;
        if report.differing > 0 {
            (writes, differences) = (fewer, report.text);
        }
        let Some(next) = at.checked_sub(1) else { break };
        at = next;
    }
    let definition = json!({"metadata": case.definition["metadata"], "spec": case.definition["spec"]});
    format!(
        "DIFFERENTIAL_SEED={} makes it again. The definition:\n{definition}\nThe writes:\n{}\n{differences}",
        case.seed,
        writes.concat()
    )
}
