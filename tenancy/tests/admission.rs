//! What admission refuses, and in which words.

use tenancy::{CellFacts, Labels, NamedCluster, ObjectFacts, Refusal, Rule, Scope, ScopeKeys};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| (format!("fedd.io/{key}"), (*value).to_owned())).collect()
}

fn scope(tenant: &str, group: &str) -> Labels {
    labels(&[("tenant", tenant), ("workspace-group", group)])
}

fn named(clusters: &[&str]) -> Vec<NamedCluster> {
    let field = |i| format!("spec.placement.clusters[{i}].name");
    clusters
        .iter()
        .enumerate()
        .map(|(i, c)| NamedCluster { field: field(i), cluster: (*c).to_owned() })
        .collect()
}

/// m1 is shared, m2 bank/prod's, m3 shop/prod's.
fn scope_of_cluster(name: &str) -> Option<Scope> {
    let tenant =
        |tenant: &str| Scope::Tenant { tenant: tenant.to_owned(), workspace_group: "prod".to_owned() };
    match name {
        "m1" => Some(Scope::Shared),
        "m2" => Some(tenant("bank")),
        "m3" => Some(tenant("shop")),
        _ => None,
    }
}

type Written<'a> = (&'a Labels, &'a [&'a str]);

fn object(new: Written<'_>, old: Option<Written<'_>>, namespace: Option<&Labels>) -> Vec<Refusal> {
    let new_clusters = named(new.1);
    let old_clusters = old.map(|old| named(old.1)).unwrap_or_default();
    ScopeKeys::default().check_object(
        ObjectFacts { labels: new.0, clusters: &new_clusters },
        old.map(|old| ObjectFacts { labels: old.0, clusters: &old_clusters }),
        namespace,
        &scope_of_cluster,
    )
}

fn texts(refusals: &[Refusal]) -> Vec<String> {
    refusals.iter().map(ToString::to_string).collect()
}

fn rules(refusals: &[Refusal]) -> Vec<Rule> {
    refusals.iter().map(|refusal| refusal.rule).collect()
}

#[test]
fn an_object_names_clusters_in_reach() {
    let (none, bank) = (labels(&[]), scope("bank", "prod"));
    // m9 does not exist: it is dropped from the placement.
    assert!(object((&bank, &["m2", "m9"]), None, Some(&bank)).is_empty());
    assert!(object((&none, &["m1", "m9"]), None, Some(&none)).is_empty());
    assert!(object((&bank, &["m2"]), None, None).is_empty());
    assert_eq!(
        texts(&object((&bank, &["m1", "m2", "m3"]), None, Some(&bank))),
        [
            "spec.placement.clusters[0].name: cluster m1 is out of reach of the scope bank/prod: name clusters of that scope",
            "spec.placement.clusters[2].name: cluster m3 is out of reach of the scope bank/prod: name clusters of that scope",
        ]
    );
    assert_eq!(
        texts(&object((&none, &["m1", "m3"]), None, Some(&none))),
        [
            "spec.placement.clusters[1].name: cluster m3 is out of reach of an object without a scope: name clusters \
          without one, or write the object into a namespace with the labels fedd.io/tenant and fedd.io/workspace-group"
        ]
    );
}

#[test]
fn an_object_has_its_namespaces_scope() {
    let (bank, shop) = (scope("bank", "prod"), scope("shop", "prod"));
    assert_eq!(
        texts(&object((&shop, &["m3"]), None, Some(&bank))),
        [
            "metadata.labels[fedd.io/tenant]: is \"shop\", and the namespace's is \"bank\": leave the label out, it is \
          added, or write the object into a namespace of its scope"
        ]
    );
    // The same on an update that brings the labels in.
    let none = labels(&[]);
    assert_eq!(rules(&object((&shop, &[]), Some((&none, &[])), Some(&bank))), [Rule::ScopeIsTheNamespaces]);
    // In a namespace without a scope they are free.
    assert!(object((&shop, &["m3"]), None, Some(&none)).is_empty());
}

#[test]
fn a_scope_is_final_once_set() {
    let (none, bank, shop) = (labels(&[]), scope("bank", "prod"), scope("shop", "prod"));
    assert_eq!(
        texts(&object((&shop, &[]), Some((&bank, &[])), Some(&none))),
        [
            "metadata.labels[fedd.io/tenant]: cannot change from \"bank\" to \"shop\" once set: write \"bank\" again, or \
          make a new object in a namespace of the other scope"
        ]
    );
    let keys = ScopeKeys::default();
    assert_eq!(
        texts(&keys.check_cluster(&none, Some(&bank))),
        [
            "metadata.labels[fedd.io/tenant]: cannot be taken off once set: write \"bank\" again, or unjoin the cluster \
             and join it again with the other scope",
            "metadata.labels[fedd.io/workspace-group]: cannot be taken off once set: write \"prod\" again, or unjoin the \
             cluster and join it again with the other scope",
        ]
    );
    assert_eq!(rules(&keys.check_namespace(&shop, Some(&bank))), [Rule::ScopeIsFinal]);
    assert!(keys.check_cluster(&bank, Some(&none)).is_empty(), "a shared cluster may get a scope");
    assert!(keys.check_cluster(&bank, Some(&bank)).is_empty());
    assert!(keys.check_namespace(&bank, None).is_empty());
}

