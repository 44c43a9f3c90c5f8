//! ConversionReviews as an API server sends them, and as none does.

#![allow(missing_docs, reason = "a test has no readers of its interface")]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails, in what its tests share too")]

use serde_json::{Value, json};
use topology_convert::{Registry, review};

fn ask(request: &Value) -> Value {
    let review_of =
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request});
    review(review_of, &Registry::new())
}

fn refusal(request: &Value) -> String {
    let answer = ask(request);
    assert_eq!(answer["response"]["result"]["status"], "Failure");
    assert_eq!(answer["response"]["convertedObjects"], json!([]));
    answer["response"]["result"]["message"].as_str().unwrap().to_owned()
}

fn by_cell() -> Value {
    json!({
        "apiVersion": "types.kubefed.io/v1beta2",
        "metadata": {"namespace": "ns", "name": "web", "managedFields": [{"manager": "kubectl"}]},
        "spec": {"topologyType": "cell", "placement": {"topologies": [{"name": "rz00a"}]}},
    })
}

fn by_cluster() -> Value {
    json!({
        "apiVersion": "types.kubefed.io/v1beta1",
        "metadata": {"namespace": "ns", "name": "web", "managedFields": [{"manager": "kubectl"}],
            "annotations": {"fedd.io/topology-type": "cell"}},
        "spec": {"placement": {"clusters": [{"name": "rz00a.ns"}]}},
    })
}

#[test]
fn objects_of_both_forms_are_answered_in_order() {
    let objects = json!([by_cell(), by_cluster(), by_cell()]);
    for (desired, expected) in [("v1beta1", by_cluster()), ("v1beta2", by_cell())] {
        let desired = format!("types.kubefed.io/{desired}");
        let answer = ask(&json!({"uid": "u-1", "desiredAPIVersion": desired, "objects": objects}));
        assert_eq!(
            answer,
            json!({
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "ConversionReview",
                "response": {
                    "uid": "u-1",
                    "convertedObjects": [expected, expected, expected],
                    "result": {"status": "Success"},
                },
            })
        );
    }
}

#[test]
fn no_objects_are_no_failure() {
    let answer = ask(&json!({"uid": "u", "desiredAPIVersion": "types.kubefed.io/v1beta1", "objects": []}));
    assert_eq!(answer["response"]["result"], json!({"status": "Success"}));
}

#[test]
fn kinds_of_any_group_convert_within_it() {
    let object = json!({"apiVersion": "types.example.com/v1beta1", "kind": "FederatedThing", "metadata": {}});
    let ask_for = |desired| ask(&json!({"uid": "u", "desiredAPIVersion": desired, "objects": [object]}));
    let answer = ask_for("types.example.com/v1beta2");
    assert_eq!(answer["response"]["convertedObjects"][0]["apiVersion"], "types.example.com/v1beta2");
    let answer = ask_for("types.kubefed.io/v1beta2");
    assert_eq!(
        answer["response"]["result"]["message"],
        "request.objects[0]: apiVersion \"types.example.com/v1beta1\" does not convert to types.kubefed.io/v1beta2"
    );
}

#[test]
fn a_request_that_no_api_server_sends_is_told_what_is_wrong() {
    assert_eq!(
        refusal(&json!({"uid": "u", "desiredAPIVersion": "types.kubefed.io/v1", "objects": []})),
        "request.desiredAPIVersion: 'types.kubefed.io/v1' is no version of a federated kind; known are \
         types.kubefed.io/v1beta1 and types.kubefed.io/v1beta2"
    );
    assert_eq!(
        refusal(&json!({"uid": "u", "desiredAPIVersion": "types.kubefed.io/v1beta1", "objects": {}})),
        "request.objects: must be a list, and is an object"
    );
    assert_eq!(
        refusal(&json!({"uid": "u", "objects": []})),
        "request.desiredAPIVersion: must be a text, and is missing"
    );
    assert_eq!(refusal(&Value::Null), "request: must be an object, and is null");
    assert_eq!(
        refusal(
            &json!({"uid": "u", "desiredAPIVersion": "types.kubefed.io/v1beta1", "objects": [by_cell(), 7]})
        ),
        "request.objects[1]: apiVersion null does not convert to types.kubefed.io/v1beta1"
    );
}

#[test]
fn a_failure_still_answers_the_same_request() {
    let answer = ask(&json!({"uid": "u-2", "desiredAPIVersion": 7}));
    assert_eq!(answer["response"]["uid"], "u-2");
}

#[test]
fn a_review_of_the_old_version_is_refused() {
    let review_of =
        json!({"apiVersion": "apiextensions.k8s.io/v1beta1", "kind": "ConversionReview", "request": {}});
    assert_eq!(
        review(review_of, &Registry::new())["response"]["result"]["message"],
        "the request is no ConversionReview of apiextensions.k8s.io/v1: apiVersion is \
         \"apiextensions.k8s.io/v1beta1\", kind is \"ConversionReview\"; list v1 first in conversionReviewVersions"
    );
}
