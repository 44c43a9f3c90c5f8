//! On random graphs of owners, exactly what Kubernetes' rules keep is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use federation_apiserver::control::garbage::GarbageCollector;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{World, settle};

#[derive(Clone, Debug)]
struct Graph {
    /// The owners of each object, all before it, and whether it blocks their deletion.
    owners: Vec<Vec<(usize, bool)>>,
    /// What is deleted, in this order, and how.
    deleted: Vec<(usize, &'static str)>,
    /// How many deletions come before the collector is started.
    before: usize,
}

fn graphs() -> impl Strategy<Value = Graph> {
    (2_usize..12)
        .prop_flat_map(|size| {
            let owners: Vec<_> = (0..size)
                .map(|i| proptest::collection::btree_map(0..i.max(1), any::<bool>(), 0..=i.min(3)))
                .collect();
            let policy = prop_oneof![Just("Background"), Just("Foreground"), Just("Orphan")];
            let deleted = proptest::collection::vec((0..size, policy), 0..4);
            (owners, deleted, 0_usize..4)
        })
        .prop_map(|(owners, deleted, before)| Graph {
            owners: owners
                .into_iter()
                .enumerate()
                .map(|(i, owners)| owners.into_iter().filter(|(owner, _)| *owner < i).collect())
                .collect(),
            deleted,
            before,
        })
}

impl Graph {
    /// What is orphaned has to be so before its next owner is deleted; otherwise all may be deleted at once.
    fn order_counts(&self) -> bool {
        self.deleted.iter().any(|(_, policy)| *policy == "Orphan")
    }

    /// What is left when one deletion after another has settled: an object goes when it is deleted, or when it had
    /// owners and the last of them goes; an orphaned owner is taken from the list of owners before that.
    fn kept(&self) -> BTreeSet<usize> {
        let mut owners: Vec<BTreeSet<usize>> =
            self.owners.iter().map(|all| all.iter().map(|(owner, _)| *owner).collect()).collect();
        let mut kept: BTreeSet<usize> = (0..owners.len()).collect();
        for (object, policy) in &self.deleted {
            if !kept.contains(object) {
                continue;
            }
            if *policy == "Orphan" {
                owners.iter_mut().for_each(|all| {
                    all.remove(object);
                });
                kept.remove(object);
                continue;
            }
            let mut gone = vec![*object];
            while let Some(object) = gone.pop() {
                kept.remove(&object);
                for (dependent, all) in owners.iter_mut().enumerate() {
                    if all.remove(&object) && all.is_empty() && kept.contains(&dependent) {
                        gone.push(dependent);
                    }
                }
            }
        }
        kept
    }
}

fn name(object: usize) -> String {
    format!("o{object:02}")
}

async fn collected(graph: &Graph) -> BTreeSet<String> {
    let world = World::new().await;
    let mut made: Vec<Value> = Vec::new();
    for (object, owners) in graph.owners.iter().enumerate() {
        let references: Vec<Value> = (owners.iter())
            .map(|(owner, blocks)| {
                json!({
                    "apiVersion": "v1", "kind": "ConfigMap", "name": name(*owner),
                    "uid": made[*owner]["metadata"]["uid"], "blockOwnerDeletion": blocks,
                })
            })
            .collect();
        let metadata = json!({"name": name(object), "ownerReferences": references});
        made.push(world.create("configmaps", "a", json!({"metadata": metadata})).await.unwrap());
    }
    let before = graph.before.min(graph.deleted.len());
    let mut collector = Some(GarbageCollector::new(Arc::clone(&world.rest)));
    for (i, (object, policy)) in graph.deleted.iter().enumerate() {
        if i >= before
            && let Some(collector) = collector.take()
        {
            tokio::spawn(collector.run(world.stop.clone()));
            settle().await;
        }
        // It may be gone already.
        let _gone = world.delete("configmaps", "a", &name(*object), policy).await;
        if graph.order_counts() {
            settle().await;
        }
    }
    if let Some(collector) = collector {
        tokio::spawn(collector.run(world.stop.clone()));
    }
    settle().await;
    world.names("configmaps", "a").await.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_kept_is_what_the_rules_keep(graph in graphs().prop_filter(
        "while the collector is away, the order does not count",
        |graph| graph.before <= 1 || !graph.order_counts(),
    )) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let kept = graph.kept().into_iter().map(name).collect::<BTreeSet<_>>();
        prop_assert_eq!(runtime.block_on(collected(&graph)), kept);
    }
}
