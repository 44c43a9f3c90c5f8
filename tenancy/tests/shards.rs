//! Every scope has one shard, the same everywhere and for ever, and more shards move few scopes.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::collections::BTreeMap;
use std::num::NonZero;

use proptest::prelude::*;
use tenancy::{Scope, Shard};

fn count(count: u32) -> NonZero<u32> {
    NonZero::new(count).unwrap()
}

fn tenant(tenant: &str, workspace_group: &str) -> Scope {
    Scope::Tenant { tenant: tenant.to_owned(), workspace_group: workspace_group.to_owned() }
}

fn scopes() -> impl Strategy<Value = Scope> {
    prop_oneof![
        1 => Just(Scope::Shared),
        1 => Just(Scope::Incomplete),
        1 => Just(Scope::Contradictory),
        12 => ("[a-z0-9-]{0,8}", "[a-z0-9-]{0,8}").prop_map(|(t, w)| tenant(&t, &w)),
    ]
}

proptest! {
    #[test]
    fn every_scope_has_exactly_one_shard(scope in scopes(), shards in 1_u32..40) {
        let having: Vec<_> = Shard::all(count(shards)).filter(|shard| shard.has(&scope)).collect();
        prop_assert_eq!(having, vec![Shard::of(&scope, count(shards))]);
        prop_assert!(Shard::WHOLE.has(&scope));
    }

    #[test]
    fn what_is_no_tenants_is_the_first_ones(scope in scopes(), shards in 1_u32..40) {
        let is_tenants = matches!(scope, Scope::Tenant { .. }) && !scope.reaches_nothing();
        prop_assert!(is_tenants || Shard::of(&scope, count(shards)).is_first());
    }

    #[test]
    fn one_shard_more_moves_scopes_to_it_alone(scope in scopes(), shards in 1_u32..40) {
        let (before, after) = (Shard::of(&scope, count(shards)), Shard::of(&scope, count(shards + 1)));
        prop_assert!(after.index() == before.index() || after.index() == shards);
    }
}

#[test]
fn tenants_are_spread_evenly_and_few_move() {
    let tenants: Vec<_> = (0..4000).map(|i| tenant(&format!("tenant-{i}"), "prod")).collect();
    for shards in 2..=16 {
        let mut of = BTreeMap::<u32, usize>::new();
        for tenant in &tenants {
            *of.entry(Shard::of(tenant, count(shards)).index()).or_default() += 1;
        }
        let fair = tenants.len() / usize::try_from(shards).unwrap();
        assert_eq!(of.len(), usize::try_from(shards).unwrap());
        for (shard, has) in of {
            assert!(has * 10 > fair * 8 && has * 10 < fair * 12, "shard {shard} of {shards} has {has}");
        }
        let moved = tenants
            .iter()
            .filter(|t| Shard::of(t, count(shards)).index() != Shard::of(t, count(shards - 1)).index());
        let moved = moved.count();
        assert!(moved * 10 < fair * 12, "{moved} move to shard {} of {shards}", shards - 1);
    }
}

/// Replicas of different versions run side by side: they have to agree.
#[test]
fn the_shards_of_a_scope_stay_what_they_are() {
    let of = |t: &str, w: &str| [2, 4, 7, 64].map(|shards| Shard::of(&tenant(t, w), count(shards)).index());
    assert_eq!(of("bank", "prod"), [0, 0, 0, 59]);
    assert_eq!(of("bank", "test"), [1, 2, 4, 36]);
    assert_eq!(of("insurer", "prod"), [0, 0, 0, 0]);
}
