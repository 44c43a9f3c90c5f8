//! What holds of every plan, whatever the clusters, tenants, placements, masks and overrides: over API servers that are
//! maps, and no engine.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use federation_model::{
    FeatureGates, FederatedObject, KubeFedCluster, KubeFedClusterSpec, ObjectKey, default_types, type_config,
};
use propagation_engine::entry::Entry;
use propagation_engine::federated_type::FederatedType;
use propagation_engine::observed::Observed;
use propagation_engine::plan::{Decision, Recorded, ServerView, TargetPlan, plan};
use propagation_engine::registry::ClusterInfo;
use propagation_engine::selection::{NamespaceGate, Selection};
use proptest::prelude::*;
use serde_json::{Value, json};
use tenancy::{Scope, ScopeKeys};

/// Clusters are c0 to c4.
const MOST: usize = 5;

/// A cluster of a random world.
#[derive(Clone, Debug)]
struct Place {
    server: u8,
    tenant: Option<u8>,
    /// Whether its objects are told apart by a name template.
    apart: bool,
}

/// What a user writes.
#[derive(Clone, Debug)]
struct Wish {
    value: u8,
    placement: BTreeSet<usize>,
    mask: Option<BTreeSet<usize>>,
    overrides: BTreeMap<usize, u8>,
}

fn any_places() -> impl Strategy<Value = Vec<Place>> {
    let place = (0..3_u8, prop::option::weighted(0.3, 0..2_u8), any::<bool>())
        .prop_map(|(server, tenant, apart)| Place { server, tenant, apart });
    prop::collection::vec(place, 1..=MOST)
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let subset = || prop::collection::btree_set(0..MOST, 0..=MOST);
    (0..4_u8, subset(), prop::option::of(subset()), prop::collection::btree_map(0..MOST, 0..3_u8, 0..3))
        .prop_map(|(value, placement, mask, overrides)| Wish { value, placement, mask, overrides })
}

fn name(cluster: usize) -> String {
    format!("c{cluster}")
}

/// A member's object, and the counters that an API server keeps.
#[derive(Clone, Debug, PartialEq)]
struct Stored {
    object: Value,
    generation: i64,
}

/// API servers that are maps, and what was recorded of writes to them.
#[derive(Clone, Default)]
struct World {
    servers: BTreeMap<u8, BTreeMap<ObjectKey, Stored>>,
    recorded: BTreeMap<String, Recorded>,
    version: u64,
}

struct Fixture {
    ty: FederatedType,
    places: Vec<Place>,
}

impl Fixture {
    fn new(places: Vec<Place>) -> Self {
        let deployments = default_types().into_iter().find(|t| t.target.kind == "Deployment").unwrap();
        let ty = FederatedType::compile(&type_config(&deployments.target, "fed"), &FeatureGates::default())
            .unwrap();
        Self { ty, places }
    }

    fn scope(tenant: Option<u8>) -> Scope {
        tenant.map_or(Scope::Shared, |t| Scope::Tenant {
            tenant: format!("t{t}"),
            workspace_group: "g".to_owned(),
        })
    }

    fn clusters(&self, server: u8) -> Vec<Arc<ClusterInfo>> {
        let on = self.places.iter().enumerate().filter(|(_, p)| p.server == server);
        on.map(|(i, place)| {
            let mut cluster = KubeFedCluster::new(&name(i), KubeFedClusterSpec::default());
            let label = |key: &str, value: String| (key.to_owned(), value);
            cluster.metadata.labels = Some([label("fedd.io/cell", name(i))].into());
            if place.apart {
                let template = label("fedd.io/target-namespace", "{namespace}-{cell}".to_owned());
                cluster.metadata.annotations = Some([template].into());
            }
            let mut info = ClusterInfo::of(&cluster, &ScopeKeys::default(), true);
            info.ready = true;
            info.scope = Self::scope(place.tenant);
            Arc::new(info)
        })
        .collect()
    }

