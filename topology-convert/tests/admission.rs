//! What admission says about topology types and names.

#![allow(missing_docs, reason = "a test has no readers of its interface")]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails, in what its tests share too")]

use federation_model::TopologyTypeSpec;
use serde_json::{Value, json};
use topology_convert::{Registry, check_topology_type, default_topology_type};

fn registry() -> Registry {
    let mut registry = Registry::new();
    for (name, template) in [("zone", "z-{name}-{namespace}"), ("site", "s-{name}")] {
        registry.declare(name, &TopologyTypeSpec { cluster_name_template: template.to_owned() }).unwrap();
    }
    registry
}

fn topology(spec: &Value) -> Value {
    json!({"apiVersion": "types.kubefed.io/v1beta2", "metadata": {"namespace": "ns"}, "spec": spec})
}

fn placed(topology_type: &str, name: &str) -> Value {
    topology(&json!({"topologyType": topology_type, "placement": {"topologies": [{"name": name}]}}))
}

fn cluster(topology_type: Option<&str>) -> Value {
    let annotations = topology_type.map_or_else(|| json!({}), |t| json!({"fedd.io/topology-type": t}));
    json!({
        "apiVersion": "types.kubefed.io/v1beta1",
        "metadata": {"namespace": "ns", "annotations": annotations},
        "spec": {"placement": {"clusters": [{"name": "Any Name"}]}},
    })
}

fn update(object: &Value, old: &Value) -> Result<(), String> {
    check_topology_type(object, Some(old), &registry()).map_err(|refusal| refusal.to_string())
}

fn create(object: &Value) -> Result<(), String> {
    check_topology_type(object, None, &registry()).map_err(|refusal| refusal.to_string())
}

fn refused(object: &Value) -> String {
    create(object).unwrap_err()
}

#[test]
fn known_types_and_their_names_pass() {
    for (topology_type, name) in [
        ("cell", "rz00a"),
        ("cell", "cluster/member1"),
        ("cell", "cluster/rz00a.other"),
        ("cluster", "member1"),
        ("cluster", "rz00a.ns"),
        ("zone", "north"),
        ("zone", "cluster/north"),
        ("site", "a.b"),
    ] {
        assert_eq!(create(&placed(topology_type, name)), Ok(()), "{topology_type} {name}");
    }
    assert_eq!(create(&topology(&json!({"placement": {"topologies": [{"name": "member1"}]}}))), Ok(()));
    assert_eq!(create(&topology(&json!({"topologyType": null}))), Ok(()));
    assert_eq!(create(&cluster(None)), Ok(()));
    assert_eq!(create(&cluster(Some("zone"))), Ok(()));
}

#[test]
fn an_unknown_type_is_refused_with_the_known_ones() {
    assert_eq!(
        refused(&placed("zoen", "north")),
        "spec.topologyType: 'zoen' is not a topology type; write cell, cluster, site or zone, or first declare it by \
         a TopologyType object of that name"
    );
    assert_eq!(
        refused(&topology(&json!({"topologyType": 7}))),
        "spec.topologyType: must be a text; write cell, cluster, site or zone"
    );
    assert!(
        refused(&cluster(Some("zoen")))
            .starts_with("metadata.annotations[fedd.io/topology-type]: 'zoen' is not")
    );
}

#[test]
fn a_type_of_names_in_a_namespace_needs_one() {
    let mut object = placed("cell", "rz00a");
    object["metadata"] = json!({"name": "admin"});
    assert_eq!(
        refused(&object),
        "spec.topologyType: 'cell' names topologies of a namespace, and this object is in none; write cluster"
    );
    object["spec"]["topologyType"] = json!("site");
    assert_eq!(create(&object), Ok(()));
}

