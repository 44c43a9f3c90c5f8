//! What engines hold of objects that are not theirs.

use std::num::NonZero;

use federation_model::{ObjectKey, Settings};
use propagation_engine::core::Core;
use serde_json::json;
use tenancy::{Scope, Shard};

use crate::world::World;

/// What an engine holds of the federated object and of the member's: everything, a name, or nothing.
fn held(core: &Core, namespace: &str) -> (&'static str, &'static str) {
    let ty = core.type_state("configmaps").unwrap();
    let key = ObjectKey::namespaced(namespace, "x");
    let federated = match (ty.entry(&key), ty.is_elsewhere(&key)) {
        (Some(_), _) => "all",
        (None, true) => "name",
        (None, false) => "nothing",
    };
    let member = match ty.cache(&"s".into()).get(&key) {
        Some(observed) if observed.shortened => "name",
        Some(_) => "all",
        None => "nothing",
    };
    (federated, member)
}

#[tokio::test(start_paused = true)]
async fn of_another_shards_objects_an_engine_holds_the_names_until_they_are_its_own() {
    let count = NonZero::new(2).unwrap();
    let scope = |tenant: &String| Scope::Tenant { tenant: tenant.clone(), workspace_group: "w".to_owned() };
    let tenant = (0..).map(|i| format!("t{i}")).find(|t| Shard::of(&scope(t), count).index() == 1).unwrap();
    let labels = [("fedd.io/tenant", tenant.as_str()), ("fedd.io/workspace-group", "w")];
    let mut world = World::with_shards(&[], Settings::default(), 2);
    world.add_cluster("shared", "s", &[], &[]);
    world.add_cluster("own", "s", &labels, &[]);
    world.add_namespace("its", &labels);
    let everywhere = json!({"template": {"data": {"k": "v"}}, "placement": {"clusterSelector": {}}});
    world.apply(
        "FederatedNamespace",
        "its",
        "its",
        json!({"template": {}, "placement": {"clusterSelector": {}}}),
    );
    for namespace in ["bank", "its"] {
        world.apply("FederatedConfigMap", namespace, "x", everywhere.clone());
    }
    let is_well = |w: &World, namespace: &str| {
        let status = w.federated("FederatedConfigMap", namespace, "x").and_then(|o| o.status);
        status.is_some_and(|s| s.clusters.len() == 1 && s.clusters[0].status.is_none())
    };
    world.until("both are written", |w| is_well(w, "bank") && is_well(w, "its")).await;

    let engines = |w: &World| [w.core.clone(), w.further[0].1.clone()];
    let hold = |w: &World, namespace: &str| engines(w).map(|core| held(&core, namespace));
    let whole = ("all", "all");
    assert_eq!(hold(&world, "bank"), [whole, ("name", "name")]);
    assert_eq!(hold(&world, "its"), [("name", "name"), whole]);

    // The same after a start, whatever is listed first.
    world.restart();
    world.until("it is listed", |w| w.core.is_synced() && w.further[0].1.is_synced()).await;
    assert_eq!(hold(&world, "bank"), [whole, ("name", "name")]);
    assert_eq!(hold(&world, "its"), [("name", "name"), whole]);

    // It gets the scope, and with it another engine, which reads what it lacks, and writes nothing anew.
    let writes = |w: &World| {
        let of_maps = |write: &String| write.contains("configmaps");
        w.server("s").writes().into_iter().filter(of_maps).collect::<Vec<_>>()
    };
    let before = writes(&world).len();
    world.add_namespace("bank", &labels);
    let is_own = |w: &World| w.word("FederatedConfigMap", "x", "own").is_empty() && is_well(w, "bank");
    world.until("it is the tenant's", is_own).await;
    assert_eq!(hold(&world, "bank"), [("name", "name"), whole]);
    assert_eq!(writes(&world)[before..], ["update configmaps bank/x"], "what it does not know to be its own");
    world.delete("FederatedConfigMap", "bank", "x");
    world.until("it is gone", |w| w.federated("FederatedConfigMap", "bank", "x").is_none()).await;
    assert_eq!(hold(&world, "bank"), [("nothing", "nothing"); 2]);
    assert_eq!(world.server("s").get("configmaps", &ObjectKey::namespaced("bank", "x")), None);
}
