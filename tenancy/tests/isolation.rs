//! No leak: whatever is written on objects, namespaces and clusters.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tenancy::{
    CellFacts, Labels, NamedCluster, ObjectFacts, Refusal, Scope, ScopeKeys, TENANT, WORKSPACE_GROUP,
    preselect,
};

/// Few values, so that scopes often coincide, and halves and empty ones often occur.
fn any_labels() -> impl Strategy<Value = Labels> {
    let value = |values: &'static [&'static str]| option::weighted(0.7, proptest::sample::select(values));
    (value(&["", "ten-a", "ten-b"]), value(&["", "grp-x", "grp-y"]), any::<bool>()).prop_map(
        |(tenant, group, other)| {
            [(TENANT, tenant), (WORKSPACE_GROUP, group), ("app", other.then_some("web"))]
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
                .collect()
        },
    )
}

fn any_scope() -> impl Strategy<Value = Scope> {
    let text = || prop_oneof![Just(String::new()), "[ab]", "[a-zA-Z0-9]{1,3}"];
    prop_oneof![
        1 => Just(Scope::Shared),
        1 => Just(Scope::Incomplete),
        1 => Just(Scope::Contradictory),
        3 => (text(), text()).prop_map(|(tenant, workspace_group)| Scope::Tenant { tenant, workspace_group }),
    ]
}

/// Clusters by number.
fn any_clusters() -> impl Strategy<Value = Vec<Labels>> {
    vec(any_labels(), 0..6)
}

/// Names of clusters, some of which do not exist.
fn any_names() -> impl Strategy<Value = Vec<NamedCluster>> {
    let named =
        |(i, n): (usize, usize)| NamedCluster { field: format!("clusters[{i}]"), cluster: format!("m{n}") };
    vec(0..8_usize, 0..4).prop_map(move |names| names.into_iter().enumerate().map(named).collect())
}

fn scope_of(clusters: &[Labels], name: &str) -> Option<Scope> {
    let labels = name.strip_prefix('m')?.parse().ok().and_then(|i: usize| clusters.get(i))?;
    Some(ScopeKeys::default().of_labels(labels))
}

fn check(
    new: (&Labels, &[NamedCluster]),
    old: Option<(&Labels, &[NamedCluster])>,
    namespace: Option<&Labels>,
    clusters: &[Labels],
) -> Vec<Refusal> {
    let facts = |(labels, clusters)| ObjectFacts { labels, clusters };
    ScopeKeys::default().check_object(facts(new), old.map(facts), namespace, &|name| scope_of(clusters, name))
}

/// Both labels with a value: a scope that is set.
fn set_scope(labels: &Labels) -> Option<(&String, &String)> {
    labels.get(TENANT).zip(labels.get(WORKSPACE_GROUP)).filter(|(t, g)| !t.is_empty() && !g.is_empty())
}

/// Applies edits one after another, as far as `admits` lets them through, and gives every state on the way.
fn history(edits: &[Labels], admits: impl Fn(&Labels, Option<&Labels>) -> bool) -> Vec<&Labels> {
    let mut states: Vec<&Labels> = Vec::new();
    for edit in edits {
        if admits(edit, states.last().copied()) {
            states.push(edit);
        }
    }
    states
}

