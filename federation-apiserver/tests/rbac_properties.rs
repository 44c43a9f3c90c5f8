//! The indexed authorizer against one that looks at everything, on random worlds that change.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use proptest::prelude::*;

use federation_apiserver::auth::Policy;

#[path = "rbac/naive.rs"]
mod naive;
#[path = "rbac/worlds.rs"]
mod worlds;

proptest! {
    #[test]
    fn the_index_answers_as_a_look_at_every_binding(
        before in worlds::worlds(0..=16),
        world in worlds::worlds(0..=32),
        users in proptest::collection::vec(worlds::users(), 4),
        questions in proptest::collection::vec(worlds::questions(), 8),
    ) {
        // The index first holds another world, of which the new one replaces some objects and the rest are removed.
        let mut policy = Policy::default();
        for (kind, object) in before.iter().chain(&world) {
            policy.apply(*kind, object).unwrap();
        }
        let key = |object: &serde_json::Value| {
            let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
            (text("namespace"), text("name"))
        };
        for (kind, object) in &before {
            let (namespace, name) = key(object);
            if !world.iter().any(|(other, object)| other == kind && key(object) == (namespace.clone(), name.clone())) {
                policy.remove(*kind, &namespace, &name);
            }
        }
        for user in &users {
            for question in &questions {
                let attributes = question.attributes();
                let decision = policy.authorize(user, &attributes);
                let naive = naive::ask(&world, user, &attributes);
                prop_assert!(
                    naive.permits(decision.allowed, &decision.reason),
                    "{user:?} {question:?}: {decision:?}, expected one of {naive:?}"
                );
            }
        }
    }
}
