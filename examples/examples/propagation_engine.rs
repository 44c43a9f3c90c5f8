//! Embeds the engine's pure part: what is due on one API server, asked without any server.
//!
//! ```sh
//! cargo run -p examples --example propagation_engine
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use federation_model::{
    FeatureGates, FederatedObject, KubeFedCluster, KubeFedClusterSpec, default_types, type_config,
};
use propagation_engine::entry::Entry;
use propagation_engine::federated_type::FederatedType;
use propagation_engine::plan::{Decision, ServerView, plan};
use propagation_engine::registry::ClusterInfo;
use propagation_engine::selection::{NamespaceGate, Selection};
use serde_json::json;
use tenancy::ScopeKeys;

fn main() -> anyhow::Result<()> {
    let gates = FeatureGates::default();
    let config_maps = default_types().into_iter().find(|t| t.target.kind == "ConfigMap");
    let config_maps = config_maps.ok_or_else(|| anyhow::anyhow!("ConfigMaps are out of the box"))?;
    let ty = FederatedType::compile(&type_config(&config_maps.target, "federation"), &gates)?;

    // One object for three clusters; the mask lets one of them through, and one of them gets another value.
    let object: FederatedObject = serde_json::from_value(json!({
        "metadata": {"name": "settings", "namespace": "bank"},
        "spec": {
            "template": {"data": {"greeting": "hello"}},
            "placement": {"clusters": [{"name": "east"}, {"name": "west"}]},
            "placementMask": {"clusters": [{"name": "east"}]},
            "overrides": [{"clusterName": "east", "clusterOverrides": [{"path": "/data/greeting", "value": "good day"}]}],
        }
    }))?;
    let selection = Selection { entry: Entry::new(object, &gates), gate: NamespaceGate::Open, scope: None };

    for name in ["east", "north", "west"] {
        let mut cluster = ClusterInfo::of(
            &KubeFedCluster::new(name, KubeFedClusterSpec::default()),
            &ScopeKeys::default(),
            true,
        );
        cluster.ready = true;
        cluster.labels = BTreeMap::new();
        let clusters = [Arc::new(cluster)];
        // Nothing is there yet, and nothing was written before.
        let server =
            ServerView { clusters: &clusters, observed: &|_| None, recorded: &|_| None, is_host: false };
        for due in plan(&selection, &ty, &server) {
            let words = match due.decision {
                Decision::Create(object) => format!("create {object}"),
                Decision::Held { .. } => "waits behind the placement mask".to_owned(),
                Decision::Absent => "nothing: not placed there, and not there".to_owned(),
                other => format!("{other:?}"),
            };
            println!("{name:5}: {words}");
        }
    }
    Ok(())
}