fn keeps_its_scope(states: &[&Labels]) -> Result<(), TestCaseError> {
    for pair in states.windows(2) {
        if let Some(before) = set_scope(pair[0]) {
            prop_assert_eq!(Some(before), set_scope(pair[1]));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_cluster_in_reach_has_the_scope_of_the_objects_namespace(
        own in any_labels(), namespace in any_labels(), clusters in any_clusters(),
    ) {
        let keys = ScopeKeys::default();
        let scope = keys.of_object(&own, Some(&namespace));
        let names: Vec<String> = (0..clusters.len()).map(|i| format!("m{i}")).collect();
        let reached: Vec<&str> =
            preselect(&scope, &keys, names.iter().map(String::as_str).zip(&clusters)).collect();
        for (name, cluster) in names.iter().zip(&clusters) {
            let is_reached = reached.contains(&name.as_str());
            prop_assert_eq!(is_reached, scope.reaches(&keys.of_labels(cluster)));
            if !is_reached {
                continue;
            }
            // Said without the crate's own words.
            let has_any = |labels: &Labels| labels.contains_key(TENANT) || labels.contains_key(WORKSPACE_GROUP);
            if has_any(&namespace) {
                prop_assert!(set_scope(&namespace).is_some());
                prop_assert_eq!(set_scope(cluster), set_scope(&namespace));
            } else if has_any(&own) {
                prop_assert!(set_scope(&own).is_some());
                prop_assert_eq!(set_scope(cluster), set_scope(&own));
            } else {
                prop_assert!(!has_any(cluster));
            }
        }
    }

    #[test]
    fn two_tenants_never_reach_one_cluster(
        (a, in_a) in (any_labels(), any_labels()), (b, in_b) in (any_labels(), any_labels()), cluster in any_labels(),
    ) {
        let keys = ScopeKeys::default();
        let cluster = keys.of_labels(&cluster);
        let (a, b) = (keys.of_object(&a, Some(&in_a)), keys.of_object(&b, Some(&in_b)));
        prop_assert!(a == b || !a.reaches(&cluster) || !b.reaches(&cluster));
    }

    #[test]
    fn reach_is_an_equivalence_on_scopes_that_reach_anything(a in any_scope(), b in any_scope(), c in any_scope()) {
        prop_assert_eq!(a.reaches(&a), !a.reaches_nothing());
        prop_assert_eq!(a.reaches(&b), b.reaches(&a));
        prop_assert!(!(a.reaches(&b) && b.reaches(&c)) || a.reaches(&c));
        prop_assert!(!a.reaches_nothing() || (!a.reaches(&b) && !b.reaches(&a)));
    }

    #[test]
    fn labels_of_a_scope_say_that_scope_and_never_a_wider_one(scope in any_scope(), other in any_scope()) {
        let keys = ScopeKeys::default();
        let back = keys.of_labels(&keys.labels_of(&scope));
        prop_assert_eq!(back.reaches(&other), scope.reaches(&other));
        prop_assert_eq!(back == scope, !scope.reaches_nothing() || scope == Scope::Incomplete);
    }

    #[test]
    fn no_edits_change_a_set_scope_of_a_cluster_or_namespace(edits in vec(any_labels(), 1..12)) {
        let keys = ScopeKeys::default();
        let states = history(&edits, |new, old| keys.check_cluster(new, old).is_empty());
        keeps_its_scope(&states)?;
        prop_assert!(states.iter().all(|labels| keys.of_labels(labels) != Scope::Incomplete));
        keeps_its_scope(&history(&edits, |new, old| keys.check_namespace(new, old).is_empty()))?;
    }

    #[test]
    fn no_edits_change_a_set_scope_of_an_object(
        stored in any_labels(), edits in vec(any_labels(), 1..12), namespace in option::of(any_labels()), initialised in any::<bool>(),
    ) {
        let keys = ScopeKeys::default();
        let edits: Vec<Labels> = edits
            .into_iter()
            .map(|mut edit| {
                if initialised {
                    edit.extend(keys.scope_labels_to_add(&edit, namespace.as_ref()));
                }
                edit
            })
            .collect();
        // From nothing, and from something that was stored past admission.
        let mut states = history(&edits, |new, old| {
            check((new, &[]), old.map(|old| (old, &[][..])), namespace.as_ref(), &[]).is_empty()
        });
        keeps_its_scope(&states)?;
        for labels in &states {
            prop_assert!(!keys.of_object(labels, namespace.as_ref()).reaches_nothing());
        }
        let scopes = states.iter().map(|labels| keys.of_object(labels, namespace.as_ref()));
        let set: Vec<Scope> = scopes.skip_while(|scope| *scope == Scope::Shared).collect();
        prop_assert!(set.windows(2).all(|pair| pair[0] == pair[1]), "{set:?}");

        states = vec![&stored];
        for edit in &edits {
            let old = states[states.len() - 1];
            if check((edit, &[]), Some((old, &[])), namespace.as_ref(), &[]).is_empty() {
                states.push(edit);
            }
        }
        keeps_its_scope(&states)?;
    }

    #[test]
    fn what_is_admitted_as_new_names_only_clusters_in_reach(
        own in any_labels(), names in any_names(), namespace in option::of(any_labels()), clusters in any_clusters(),
    ) {
        let refusals = check((&own, &names), None, namespace.as_ref(), &clusters);
        let scope = ScopeKeys::default().of_object(&own, namespace.as_ref());
        let out = names.iter().filter(|n| scope_of(&clusters, &n.cluster).is_some_and(|theirs| !scope.reaches(&theirs)));
        prop_assert_eq!(refusals.is_empty(), out.count() == 0 && !scope.reaches_nothing());
    }

    #[test]
    fn an_update_brings_in_no_cluster_out_of_reach(
        old in (any_labels(), any_names()), new in (any_labels(), any_names()),
        namespace in option::of(any_labels()), clusters in any_clusters(),
    ) {
        let refusals = check((&new.0, &new.1), Some((&old.0, &old.1)), namespace.as_ref(), &clusters);
        let scope = ScopeKeys::default().of_object(&new.0, namespace.as_ref());
        for named in &new.1 {
            let theirs = scope_of(&clusters, &named.cluster);
            let before = old.1.iter().any(|old| old.cluster == named.cluster);
            if !before && theirs.is_some_and(|theirs| !scope.reaches(&theirs)) {
                prop_assert!(!refusals.is_empty());
            }
        }
    }

    #[test]
    fn what_is_stored_can_be_written_back_and_initialised(
        own in any_labels(), names in any_names(), namespace in option::of(any_labels()), clusters in any_clusters(),
    ) {
        let keys = ScopeKeys::default();
        let old = Some((&own, names.as_slice()));
        prop_assert_eq!(check((&own, &names), old, namespace.as_ref(), &clusters), []);
        let mut initialised = own.clone();
        initialised.extend(keys.scope_labels_to_add(&own, namespace.as_ref()));
        prop_assert_eq!(check((&initialised, &names), old, namespace.as_ref(), &clusters), []);
        prop_assert!(keys.scope_labels_to_add(&initialised, namespace.as_ref()).is_empty());
        prop_assert_eq!(keys.check_cluster(&own, Some(&own)), []);
        prop_assert_eq!(keys.check_namespace(&own, Some(&own)), []);
    }

    #[test]
    fn refusals_do_not_tell_whose_a_cluster_is(
        own in any_labels(), names in any_names(), namespace in option::of(any_labels()), clusters in any_clusters(),
    ) {
        let said = |value: &str| {
            [Some(&own), namespace.as_ref()].into_iter().flatten().any(|labels| labels.values().any(|v| v == value))
        };
        for refusal in check((&own, &names), None, namespace.as_ref(), &clusters) {
            for secret in ["ten-a", "ten-b", "grp-x", "grp-y"] {
                prop_assert!(said(secret) || !refusal.to_string().contains(secret), "{refusal}");
            }
        }
    }

    #[test]
    fn a_cells_cluster_has_its_namespaces_scope(
        cell in any_labels(), namespace in any_labels(), cluster in any_labels(), own in any_labels(), other in any_labels(),
    ) {
        let keys = ScopeKeys::default();
        let labels = keys.cell_cluster_labels(&cell, &namespace);
        prop_assert_eq!(keys.of_labels(&labels), keys.of_labels(&namespace));
        prop_assert_eq!(labels.get("app"), cell.get("app"));
        // Objects that reach it are of the namespace's scope, and it stands on nothing of another tenant's.
        let object = keys.of_object(&own, Some(&other));
        prop_assert!(!object.reaches(&keys.of_labels(&labels)) || object == keys.of_labels(&namespace));
        let on = keys.of_labels(&cluster);
        let facts = CellFacts { labels: &Labels::new(), cluster: "m1" };
        if keys.check_cell(facts, None, &namespace, Some(&on)).is_empty() {
            prop_assert!(on == Scope::Shared || on.reaches(&keys.of_labels(&namespace)));
        }
    }
}
