//! Cells that are there when their gate is switched off.

use federation_model::{Cell, CellSpec, Feature, FeatureGates, KubeFedCluster, Settings, finalizer, label};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, PostParams};
use kube::runtime::wait::{await_condition, conditions::is_deleted};

use crate::federation::on_own;

#[test]
fn a_cell_can_be_deleted_after_its_gate_was_switched_off() {
    let gates = FeatureGates::default().with(Feature::Cells, false);
    on_own(Settings { gates, ..Settings::default() }, &["m1"], |f| async move {
        // As they were left by an engine with the gate on.
        f.namespace("t", serde_json::json!({})).await;
        f.stop_engine();
        let cells: Api<Cell> = Api::namespaced(f.host.client(), "t");
        let spec = CellSpec { cluster_name: "m1".to_owned(), ..CellSpec::default() };
        let mut cell = Cell::new("a", spec);
        cell.metadata.namespace = Some("t".to_owned());
        cell.finalizers_mut().push(finalizer::CELL.to_owned());
        let cell = cells.create(&PostParams::default(), &cell).await.unwrap();
        let m1: KubeFedCluster = f.clusters().get("m1").await.unwrap();
        let labels = [(label::CELL.to_owned(), "a".to_owned())].into();
        let mut derived = cell.derive_cluster(&m1, labels);
        derived.metadata.resource_version = None;
        f.clusters().create(&PostParams::default(), &derived).await.unwrap();
        f.start_engine();

        let uid = cell.uid().unwrap();
        cells.delete("a", &DeleteParams::default()).await.unwrap();
        let gone = await_condition(cells, "a", is_deleted(&uid));
        tokio::time::timeout(std::time::Duration::from_secs(60), gone).await.unwrap().unwrap();
        assert!(f.clusters().get_opt(&derived.name_any()).await.unwrap().is_none(), "its cluster is left");
        assert!(f.clusters().get_opt("m1").await.unwrap().is_some());
    });
}
