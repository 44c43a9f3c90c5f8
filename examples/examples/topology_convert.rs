//! One object by zone and by cluster, and what an API server asks on the way. Embeds `topology-convert` alone.
//!
//! ```sh
//! cargo run -p examples --example topology_convert
//! ```

use federation_model::TopologyTypeSpec;
use serde_json::json;
use topology_convert::{Registry, check_topology_type, review, to_cluster_form, to_topology_form};

fn main() -> anyhow::Result<()> {
    let mut registry = Registry::new();
    registry.declare("zone", &TopologyTypeSpec { cluster_name_template: "{name}-{namespace}".to_owned() })?;
    println!("topology types: {}", registry.names().collect::<Vec<_>>().join(", "));

    let by_zone = json!({
        "apiVersion": "types.kubefed.io/v1beta2",
        "kind": "FederatedDeployment",
        "metadata": {"name": "web", "namespace": "bank-prod"},
        "spec": {
            "topologyType": "zone",
            // The third is a cluster that is no zone.
            "placement": {"topologies": [{"name": "north"}, {"name": "south"}, {"name": "cluster/member1"}]},
            "placementMask": {"topologies": [{"name": "north"}]},
            "overrides": [{"topologyName": "south", "topologyOverrides": [{"path": "/spec/replicas", "value": 3}]}],
        },
    });
    check_topology_type(&by_zone, None, &registry)?;
    println!("\nwritten by zone\n{by_zone:#}");

    let by_cluster = to_cluster_form(by_zone.clone(), &registry);
    println!("\nstored, by cluster\n{by_cluster:#}");
    anyhow::ensure!(
        to_topology_form(by_cluster.clone(), &registry) == by_zone,
        "the way back leads elsewhere"
    );

    let without = Registry::new();
    let read = to_topology_form(by_cluster.clone(), &without);
    println!("\nread where nobody has declared zones\n{:#}", read["spec"]["placement"]);
    anyhow::ensure!(to_cluster_form(read, &registry) == by_cluster, "clusters do not stay");

    let answer = review(
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "ConversionReview",
            "request": {"uid": "1", "desiredAPIVersion": "types.kubefed.io/v1beta2", "objects": [by_cluster]},
        }),
        &registry,
    );
    println!("\nan API server's review of it: {}", answer["response"]["result"]);

    let mut refused = by_zone;
    refused["spec"]["topologyType"] = json!("zoen");
    if let Err(refusal) = check_topology_type(&refused, None, &registry) {
        println!("\nrefused at admission\n{refusal}");
    }
    Ok(())
}
