//! Reviews: what is refused, and what a user may do at all.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use federation_apiserver::auth::{AccessReview, Policy, User, access_review, rules_review};

use crate::{real::Real, worlds::NAMESPACES};

pub(crate) async fn wrong_reviews(real: &Real<'_>, policy: &Policy) {
    let pods = json!({"verb": "get", "resource": "pods"});
    let me = User::new("me", ["system:masters"]);
    let with = |field: &str, value: Value| {
        let mut pods = pods.clone();
        pods[field] = value;
        json!({"spec": {"user": "u", "resourceAttributes": pods}})
    };
    for (review, object) in [
        (AccessReview::Subject, json!({"spec": {}})),
        (AccessReview::Subject, json!({"spec": {"resourceAttributes": pods}})),
        (AccessReview::Subject, json!({"spec": {"user": "u"}})),
        (
            AccessReview::Subject,
            json!({"spec": {"groups": ["g"], "nonResourceAttributes": {"path": "/", "verb": "get"}}}),
        ),
        (
            AccessReview::Subject,
            json!({"spec": {"user": "u", "resourceAttributes": pods, "nonResourceAttributes": {"path": "/", "verb": "get"}}}),
        ),
        (AccessReview::Subject, with("labelSelector", json!({}))),
        (
            AccessReview::Subject,
            with(
                "fieldSelector",
                json!({"rawSelector": "a=b", "requirements": [{"key": "a", "operator": "In", "values": ["b"]}]}),
            ),
        ),
        (
            AccessReview::Subject,
            json!({"metadata": {"name": "x"}, "spec": {"user": "u", "resourceAttributes": pods}}),
        ),
        (AccessReview::SelfSubject, json!({"spec": {}})),
        (AccessReview::SelfSubject, json!({"spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}})),
        (AccessReview::Local, with("namespace", json!("n1"))),
        (AccessReview::Local, with("namespace", json!("n2"))),
        (
            AccessReview::Local,
            json!({"spec": {"user": "u", "nonResourceAttributes": {"path": "/", "verb": "get"}}}),
        ),
    ] {
        let (kind, path, namespace) = match review {
            AccessReview::Subject => ("SubjectAccessReview", "subjectaccessreviews", ""),
            AccessReview::SelfSubject => ("SelfSubjectAccessReview", "selfsubjectaccessreviews", ""),
            AccessReview::Local => {
                ("LocalSubjectAccessReview", "namespaces/n1/localsubjectaccessreviews", "n1")
            }
        };
        let mut object = object;
        if !namespace.is_empty() {
            object["metadata"] = json!({"namespace": namespace});
        }
        let answer = real.create(&format!("/apis/authorization.k8s.io/v1/{path}"), kind, &object).await;
        match access_review(review, object.clone(), policy, &me, namespace) {
            Ok(ours) => assert_eq!(answer["status"], ours["status"], "{object}"),
            Err(refusal) => {
                // Go writes fields in the order of its types, serde_json in that of the alphabet.
                let shown =
                    |text: &str| text.split("Invalid value: {\"name\"").next().unwrap_or(text).to_owned();
                let message = answer["message"].as_str().unwrap_or_else(|| panic!("{object}: {answer}"));
                assert_eq!(shown(message), shown(&refusal.to_string()), "{object}");
                assert_eq!(answer["code"], refusal.code());
            }
        }
    }
}

pub(crate) async fn all_rules(real: &Real<'_>, policy: &Policy) {
    for user in ["u1", "u2", "u3"] {
        let user = User::new(user, ["g1"]).authenticated();
        for namespace in NAMESPACES.iter().chain(&["elsewhere"]) {
            let review = json!({
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectRulesReview",
                "spec": {"namespace": namespace},
            });
            let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
            let answer = real.send(Some(&user), "POST", path, Some(&review)).await;
            let ours = rules_review(&review, policy, &user).unwrap();
            for list in ["resourceRules", "nonResourceRules"] {
                let set = |answer: &Value| -> BTreeSet<String> {
                    answer["status"][list].as_array().unwrap().iter().map(Value::to_string).collect()
                };
                assert_eq!(set(&answer), set(&ours), "{user:?} {namespace}");
            }
            assert_eq!(
                answer["status"]["evaluationError"].is_null(),
                ours["status"]["evaluationError"].is_null(),
                "{answer} {ours}"
            );
        }
    }
}
