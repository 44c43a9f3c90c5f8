//! Who may reach what: labels of the object, labels of its namespace, and the clusters that are then in reach.

use tenancy::{Labels, Scope, ScopeKeys, TENANT, WORKSPACE_GROUP, preselect};

/// `-` for no labels, else the tenant and the group around a `/`; `!` for a label that is not there.
fn labels(text: &str) -> Labels {
    let Some((tenant, group)) = text.split_once('/') else { return Labels::new() };
    [(TENANT, tenant), (WORKSPACE_GROUP, group)]
        .into_iter()
        .filter(|(_, value)| *value != "!")
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

const CLUSTERS: [&str; 9] =
    ["-", "bank/prod", "bank/test", "shop/prod", "bank/!", "!/prod", "bank/", "/prod", "/"];

/// Object, namespace (`none`: cluster-scoped), cluster in reach (empty: none).
const REACH: &[(&str, &str, &str)] = &[
    // Without labels of its own, an object has its namespace's scope.
    ("-", "-", "-"),
    ("-", "bank/prod", "bank/prod"),
    ("-", "bank/test", "bank/test"),
    ("-", "shop/prod", "shop/prod"),
    // Its own may repeat the namespace's.
    ("bank/prod", "bank/prod", "bank/prod"),
    // In a namespace without a scope, its own are its scope.
    ("bank/prod", "-", "bank/prod"),
    ("shop/prod", "-", "shop/prod"),
    // In one with a scope, its own never lead elsewhere.
    ("shop/prod", "bank/prod", ""),
    ("bank/test", "bank/prod", ""),
    ("bank/prod", "bank/test", ""),
    // Half a scope reaches nothing: not the shared clusters, not those with the same half.
    ("bank/!", "-", ""),
    ("!/prod", "-", ""),
    ("bank/", "-", ""),
    ("/prod", "-", ""),
    ("/", "-", ""),
    ("bank/!", "bank/prod", ""),
    ("shop/!", "bank/prod", ""),
    ("/", "bank/prod", ""),
    ("-", "bank/!", ""),
    ("-", "!/prod", ""),
    ("-", "/", ""),
    ("bank/prod", "bank/!", ""),
    ("bank/!", "bank/!", ""),
    // Cluster-scoped objects have their own labels only.
    ("-", "none", "-"),
    ("bank/prod", "none", "bank/prod"),
    ("bank/!", "none", ""),
];

#[test]
fn who_reaches_what() {
    let keys = ScopeKeys::default();
    let clusters: Vec<_> = CLUSTERS.iter().map(|text| (*text, labels(text))).collect();
    for (own, namespace, expected) in REACH {
        let namespace_labels = (*namespace != "none").then(|| labels(namespace));
        let scope = keys.of_object(&labels(own), namespace_labels.as_ref());
        let found: Vec<_> =
            preselect(&scope, &keys, clusters.iter().map(|(name, labels)| (*name, labels))).collect();
        let expected: Vec<_> = Some(*expected).filter(|name| !name.is_empty()).into_iter().collect();
        assert_eq!(found, expected, "an object {own} in a namespace {namespace}");
        assert_eq!(
            scope.reaches_nothing(),
            expected.is_empty(),
            "an object {own} in a namespace {namespace}"
        );
    }
}

/// Namespace of the cell, clusters that it may stand on.
const CELLS: &[(&str, &[&str])] = &[
    ("-", &["-"]),
    ("bank/prod", &["-", "bank/prod"]),
    ("bank/test", &["-", "bank/test"]),
    ("shop/prod", &["-", "shop/prod"]),
    ("bank/!", &[]),
    ("bank/", &[]),
    ("/", &[]),
];

#[test]
fn where_cells_may_stand() {
    let keys = ScopeKeys::default();
    for (namespace, expected) in CELLS {
        let scope = keys.of_labels(&labels(namespace));
        let found: Vec<_> = CLUSTERS
            .iter()
            .copied()
            .filter(|cluster| scope.may_put_a_cell_on(&keys.of_labels(&labels(cluster))))
            .collect();
        assert_eq!(found, *expected, "cells of a namespace {namespace}");
    }
}

#[test]
fn platforms_bring_their_own_keys() {
    let keys =
        ScopeKeys { tenant: "acme.example/org".to_owned(), workspace_group: "acme.example/stage".to_owned() };
    let ours = Labels::from([
        ("acme.example/org".to_owned(), "bank".to_owned()),
        ("acme.example/stage".to_owned(), "prod".to_owned()),
    ]);
    assert_eq!(keys.of_labels(&ours).to_string(), "bank/prod");
    assert_eq!(keys.of_labels(&labels("bank/prod")), Scope::Shared);
    assert_eq!(ScopeKeys::default().of_labels(&ours), Scope::Shared);
    assert_eq!(keys.labels_of(&keys.of_labels(&ours)), ours);
}

#[test]
fn a_scope_made_by_hand_without_names_reaches_nothing() {
    let nameless = Scope::Tenant { tenant: String::new(), workspace_group: "prod".to_owned() };
    assert!(!nameless.reaches(&nameless));
    assert!(!Scope::Incomplete.reaches(&Scope::Incomplete));
    assert!(!Scope::Contradictory.reaches(&Scope::Contradictory));
    assert!(!Scope::Contradictory.may_put_a_cell_on(&Scope::Shared));
}

#[test]
fn initialisation_adds_what_the_namespace_says() {
    let keys = ScopeKeys::default();
    for (own, namespace, added) in [
        ("-", "-", "-"),
        ("-", "bank/prod", "bank/prod"),
        ("bank/prod", "bank/prod", "-"),
        ("bank/!", "bank/prod", "!/prod"),
        ("!/prod", "bank/prod", "bank/!"),
        // What differs is for admission to see, and half a scope is not handed on.
        ("shop/!", "bank/prod", "-"),
        ("bank/", "bank/prod", "-"),
        ("shop/prod", "bank/prod", "-"),
        ("-", "bank/!", "-"),
        ("-", "/", "-"),
        ("bank/!", "-", "-"),
    ] {
        let found = keys.scope_labels_to_add(&labels(own), Some(&labels(namespace)));
        assert_eq!(found, labels(added), "an object {own} in a namespace {namespace}");
    }
    assert!(keys.scope_labels_to_add(&labels("-"), None).is_empty());
}
