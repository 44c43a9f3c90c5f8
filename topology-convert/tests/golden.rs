//! Pairs of objects, one per file of `tests/golden`: what is written by topology is that by cluster, both ways.

#![allow(missing_docs, reason = "a test has no readers of its interface")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where it fails, in what its tests share too"
)]

use std::collections::BTreeMap;
use std::path::Path;

use federation_model::TopologyTypeSpec;
use serde::Deserialize;
use serde_json::Value;
use topology_convert::{Registry, to_cluster_form, to_topology_form};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    about: String,
    /// Name templates of declared topology types, by the types' names.
    #[serde(default)]
    declared: BTreeMap<String, String>,
    topology: Value,
    cluster: Value,
}

fn pairs() -> Vec<(String, Pair)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut pairs: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let pair = serde_json::from_str(&std::fs::read_to_string(&path).unwrap())
                .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), pair)
        })
        .collect();
    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
    pairs
}

fn registry(pair: &Pair) -> Registry {
    let mut registry = Registry::new();
    for (name, template) in &pair.declared {
        registry.declare(name, &TopologyTypeSpec { cluster_name_template: template.clone() }).unwrap();
    }
    registry
}

#[test]
fn every_pair_converts_both_ways() {
    let pairs = pairs();
    assert!(pairs.len() >= 15, "pairs are missing: {}", pairs.len());
    for (name, pair) in pairs {
        let registry = registry(&pair);
        let cluster = to_cluster_form(pair.topology.clone(), &registry);
        assert_eq!(cluster, pair.cluster, "{name} to clusters: {}\n{cluster:#}", pair.about);
        let topology = to_topology_form(pair.cluster, &registry);
        assert_eq!(topology, pair.topology, "{name} to topologies: {}\n{topology:#}", pair.about);
    }
}

#[test]
fn an_object_in_the_wanted_form_stays_as_it_is() {
    for (name, pair) in pairs() {
        let registry = registry(&pair);
        assert_eq!(to_cluster_form(pair.cluster.clone(), &registry), pair.cluster, "{name}");
        assert_eq!(to_topology_form(pair.topology.clone(), &registry), pair.topology, "{name}");
    }
}

#[test]
fn what_is_read_before_a_type_is_declared_is_placed_the_same_when_written_after() {
    for (name, pair) in pairs() {
        let read = to_topology_form(pair.cluster.clone(), &Registry::new());
        let written = to_cluster_form(read, &registry(&pair));
        assert_eq!(written, pair.cluster, "{name}\n{written:#}");
    }
}