    fn selection(wish: &Wish, tenant: Option<u8>) -> Selection {
        let names = |set: &BTreeSet<usize>| set.iter().map(|i| json!({"name": name(*i)})).collect::<Vec<_>>();
        let overrides: Vec<_> = wish
            .overrides
            .iter()
            .map(|(i, v)| json!({"clusterName": name(*i), "clusterOverrides": [{"path": "/spec/value", "value": v}]}))
            .collect();
        let mut spec = json!({
            "template": {"spec": {"value": wish.value}}, "placement": {"clusters": names(&wish.placement)}, "overrides": overrides});
        if let Some(mask) = &wish.mask {
            spec["placementMask"] = json!({"clusters": names(mask)});
        }
        let object: FederatedObject =
            serde_json::from_value(json!({"metadata": {"name": "web", "namespace": "app"}, "spec": spec}))
                .unwrap();
        Selection {
            entry: Entry::new(object, &FeatureGates::default()),
            gate: NamespaceGate::Open,
            scope: Some(Self::scope(tenant)),
        }
    }

    fn plan(&self, world: &World, selection: &Selection, server: u8) -> Vec<TargetPlan> {
        let clusters = self.clusters(server);
        let observed = |key: &ObjectKey| {
            let stored = world.servers.get(&server)?.get(key)?;
            Some(Arc::new(Observed::of(&self.ty.retained, stored.object.clone())))
        };
        let view = ServerView {
            clusters: &clusters,
            observed: &observed,
            recorded: &|cluster| world.recorded.get(cluster).cloned(),
            is_host: false,
        };
        plan(selection, &self.ty, &view)
    }

    /// Plans and applies on every server; answers the writes: cluster names, target and decision.
    fn settle(&self, world: &mut World, selection: &Selection) -> Vec<TargetPlan> {
        let mut writes = Vec::new();
        for server in 0..3 {
            for due in self.plan(world, selection, server) {
                if apply(world, selection, server, &due) {
                    writes.push(due);
                }
            }
        }
        writes
    }
}

/// What an API server and the engine's records make of a decision; answers whether it was a write.
fn apply(world: &mut World, selection: &Selection, server: u8, due: &TargetPlan) -> bool {
    let objects = world.servers.entry(server).or_default();
    let (mut object, is_write) = match &due.decision {
        Decision::Create(object) | Decision::Update { object, .. } => (object.clone(), true),
        Decision::Delete(_) => {
            objects.remove(&due.target);
            for cluster in &due.clusters {
                world.recorded.remove(&cluster.name);
            }
            return true;
        }
        Decision::Absent => {
            for cluster in &due.clusters {
                world.recorded.remove(&cluster.name);
            }
            return false;
        }
        Decision::Current => match objects.get(&due.target) {
            Some(stored) => (stored.object.clone(), false),
            None => panic!("current, and not there"),
        },
        _ => return false,
    };
    if is_write {
        let before = objects.get(&due.target);
        let same_spec = before.is_some_and(|b| b.object["spec"] == object["spec"]);
        let generation = before.map_or(1, |b| b.generation + i64::from(!same_spec));
        world.version += 1;
        object["metadata"]["generation"] = generation.into();
        object["metadata"]["resourceVersion"] = world.version.to_string().into();
        objects.insert(due.target.clone(), Stored { object: object.clone(), generation });
    }
    let observed = Observed::of(&propagation_engine::retain::RetainedKind::of("apps", "Deployment"), object);
    for cluster in &due.clusters {
        let recorded = Recorded {
            revision: selection.entry.revision(&cluster.name).to_owned(),
            version: observed.version(),
            resource_version: observed.resource_version.clone(),
            content_hash: Some(observed.content_hash),
        };
        world.recorded.insert(cluster.name.clone(), recorded);
    }
    is_write
}

