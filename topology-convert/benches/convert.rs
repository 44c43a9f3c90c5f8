//! What a conversion costs, in nanoseconds per object: `cargo bench -p topology-convert`.
//!
//! Prints numbers and judges none: they depend on the machine.

#![allow(missing_docs, reason = "a benchmark has no readers of its interface")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use federation_model::TopologyTypeSpec;
use serde_json::{Value, json};
use topology_convert::{Registry, review, to_cluster_form, to_topology_form};

/// Long enough that the clock's resolution does not matter.
const ROUND: Duration = Duration::from_millis(300);
/// Objects that are made before the clock runs, since a conversion takes its object.
const BATCH: usize = 256;

fn main() {
    let mut registry = Registry::new();
    let spec = TopologyTypeSpec { cluster_name_template: "zone-{name}-{namespace}".to_owned() };
    if let Err(error) = registry.declare("zone", &spec) {
        println!("{error}");
        return;
    }
    println!(
        "{:<10}{:>9}{:>10}{:>16}{:>16}{:>16}",
        "type", "bytes", "names", "to cluster, ns", "to topology, ns", "review, ns"
    );
    for (topology_type, topologies, bytes) in [
        ("cluster", 3, 1_000),
        ("cell", 3, 1_000),
        ("zone", 3, 1_000),
        ("cluster", 3, 10_000),
        ("cell", 3, 10_000),
        ("zone", 3, 10_000),
        ("cell", 50, 10_000),
    ] {
        let by_topology = object(topology_type, topologies, bytes);
        let by_cluster = to_cluster_form(by_topology.clone(), &registry);
        let to_cluster = nanoseconds(&by_topology, |object| to_cluster_form(object, &registry));
        let to_topology = nanoseconds(&by_cluster, |object| to_topology_form(object, &registry));
        let request = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
            "request": {"uid": "u", "desiredAPIVersion": "types.kubefed.io/v1beta2", "objects": [by_cluster]},
        });
        let reviewed = nanoseconds(&request, |request| review(request, &registry));
        let bytes = by_topology.to_string().len();
        // Placement, mask, overrides and status each name every topology.
        let names = topologies * 4;
        println!("{topology_type:<10}{bytes:>9}{names:>10}{to_cluster:>16}{to_topology:>16}{reviewed:>16}");
    }
}

/// An object with that many topologies, and a template that fills it up to about that many bytes.
fn object(topology_type: &str, topologies: usize, bytes: usize) -> Value {
    let names: Vec<_> = (0..topologies).map(|at| format!("rz{at:02}a")).collect();
    let list: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
    let overrides: Vec<_> = names
        .iter()
        .map(|name| json!({"topologyName": name, "topologyOverrides": [{"path": "/spec/replicas", "value": 3}]}))
        .collect();
    let mut object = json!({
        "apiVersion": "types.kubefed.io/v1beta2",
        "kind": "FederatedConfigMap",
        "metadata": {"name": "web", "namespace": "bank-prod"},
        "spec": {
            "topologyType": topology_type,
            "placement": {"topologies": list},
            "placementMask": {"topologies": list},
            "overrides": overrides,
            "template": {"data": {}},
        },
        "status": {"topologies": list},
    });
    let mut at = 0;
    while object.to_string().len() < bytes {
        object["spec"]["template"]["data"][format!("key-{at}")] = json!("twenty bytes of value");
        at += 1;
    }
    object
}

fn nanoseconds(object: &Value, convert: impl Fn(Value) -> Value) -> u128 {
    let (mut spent, mut done) = (Duration::ZERO, 0_u128);
    while spent < ROUND {
        let batch = vec![object.clone(); BATCH];
        let mut converted = Vec::with_capacity(BATCH);
        let begin = Instant::now();
        for object in batch {
            converted.push(black_box(convert(black_box(object))));
        }
        spent += begin.elapsed();
        done += BATCH as u128;
    }
    spent.as_nanos() / done
}