#[test]
fn names_that_the_type_cannot_have_are_refused_where_they_stand() {
    let label = "write a cell's name: at most 63 of lower-case letters, digits and '-', with a letter or digit at both ends";
    assert_eq!(
        refused(&placed("cell", "RZ_00a")),
        format!("spec.placement.topologies[0].name: 'RZ_00a' cannot be a cell; {label}")
    );
    let mask =
        json!({"topologyType": "cell", "placementMask": {"topologies": [{"name": "a"}, {"name": "a.b"}]}});
    assert_eq!(
        refused(&topology(&mask)),
        format!(
            "spec.placementMask.topologies[1].name: 'a.b' cannot be a cell; {label}, or cluster/a.b for the cluster of this name"
        )
    );
    let overrides = json!({"topologyType": "cell", "overrides": [{"topologyName": "cluster/"}]});
    assert!(
        refused(&topology(&overrides))
            .starts_with("spec.overrides[0].topologyName: '' cannot be a cluster's name; write")
    );
    assert!(
        refused(&placed("site", "North"))
            .contains("'North' cannot be a site; write a name of which the type makes")
    );
    assert!(
        refused(&placed("cluster", "North")).contains("'North' cannot be a cluster's name; write lower-case")
    );
}

#[test]
fn a_name_written_out_without_need_is_refused() {
    assert_eq!(
        refused(&placed("cell", "cluster/rz00a.ns")),
        "spec.placement.topologies[0].name: 'rz00a.ns' has a name as a cell; write rz00a"
    );
    assert_eq!(
        refused(&placed("cluster", "cluster/member1")),
        "spec.placement.topologies[0].name: the topology type is cluster already; write member1"
    );
}

#[test]
fn the_other_forms_fields_are_refused() {
    assert_eq!(
        refused(&topology(&json!({"placement": {"topologies": [], "clusters": []}}))),
        "spec.placement.clusters: is a field of v1beta1, and this object is in v1beta2; write topologies"
    );
    assert_eq!(
        refused(&topology(&json!({"overrides": [{"topologyName": "a"}, {"clusterName": "b"}]}))),
        "spec.overrides[1].clusterName: is a field of v1beta1, and this object is in v1beta2; write topologyName"
    );
    let mut object = cluster(None);
    object["spec"]["placement"]["topologySelector"] = json!({});
    assert_eq!(
        refused(&object),
        "spec.placement.topologySelector: is a field of v1beta2, and this object is in v1beta1; write clusterSelector"
    );
}

#[test]
fn the_annotation_belongs_to_the_cluster_form() {
    let mut object = placed("cell", "rz00a");
    object["metadata"]["annotations"] = json!({"fedd.io/topology-type": "cell"});
    assert_eq!(
        refused(&object),
        "metadata.annotations[fedd.io/topology-type]: this form has a field for the type; take the annotation out and \
         write spec.topologyType: cell"
    );
}

#[test]
fn what_was_stored_is_not_refused_again() {
    // The type is declared no longer, yet finalizers come off and other fields change.
    let old = placed("gone", "cluster/z1");
    let mut new = old.clone();
    new["metadata"]["finalizers"] = json!([]);
    assert_eq!(update(&new, &old), Ok(()));
    let list = new["spec"]["placement"]["topologies"].as_array_mut().unwrap();
    list.push(json!({"name": "cluster/z2"}));
    assert_eq!(update(&new, &old), Ok(()), "clusters can still be named");
    new["spec"]["placement"]["topologies"][1]["name"] = json!("z2");
    assert!(update(&new, &old).unwrap_err().contains("'gone' is no longer a topology type"));

    assert_eq!(update(&cluster(Some("gone")), &cluster(Some("gone"))), Ok(()));
    assert!(update(&cluster(Some("gone")), &cluster(Some("cell"))).is_err());
    assert_eq!(update(&cluster(None), &cluster(Some("gone"))), Ok(()), "a type can be taken out");
    assert_eq!(update(&placed("cell", "Old Name"), &placed("cell", "Old Name")), Ok(()));
}

#[test]
fn under_another_type_the_old_names_are_new_ones() {
    let old = placed("cluster", "a.b");
    assert_eq!(create(&old), Ok(()));
    assert!(update(&placed("cell", "a.b"), &old).is_err());
}

#[test]
fn the_topology_form_defaults_to_clusters() {
    assert_eq!(default_topology_type(&topology(&json!({}))), Some("cluster"));
    assert_eq!(default_topology_type(&topology(&json!({"topologyType": null}))), Some("cluster"));
    assert_eq!(default_topology_type(&topology(&json!({"topologyType": "cell"}))), None);
    assert_eq!(default_topology_type(&topology(&json!({"topologyType": 7}))), None);
    assert_eq!(default_topology_type(&cluster(None)), None);
    assert_eq!(default_topology_type(&Value::Null), None);
}
