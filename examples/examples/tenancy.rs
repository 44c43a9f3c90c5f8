//! Which clusters two tenants' objects reach, and what admission refuses. Embeds `tenancy` alone.
//!
//! ```sh
//! cargo run -p examples --example tenancy
//! ```

use tenancy::{CellFacts, Labels, NamedCluster, ObjectFacts, Refusal, ScopeKeys, preselect};

fn print(title: &str, refusals: &[Refusal]) -> anyhow::Result<()> {
    println!("\n{title}");
    anyhow::ensure!(!refusals.is_empty(), "admitted, which it must not be");
    for refusal in refusals {
        println!("  {refusal}");
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    // A platform with label keys of its own.
    let keys = ScopeKeys {
        tenant: "platform.example/tenant".to_owned(),
        workspace_group: "platform.example/stage".to_owned(),
    };
    let scope = |tenant: &str, group: &str| {
        Labels::from([
            (keys.tenant.clone(), tenant.to_owned()),
            (keys.workspace_group.clone(), group.to_owned()),
        ])
    };
    let (none, bank, shop) = (Labels::new(), scope("bank", "prod"), scope("shop", "prod"));
    let clusters = [("member1", &none), ("member2", &bank), ("member3", &shop)];
    let lookup = |name: &str| {
        clusters.iter().find(|(cluster, _)| *cluster == name).map(|(_, labels)| keys.of_labels(labels))
    };

    println!("in reach of an object, by the labels of its namespace");
    for namespace in [&none, &bank, &shop] {
        let scope = keys.of_object(&none, Some(namespace));
        println!("  {scope}: {}", preselect(&scope, &keys, clusters).collect::<Vec<_>>().join(", "));
    }
    let escaped = keys.of_object(&shop, Some(&bank));
    println!("an object of the bank's namespace with the shop's labels: {escaped}");
    anyhow::ensure!(preselect(&escaped, &keys, clusters).next().is_none(), "it reaches something");

    // What an admission webhook does: initialise, then check.
    let mut labels = none.clone();
    labels.extend(keys.scope_labels_to_add(&labels, Some(&bank)));
    println!("\nadded to an object of the bank's namespace: {labels:?}");
    let named = |names: &[&str]| -> Vec<NamedCluster> {
        let field = |i| format!("spec.placement.clusters[{i}].name");
        names
            .iter()
            .enumerate()
            .map(|(i, name)| NamedCluster { field: field(i), cluster: (*name).to_owned() })
            .collect()
    };
    // member9 does not exist, so it is no matter of scopes.
    let stored = named(&["member2", "member9"]);
    let stored = ObjectFacts { labels: &labels, clusters: &stored };
    anyhow::ensure!(keys.check_object(stored, None, Some(&bank), &lookup).is_empty(), "refused");

    let wider = named(&["member2", "member3"]);
    let wider = ObjectFacts { labels: &labels, clusters: &wider };
    print("placed on the shop's cluster too", &keys.check_object(wider, Some(stored), Some(&bank), &lookup))?;
    let moved = ObjectFacts { labels: &shop, clusters: &[] };
    print("given the shop's labels", &keys.check_object(moved, Some(stored), Some(&bank), &lookup))?;
    print("the bank's cluster taken from it", &keys.check_cluster(&none, Some(&bank)))?;
    let cell = CellFacts { labels: &shop, cluster: "member3" };
    print(
        "a cell of the bank on the shop's cluster, posing as the shop's",
        &keys.check_cell(cell, None, &bank, lookup("member3").as_ref()),
    )?;
    Ok(())
}
