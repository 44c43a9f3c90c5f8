//! An object is one in both forms.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchParams};
use serde_json::json;

use super::{Bank, apply_as, cells, create, get, merge, names, next, object, scope, value};

impl Bank {
    /// Whatever is written in one form reads in the other, and nothing is lost.
    pub(crate) async fn objects_are_one_in_both_forms(&self) {
        let (by_cell, by_cluster) = (self.by_cell(), self.by_cluster());

        // Written by cell, it is initialised, and reads by cluster.
        let mut written = cells("web", &["rz00a", "rz01a"], json!({"k": "v"}));
        written["spec"]["placementMask"] = json!({"topologies": [{"name": "rz00a"}]});
        written["spec"]["overrides"] =
            json!([{"topologyName": "rz01a", "topologyOverrides": [{"path": "/data/k", "value": "w"}]}]);
        let created = create(&by_cell, written).await.unwrap();
        assert_eq!(created["metadata"]["labels"], scope("bank"));
        assert_eq!(created["metadata"]["finalizers"], json!(["kubefed.io/sync-controller"]));
        let stored = get(&by_cluster, "web").await;
        assert_eq!(
            stored["spec"],
            json!({
                "placement": {"clusters": [{"name": "rz00a.bank-prod"}, {"name": "rz01a.bank-prod"}]},
                "placementMask": {"clusters": [{"name": "rz00a.bank-prod"}]},
                "overrides": [{"clusterName": "rz01a.bank-prod", "clusterOverrides": [{"path": "/data/k", "value": "w"}]}],
                "template": {"data": {"k": "v"}},
            })
        );
        let untyped = object(
            "v1beta2",
            "untyped",
            json!({"template": {}, "placement": {"topologies": [{"name": "rz00a.bank-prod"}]}}),
        );
        assert_eq!(create(&by_cell, untyped).await.unwrap()["spec"]["topologyType"], "cluster");

        two_managers(&by_cell, &by_cluster).await;
        status_and_watch(&by_cell, &by_cluster).await;

        // Patches of each kind, in each form, change what they say and nothing else.
        merge(&by_cell, "web", json!({"spec": {"placementMask": {"topologies": [{"name": "rz01a"}]}}}))
            .await
            .unwrap();
        let operations =
            serde_json::from_value(json!([{"op": "add", "path": "/spec/template/data/n", "value": "1"}]))
                .unwrap();
        by_cluster.patch("web", &PatchParams::default(), &Patch::<()>::Json(operations)).await.unwrap();
        let mut now = get(&by_cell, "web").await;
        assert_eq!(now["spec"]["placementMask"], json!({"topologies": [{"name": "rz01a"}]}));
        assert_eq!(now["spec"]["template"]["data"], json!({"k": "v", "n": "1"}));
        assert_eq!(names(&now["spec"]["placement"]["topologies"]), ["rz00a", "rz01a"]);

        // A read and a write of what was read change nothing, not even the generation.
        let generation = now["metadata"]["generation"].clone();
        now["metadata"].as_object_mut().unwrap().remove("managedFields");
        let replaced = serde_json::from_value(now).unwrap();
        let replaced = value(by_cell.replace("web", &PostParams::default(), &replaced).await.unwrap());
        assert_eq!(replaced["metadata"]["generation"], generation);

        // Listed in each form.
        assert_eq!(by_cell.list(&ListParams::default()).await.unwrap().items.len(), 3);
        assert_eq!(by_cluster.list(&ListParams::default()).await.unwrap().items.len(), 3);
    }
}

/// Server-side apply by two managers, each in its own form: what one owns the other neither takes nor loses.
async fn two_managers(by_cell: &Api<DynamicObject>, by_cluster: &Api<DynamicObject>) {
    apply_as(by_cell, "team", cells("shared", &["rz00a"], json!({"a": "1"}))).await;
    let theirs = json!({"placement": {"clusters": [{"name": "rz01a.bank-prod"}]}, "template": {"data": {"b": "2"}},
        "overrides": [{"clusterName": "rz00a.bank-prod", "clusterOverrides": [{"path": "/data/a", "value": "3"}]}]});
    apply_as(by_cluster, "platform", object("v1beta1", "shared", theirs.clone())).await;
    let both = get(by_cell, "shared").await;
    assert_eq!(names(&both["spec"]["placement"]["topologies"]), ["rz00a", "rz01a"]);
    assert_eq!(both["spec"]["template"]["data"], json!({"a": "1", "b": "2"}));
    assert_eq!(both["spec"]["overrides"][0]["topologyName"], "rz00a");

    // Each applies again: the first takes its cell back, and nothing of the second's goes.
    apply_as(by_cell, "team", cells("shared", &[], json!({"a": "2"}))).await;
    let one = get(by_cluster, "shared").await;
    assert_eq!(names(&one["spec"]["placement"]["clusters"]), ["rz01a.bank-prod"]);
    assert_eq!(one["spec"]["template"]["data"], json!({"a": "2", "b": "2"}));
    apply_as(by_cluster, "platform", object("v1beta1", "shared", theirs)).await;
    let again = get(by_cluster, "shared").await;
    assert_eq!(again["spec"], one["spec"]);
    let managers: BTreeSet<_> = again["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["operation"] == "Apply")
        .map(|entry| (entry["manager"].as_str().unwrap(), entry["apiVersion"].as_str().unwrap()))
        .collect();
    let expected = [("platform", "types.kubefed.io/v1beta1"), ("team", "types.kubefed.io/v1beta2")];
    assert_eq!(managers, BTreeSet::from(expected));
}

/// A watch in one form tells what is written in the other; the engine's status is by cell too.
async fn status_and_watch(by_cell: &Api<DynamicObject>, by_cluster: &Api<DynamicObject>) {
    let params = WatchParams::default().fields("metadata.name=web");
    let version = by_cluster.get("web").await.unwrap().resource_version().unwrap();
    let mut seen_by_cell = by_cell.watch(&params, &version).await.unwrap().boxed();
    let mut seen_by_cluster = by_cluster.watch(&params, &version).await.unwrap().boxed();

    let status = json!({"status": {"clusters": [{"name": "rz00a.bank-prod", "revision": "aa"}]}});
    by_cluster.patch_status("web", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    let event = next(&mut seen_by_cell).await;
    assert_eq!(event["status"]["topologies"], json!([{"name": "rz00a", "revision": "aa"}]));
    assert_eq!(event["apiVersion"], "types.kubefed.io/v1beta2");
    assert_eq!(next(&mut seen_by_cluster).await["status"]["clusters"][0]["name"], "rz00a.bank-prod");

    merge(by_cell, "web", json!({"metadata": {"annotations": {"who": "cell"}}})).await.unwrap();
    let event = next(&mut seen_by_cluster).await;
    assert_eq!(event["metadata"]["annotations"]["who"], "cell");
    assert_eq!(names(&event["spec"]["placement"]["clusters"]), ["rz00a.bank-prod", "rz01a.bank-prod"]);
    merge(by_cluster, "web", json!({"metadata": {"annotations": {"who": "cluster"}}})).await.unwrap();
    let events = [next(&mut seen_by_cell).await, next(&mut seen_by_cell).await];
    assert_eq!(events.map(|e| e["metadata"]["annotations"]["who"].clone()), ["cell", "cluster"]);
}
