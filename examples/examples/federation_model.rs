//! What each cluster is due when an object is placed on some and a mask lets only one be touched. Embeds
//! `federation-model` alone.
//!
//! ```sh
//! cargo run -p examples --example federation_model
//! ```

use std::collections::BTreeMap;

use federation_model::{
    ConversionWebhook, FederatedObject, Mask, Placement, Step, default_types, federated_crd, step,
    type_config, validate_federated,
};
use serde_json::json;

fn main() -> anyhow::Result<()> {
    let written = json!({
        "apiVersion": "types.kubefed.io/v1beta1",
        "kind": "FederatedConfigMap",
        "metadata": {"name": "rates", "namespace": "bank"},
        "spec": {
            "template": {"data": {"eur": "1.08"}},
            "placement": {"clusterSelector": {"matchLabels": {"tier": "gold"}}},
            "placementMask": {"clusters": [{"name": "rz00a.bank"}, {"name": "rz09z.bank"}]},
        },
    });
    println!("admission finds {} things wrong", validate_federated(&written, None, "ConfigMap").len());

    let object: FederatedObject = serde_json::from_value(written.clone())?;
    let placement = Placement::compile(object.spec.placement.as_ref())?;
    let mask = Mask::compile(object.spec.placement_mask.as_ref());

    // name, tier, whether the cluster holds the object now
    let clusters = [
        ("rz00a.bank", "gold", false),
        ("rz01a.bank", "gold", false),
        ("rz02a.bank", "gold", true),
        ("rz03a.bank", "silver", true),
        ("rz09z.bank", "silver", true),
        ("rz10a.bank", "silver", false),
    ];
    println!("\ncluster     tier    holds it  due");
    for (name, tier, held) in clusters {
        let labels = BTreeMap::from([("tier".to_owned(), tier.to_owned())]);
        let due = match step(placement.selects(name, &labels), mask.permits(name), held) {
            Step::Create => "create: placed, and in the mask",
            Step::Update => "update",
            Step::Delete => "delete: no longer placed, and in the mask",
            Step::Held => "held by the mask: no write of any kind",
            Step::Nothing => "nothing",
        };
        println!("{name:<11} {tier:<7} {:<9} {due}", if held { "yes" } else { "no" });
    }

    let mut escape = written;
    escape["spec"]["overrides"] = json!([
        {"clusterName": "rz00a.bank", "clusterOverrides": [{"path": "/metadata/namespace", "value": "kube-system"}]},
    ]);
    println!("\nan override that would change what the object is");
    for violation in validate_federated(&escape, None, "ConfigMap") {
        println!("  {violation}");
    }

    println!("\nthe definition of a federated kind");
    for ty in default_types().iter().filter(|ty| ty.target.kind == "ConfigMap") {
        let config = type_config(&ty.target, "kube-federation-system");
        let crd = federated_crd(&config, &ty.kind, &ConversionWebhook::Pending);
        let versions: Vec<_> = crd.spec.versions.iter().map(|v| v.name.as_str()).collect();
        println!("  {} serves {}", crd.metadata.name.unwrap_or_default(), versions.join(" and "));
    }
    Ok(())
}