#[test]
fn half_a_scope_is_refused_and_can_be_completed() {
    let keys = ScopeKeys::default();
    let (half, bank) = (labels(&[("tenant", "bank")]), scope("bank", "prod"));
    assert_eq!(
        texts(&keys.check_cluster(&half, None)),
        [
            "metadata.labels[fedd.io/workspace-group]: is missing while fedd.io/tenant is there: add it, or leave both \
          labels out"
        ]
    );
    assert_eq!(
        texts(&keys.check_cluster(&scope("", "prod"), None)),
        ["metadata.labels[fedd.io/tenant]: is empty: give it a value, or leave both labels out"]
    );
    // Stored all the same, it is left alone, completed, or kept from becoming shared.
    assert!(keys.check_cluster(&half, Some(&half)).is_empty());
    assert!(keys.check_cluster(&bank, Some(&half)).is_empty());
    assert_eq!(rules(&keys.check_cluster(&labels(&[]), Some(&half))), [Rule::ScopeIsFinal]);
    assert_eq!(
        texts(&keys.check_cluster(&scope("bank", ""), Some(&half))),
        ["metadata.labels[fedd.io/workspace-group]: is empty: give it a value"]
    );
}

#[test]
fn nothing_is_made_in_a_namespace_with_half_a_scope() {
    let (none, half) = (labels(&[]), labels(&[("tenant", "bank")]));
    let expected = "metadata.namespace: the namespace has no whole scope, so nothing in it reaches a cluster: give both \
                    its labels fedd.io/tenant and fedd.io/workspace-group a value first";
    assert_eq!(texts(&object((&none, &["m1"]), None, Some(&half))), [expected]);
    let cell = CellFacts { labels: &none, cluster: "m1" };
    let refusals = ScopeKeys::default().check_cell(cell, None, &half, Some(&Scope::Shared));
    assert_eq!(texts(&refusals), [expected]);
}

#[test]
fn what_is_stored_stays_editable() {
    let (none, bank, shop) = (labels(&[]), scope("bank", "prod"), scope("shop", "prod"));
    // Its namespace got a scope later: its labels and clusters stay, and no cluster is added.
    assert!(object((&shop, &["m3"]), Some((&shop, &["m3"])), Some(&bank)).is_empty());
    assert_eq!(
        texts(&object((&shop, &["m2", "m3"]), Some((&shop, &["m3"])), Some(&bank))),
        [
            "spec.placement.clusters[0].name: cluster m2 is out of reach, as every cluster is of an object whose labels \
          fedd.io/tenant and fedd.io/workspace-group are contradictory: put those of the object or of its namespace \
          right first"
        ]
    );
    // A cluster of another tenant was joined later under a name that was free: it may stay, at another index too.
    assert!(object((&bank, &["m2", "m3"]), Some((&bank, &["m3"])), Some(&bank)).is_empty());
    // Initialisation adds the labels of a namespace that has them since.
    assert!(object((&bank, &["m1"]), Some((&none, &["m1"])), Some(&bank)).is_empty());
    // A scope that the update brings in makes clusters new that were in reach before.
    assert_eq!(
        rules(&object((&bank, &["m1"]), Some((&none, &["m1"])), Some(&none))),
        [Rule::ClusterIsInReach]
    );
}

#[test]
fn a_cell_stands_where_its_namespace_may() {
    let keys = ScopeKeys::default();
    let (none, bank) = (labels(&[]), scope("bank", "prod"));
    let check = |namespace: &Labels, cluster: &str| {
        let cell = CellFacts { labels: &none, cluster };
        texts(&keys.check_cell(cell, None, namespace, scope_of_cluster(cluster).as_ref()))
    };
    for (namespace, cluster) in [(&bank, "m1"), (&bank, "m2"), (&bank, "m9"), (&none, "m1")] {
        assert!(check(namespace, cluster).is_empty(), "{cluster}");
    }
    assert_eq!(
        check(&bank, "m3"),
        [
            "spec.clusterName: cluster m3 is out of reach of the scope bank/prod: name one of that scope, or a shared one"
        ]
    );
    assert_eq!(
        check(&none, "m2"),
        ["spec.clusterName: cluster m2 is out of reach of a namespace without a scope: name a shared one"]
    );
    // A cell whose cluster got another scope later can still be written, to take its finalizer off.
    let cell = CellFacts { labels: &none, cluster: "m3" };
    assert!(keys.check_cell(cell, Some(cell), &bank, scope_of_cluster("m3").as_ref()).is_empty());
}

#[test]
fn a_cell_cannot_give_its_cluster_to_another_tenant() {
    let keys = ScopeKeys::default();
    let (none, bank) = (labels(&[]), scope("bank", "prod"));
    let mut wanted = bank.clone();
    wanted.insert("region".to_owned(), "north".to_owned());
    let cell = CellFacts { labels: &wanted, cluster: "m1" };
    assert_eq!(
        texts(&keys.check_cell(cell, None, &none, Some(&Scope::Shared))),
        [
            "spec.labels[fedd.io/tenant]: a cell's scope is that of its namespace: leave the label out",
            "spec.labels[fedd.io/workspace-group]: a cell's scope is that of its namespace: leave the label out",
        ]
    );
    assert!(keys.check_cell(cell, Some(cell), &none, Some(&Scope::Shared)).is_empty());
    // And should it be stored: its cluster does not carry them.
    let region = Labels::from([("region".to_owned(), "north".to_owned())]);
    assert_eq!(keys.cell_cluster_labels(&wanted, &none), region);
}
