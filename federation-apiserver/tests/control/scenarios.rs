//! Owners and dependents, and what is deleted of them: by hand, and by a generator with a fixed seed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cluster::{Cluster, Pair};

/// One after the other, each after the one before has had all its consequences.
pub(crate) struct Scenario {
    name: String,
    steps: Vec<Step>,
}

enum Step {
    /// A ConfigMap with these owners; `true` blocks the owner's deletion.
    Create {
        object: usize,
        owners: Vec<(usize, bool)>,
        finalizers: Vec<&'static str>,
    },
    /// It gets these owners in place of those that it has.
    Own {
        object: usize,
        owners: Vec<(usize, bool)>,
    },
    Delete {
        object: usize,
        policy: &'static str,
    },
    /// Its finalizers are taken off.
    LetGo {
        object: usize,
    },
}

const HOLD: &str = "example.com/hold";
const POLICIES: [&str; 3] = ["Background", "Foreground", "Orphan"];
/// How many chains of owner and dependent are run through, one after the other, until all that was due has been done.
const ROUNDS: usize = 5;

fn create(object: usize, owners: &[(usize, bool)]) -> Step {
    Step::Create { object, owners: owners.to_vec(), finalizers: Vec::new() }
}

fn held(object: usize, owners: &[(usize, bool)]) -> Step {
    Step::Create { object, owners: owners.to_vec(), finalizers: vec![HOLD] }
}

pub(crate) fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    for policy in POLICIES {
        let delete = |object| Step::Delete { object, policy };
        let chain = || vec![create(0, &[]), create(1, &[(0, true)]), create(2, &[(1, true)])];
        let mut held_chain = vec![create(0, &[]), create(1, &[(0, true)]), held(2, &[(1, true)])];
        held_chain.extend([delete(0), Step::LetGo { object: 2 }]);
        let mut shared = vec![create(0, &[]), create(1, &[]), create(2, &[(0, true), (1, false)])];
        shared.extend([delete(0), delete(1)]);
        let loose = vec![create(0, &[]), held(1, &[(0, false)]), delete(0), Step::LetGo { object: 1 }];
        let circle = vec![
            create(0, &[]),
            create(1, &[(0, true)]),
            Step::Own { object: 0, owners: vec![(1, true)] },
            delete(0),
        ];
        let middle = chain().into_iter().chain([delete(1)]).collect();
        let unblocked = vec![
            create(0, &[]),
            held(1, &[(0, true)]),
            delete(0),
            Step::Own { object: 1, owners: vec![(0, false)] },
        ];
        let whole = chain().into_iter().chain([delete(0)]).collect();
        for (name, steps) in [
            ("chain", whole),
            ("held", held_chain),
            ("shared", shared),
            ("loose", loose),
            ("circle", circle),
            ("middle", middle),
            ("unblocked", unblocked),
        ] {
            all.push(Scenario { name: format!("{name}-{}", policy.to_lowercase()), steps });
        }
    }
    all.extend((0..16).map(|seed| Scenario { name: format!("random-{seed}"), steps: random(seed) }));
    all
}

/// A graph of eight objects, of which three are deleted.
fn random(seed: u64) -> Vec<Step> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut number = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let mut steps: Vec<Step> = (0..8)
        .map(|object| {
            let owners: BTreeMap<usize, bool> =
                (0..number(3).min(object)).map(|_| (number(object), number(2) == 0)).collect();
            create(object, &owners.into_iter().collect::<Vec<_>>())
        })
        .collect();
    steps.extend((0..3).map(|_| Step::Delete { object: number(8), policy: POLICIES[number(3)] }));
    steps
}

impl Scenario {
    /// Where the two clusters come to different ends.
    pub(crate) async fn differences(&self, pair: &Pair) -> Vec<String> {
        let mut differences = Vec::new();
        pair.create_namespace(&self.name).await;
        for (i, step) in self.steps.iter().enumerate() {
            tokio::join!(self.take(&pair.real, step), self.take(&pair.own, step));
            if matches!(step, Step::Create { .. }) {
                continue;
            }
            let what = format!("{} after step {i}", self.name);
            tokio::join!(self.run_through(&pair.real), self.run_through(&pair.own));
            pair.agree(&what, &mut differences, async |cluster: &Cluster| (true, self.state(cluster).await))
                .await;
        }
        differences
    }

    fn path(&self, object: usize) -> String {
        format!("/api/v1/namespaces/{}/configmaps/o{object}", self.name)
    }

    async fn take(&self, cluster: &Cluster, step: &Step) {
        let maps = format!("/api/v1/namespaces/{}/configmaps", self.name);
        match step {
            Step::Create { object, owners, finalizers } => {
                let owners = self.references(cluster, owners).await;
                let metadata = json!({"name": format!("o{object}"), "ownerReferences": owners, "finalizers": finalizers});
                cluster.send("POST", &maps, &json!({"metadata": metadata})).await;
            }
            Step::Own { object, owners } => {
                let owners = self.references(cluster, owners).await;
                let patch = json!({"metadata": {"ownerReferences": owners}});
                cluster.send("PATCH", &self.path(*object), &patch).await;
            }
            Step::Delete { object, policy } => {
                cluster.send("DELETE", &self.path(*object), &json!({"propagationPolicy": policy})).await;
            }
            Step::LetGo { object } => {
                let patch = json!({"metadata": {"finalizers": null}});
                cluster.send("PATCH", &self.path(*object), &patch).await;
            }
        }
    }

    async fn references(&self, cluster: &Cluster, owners: &[(usize, bool)]) -> Vec<Value> {
        let mut references = Vec::new();
        for (owner, blocks) in owners {
            let object = cluster.send("GET", &self.path(*owner), &json!({})).await;
            references.push(json!({
                "apiVersion": "v1", "kind": "ConfigMap", "name": format!("o{owner}"),
                "uid": object["metadata"]["uid"], "blockOwnerDeletion": blocks,
            }));
        }
        references
    }

    /// Returns when the collector has dealt with what came before: objects that come later have gone.
    async fn run_through(&self, cluster: &Cluster) {
        let secrets = format!("/api/v1/namespaces/{}/secrets", self.name);
        for round in 0..ROUNDS {
            let owner = cluster.send("POST", &secrets, &json!({"metadata": {"name": "owner"}})).await;
            let reference = json!({
                "apiVersion": "v1", "kind": "Secret", "name": "owner", "uid": owner["metadata"]["uid"],
            });
            let dependent = format!("dependent-{round}");
            let metadata = json!({"name": dependent, "ownerReferences": [reference]});
            cluster.send("POST", &secrets, &json!({"metadata": metadata})).await;
            cluster.send("DELETE", &format!("{secrets}/owner"), &json!({})).await;
            let dependent = format!("{secrets}/{dependent}");
            while cluster.send("GET", &dependent, &json!({})).await["kind"] != "Status" {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }

    /// Every object: whether it is to go, what it waits for, and whom it belongs to.
    async fn state(&self, cluster: &Cluster) -> Value {
        let path = format!("/api/v1/namespaces/{}/configmaps", self.name);
        let list = cluster.send("GET", &path, &json!({})).await;
        let mut state = BTreeMap::new();
        for item in list["items"].as_array().unwrap() {
            let metadata = &item["metadata"];
            let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
            let owners: Vec<Value> =
                owners.map(|owner| json!([owner["name"], owner["blockOwnerDeletion"]])).collect();
            let name = metadata["name"].as_str().unwrap().to_owned();
            let deleting = metadata["deletionTimestamp"].is_string();
            state.insert(name, json!([deleting, metadata["finalizers"], owners]));
        }
        json!(state)
    }
}