/// What members run: specs by server and name, without an API server's counters.
fn runs(world: &World) -> BTreeMap<(u8, ObjectKey), Value> {
    let all =
        world.servers.iter().flat_map(|(s, objects)| objects.iter().map(move |(k, o)| ((*s, k.clone()), o)));
    all.map(|(place, stored)| (place, stored.object["spec"].clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nothing_outside_the_mask_or_the_scope_is_written(
        places in any_places(), before in any_wish(), wish in any_wish(), tenant in prop::option::weighted(0.3, 0..2_u8)
    ) {
        let fixture = Fixture::new(places);
        let mut world = World::default();
        fixture.settle(&mut world, &Fixture::selection(&Wish { mask: None, ..before }, tenant));
        let untouched = world.clone();
        let selection = Fixture::selection(&wish, tenant);
        let writes = fixture.settle(&mut world, &selection);
        for write in &writes {
            for cluster in &write.clusters {
                let index: usize = cluster.name[1..].parse().unwrap();
                prop_assert_eq!(fixture.places[index].tenant, tenant, "out of scope: {:?}", write);
                prop_assert!(wish.mask.as_ref().is_none_or(|m| m.contains(&index)), "outside the mask: {:?}", write);
            }
        }
        // The same, told from the members: whatever changed was written, and belongs to permitted clusters.
        let touched: BTreeSet<_> = writes.iter().map(|w| w.target.clone()).collect();
        for (place, spec) in runs(&world) {
            if runs(&untouched).get(&place) != Some(&spec) {
                prop_assert!(touched.contains(&place.1));
            }
        }
    }

    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do(
        places in any_places(), before in any_wish(), wish in any_wish(), tenant in prop::option::weighted(0.3, 0..2_u8)
    ) {
        let fixture = Fixture::new(places);
        let mut world = World::default();
        for wish in [before, wish] {
            let selection = Fixture::selection(&wish, tenant);
            fixture.settle(&mut world, &selection);
            let again = fixture.settle(&mut world, &selection);
            prop_assert!(again.is_empty(), "{:?}", again);
        }
    }

    #[test]
    fn masks_that_cover_the_placement_in_the_end_are_as_no_mask(
        places in any_places(), before in any_wish(), wish in any_wish(),
        order in Just((0..MOST).collect::<Vec<_>>()).prop_shuffle()
    ) {
        let fixture = Fixture::new(places);
        let mut masked = World::default();
        fixture.settle(&mut masked, &Fixture::selection(&Wish { mask: None, ..before }, None));
        let mut open = masked.clone();
        for count in 0..=MOST {
            let mask = Some(order[..count].iter().copied().collect());
            fixture.settle(&mut masked, &Fixture::selection(&Wish { mask, ..wish.clone() }, None));
        }
        fixture.settle(&mut open, &Fixture::selection(&Wish { mask: None, ..wish.clone() }, None));
        // Where cells need different objects of one name, the first that was let through has it; there is no "the" result.
        let conflicts = |world: &World| {
            let selection = Fixture::selection(&Wish { mask: None, ..wish.clone() }, None);
            (0..3).any(|s| fixture.plan(world, &selection, s).iter().any(|p| matches!(p.decision, Decision::Problem { .. })))
        };
        if !conflicts(&open) && !conflicts(&masked) {
            prop_assert_eq!(runs(&masked), runs(&open));
        }
    }

    #[test]
    fn an_object_that_others_share_is_never_deleted_and_has_one_writer(
        places in any_places(), before in any_wish(), wish in any_wish()
    ) {
        let fixture = Fixture::new(places);
        let mut world = World::default();
        for wish in [Wish { mask: None, ..before }, Wish { mask: None, ..wish }] {
            let selection = Fixture::selection(&wish, None);
            for server in 0..3 {
                let plans = fixture.plan(&world, &selection, server);
                let mut writers: BTreeMap<&ObjectKey, usize> = BTreeMap::new();
                for due in &plans {
                    if matches!(due.decision, Decision::Create(_) | Decision::Update { .. } | Decision::Delete(_)) {
                        *writers.entry(&due.target).or_default() += 1;
                    }
                }
                prop_assert!(writers.values().all(|n| *n == 1), "{:?}", plans);
                for cluster in fixture.clusters(server).iter().filter(|c| selection.selects(c)) {
                    let target = cluster.target_key(&selection.entry.key, true, false);
                    prop_assert!(!plans.iter().any(|p| p.target == target && matches!(p.decision, Decision::Delete(_))));
                }
            }
            fixture.settle(&mut world, &selection);
        }
    }
}

/// The member's own side changes every object: a value of the spec, an annotation and the counters.
fn meddle(world: &mut World) {
    for stored in world.servers.values_mut().flat_map(BTreeMap::values_mut) {
        world.version += 1;
        stored.generation += 1;
        stored.object["spec"]["value"] = 99.into();
        stored.object["metadata"]["generation"] = stored.generation.into();
        stored.object["metadata"]["resourceVersion"] = world.version.to_string().into();
        stored.object["metadata"]["annotations"] = json!({"example.com/seen-by": "the member"});
    }
}

/// The names of clusters, one by one, of those writes that `wanted` picks.
fn clusters_of(writes: &[TargetPlan], wanted: fn(&Decision) -> bool) -> BTreeSet<usize> {
    let picked = writes.iter().filter(|w| wanted(&w.decision)).flat_map(|w| &w.clusters);
    picked.map(|c| c.name[1..].parse().unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// P is the placement, M the mask, H the clusters that hold a copy.
    #[test]
    fn writes_are_the_formulas_of_placement_mask_and_holders(
        servers in prop::collection::vec(0..3_u8, 1..=MOST), before in any_wish(), wish in any_wish()
    ) {
        // With a name template each, no two clusters share an object.
        let count = servers.len();
        let place = |server| Place { server, tenant: None, apart: true };
        let fixture = Fixture::new(servers.into_iter().map(place).collect());
        let mut world = World::default();
        let known = |set: &BTreeSet<usize>| set.iter().copied().filter(|i| *i < count).collect::<BTreeSet<_>>();
        fixture.settle(&mut world, &Fixture::selection(&Wish { mask: None, ..before.clone() }, None));
        // So that an update is due on every holder, whatever changed on the host.
        meddle(&mut world);
        let writes = fixture.settle(&mut world, &Fixture::selection(&wish, None));

        let (p, h) = (known(&wish.placement), known(&before.placement));
        let m = wish.mask.clone().unwrap_or_else(|| (0..MOST).collect());
        let masked = |set: BTreeSet<usize>| set.intersection(&m).copied().collect::<BTreeSet<_>>();
        prop_assert_eq!(clusters_of(&writes, |d| matches!(d, Decision::Create(_))), masked(&p - &h));
        prop_assert_eq!(clusters_of(&writes, |d| matches!(d, Decision::Update { .. })), masked(&p & &h));
        prop_assert_eq!(clusters_of(&writes, |d| matches!(d, Decision::Delete(_))), masked(&h - &p));
    }

    #[test]
    fn what_a_member_changed_is_put_right_and_its_annotations_stay(
        places in any_places(), wish in any_wish(), restarted: bool
    ) {
        let fixture = Fixture::new(places);
        let selection = Fixture::selection(&Wish { mask: None, ..wish }, None);
        let mut world = World::default();
        fixture.settle(&mut world, &selection);
        let wanted = runs(&world);
        meddle(&mut world);
        if restarted {
            world.recorded.values_mut().for_each(|r| {
                r.resource_version.clear();
                r.content_hash = None;
            });
        }
        fixture.settle(&mut world, &selection);
        prop_assert_eq!(runs(&world), wanted);
        for stored in world.servers.values().flat_map(BTreeMap::values) {
            prop_assert_eq!(&stored.object["metadata"]["annotations"]["example.com/seen-by"], "the member");
        }
        let again = fixture.settle(&mut world, &selection);
        prop_assert!(again.is_empty(), "{:?}", again);
    }

    /// Whatever the mask says, and also when the records of writes are lost.
    #[test]
    fn a_deleted_object_leaves_nothing_behind(places in any_places(), wish in any_wish(), forgotten: bool) {
        let fixture = Fixture::new(places);
        let mut world = World::default();
        fixture.settle(&mut world, &Fixture::selection(&Wish { mask: None, ..wish.clone() }, None));
        if forgotten {
            world.recorded.clear();
        }
        let mut selection = Fixture::selection(&wish, None);
        let mut object = selection.entry.object.clone();
        object.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        selection.entry = Entry::new(object, &FeatureGates::default());
        let writes = fixture.settle(&mut world, &selection);
        prop_assert!(writes.iter().all(|w| matches!(w.decision, Decision::Delete(_))), "{:?}", writes);
        prop_assert!(runs(&world).is_empty());
        prop_assert!(fixture.settle(&mut world, &selection).is_empty());
    }
}
