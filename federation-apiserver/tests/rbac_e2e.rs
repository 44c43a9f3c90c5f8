//! Decisions, refusals, default roles, reviews and tokens against a real kube-apiserver.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, stream};
use proptest::{
    strategy::{Strategy, ValueTree as _},
    test_runner::TestRunner,
};
use serde_json::{Value, json};
use testbed::{ApiServer, Testbed};
use tokio::time::Instant;

use federation_apiserver::auth::{
    Attributes, Policy, RbacKind, ResourceTarget, User, default_roles, escalation,
};

#[path = "rbac/impersonation.rs"]
mod impersonation;
#[path = "rbac/naive.rs"]
mod naive;
#[path = "rbac/real.rs"]
mod real;
#[path = "rbac/reviews.rs"]
mod reviews;
#[path = "rbac/tokens.rs"]
mod tokens;
#[path = "rbac/worlds.rs"]
mod worlds;

use real::{KINDS, RBAC, Real, collection, kind_name, spec, typed};

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_a_real_api_server() {
    let testbed = Testbed::start().await.unwrap();
    let server = testbed.api_server("rbac").await.unwrap();
    let client = server.client();
    let real = Real { client: &client };

    let mut random = TestRunner::deterministic();
    let world = sample(&mut random, worlds::worlds(80..=80));
    real.create_world(&world).await;
    let policy = real.policy().await;

    decisions(&real, &mut random, &world, &policy).await;
    refused_grants(&real, &mut random, &policy).await;
    refused_updates(&real, &mut random, &policy).await;
    denials(&real, &policy).await;
    reviews::wrong_reviews(&real, &policy).await;
    reviews::all_rules(&real, &policy).await;
    tokens::tokens(&real).await;
    impersonation::impersonations(&real, &server, &policy).await;
    defaults(&real, &server).await;
}

/// Several hundred questions, each to both.
async fn decisions(real: &Real<'_>, random: &mut TestRunner, world: &worlds::World, policy: &Policy) {
    let questions: Vec<_> =
        (0..600).map(|_| (sample(random, worlds::users()), sample(random, worlds::questions()))).collect();
    let answers: Vec<_> = stream::iter(&questions)
        .map(|(user, question)| async move {
            let review = json!({"spec": spec(user, &question.attributes())});
            real.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", "SubjectAccessReview", &review)
                .await
        })
        .buffered(16)
        .collect()
        .await;
    let mut seen = [0, 0];
    for ((user, question), answer) in questions.iter().zip(answers) {
        let status = &answer["status"];
        let (allowed, reason) =
            (status["allowed"].as_bool().unwrap(), status["reason"].as_str().unwrap_or_default());
        let attributes = question.attributes();
        let ours = policy.authorize(user, &attributes);
        let possible = naive::ask(world, user, &attributes);
        assert_eq!(ours.allowed, allowed, "{user:?} {question:?}: {status}");
        assert!(possible.permits(allowed, reason), "{user:?} {question:?}: {status}, {possible:?}");
        // Where several bindings allow something, the real server names any of them.
        if possible.allowed.len() < 2 && possible.missing.len() < 2 {
            assert_eq!(ours.reason, reason, "{user:?} {question:?}");
        }
        seen[usize::from(allowed)] += 1;
    }
    assert!(seen.iter().all(|count| *count > 60), "one-sided questions: {seen:?}");
}

/// Roles and bindings written by users who may write them, but not grant everything.
async fn refused_grants(real: &Real<'_>, random: &mut TestRunner, policy: &Policy) {
    let mut seen = BTreeMap::<_, usize>::new();
    for round in 0..160 {
        let user = writer(random, round);
        let kind = KINDS[round % 4];
        let rules = if kind == RbacKind::Role {
            sample(random, worlds::resource_rules())
        } else {
            sample(random, worlds::cluster_rules())
        };
        let role = ["a", "b", "c", "absent"][round / 4 % 4];
        let role_kind = if kind == RbacKind::RoleBinding && round % 8 < 4 { "Role" } else { "ClusterRole" };
        let role_ref = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role});
        let mut object = json!({"metadata": {"name": format!("new-{round}")}});
        let namespace = if kind.is_namespaced() { "n1" } else { "" };
        if kind.is_namespaced() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        match kind {
            RbacKind::Role | RbacKind::ClusterRole => object["rules"] = json!(rules),
            _ => object["roleRef"] = role_ref,
        }
        if kind == RbacKind::ClusterRole && round.is_multiple_of(3) {
            object["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]});
        }
        let path = format!("{}?dryRun=All", collection(kind, namespace));
        let answer = real.send(Some(&user), "POST", &path, Some(&typed(kind, &object))).await;
        let write = escalation::Write { kind, namespace, path_name: "", new: &object, old: None };
        let ours = escalation::check(policy, &user, &write);
        match ours {
            Ok(()) => assert_eq!(answer["kind"], kind_name(kind), "{user:?} {object}: {answer}"),
            Err(refusal) => {
                assert_eq!(answer["message"], refusal.to_string(), "{user:?} {object}");
                assert_eq!(answer["code"], refusal.code());
                *seen.entry(refusal.code()).or_default() += 1;
                continue;
            }
        }
        *seen.entry(201).or_default() += 1;
    }
    assert!(seen[&201] > 15 && seen[&403] > 50 && seen[&404] > 5, "one-sided writes: {seen:?}");
}

/// Existing objects, changed by users who may change them.
async fn refused_updates(real: &Real<'_>, random: &mut TestRunner, policy: &Policy) {
    let mut seen = BTreeMap::<_, usize>::new();
    for (round, kind) in KINDS.into_iter().cycle().take(60).enumerate() {
        let namespace = if kind.is_namespaced() { "n1" } else { "" };
        let objects = real.send(None, "GET", &collection(kind, namespace), None).await;
        let objects: Vec<_> = objects["items"].as_array().unwrap().iter().collect();
        let old = objects[round * 7 % objects.len()];
        let name = old["metadata"]["name"].as_str().unwrap();
        let mut new = old.clone();
        match round % 3 {
            // What garbage collection changes is anybody's who may write.
            0 => new["metadata"]["finalizers"] = json!(["example.org/f"]),
            1 => new["metadata"]["labels"] = json!({"a": "b"}),
            _ if kind == RbacKind::Role => new["rules"] = json!(sample(random, worlds::resource_rules())),
            _ if kind == RbacKind::ClusterRole => {
                new["rules"] = json!(sample(random, worlds::cluster_rules()));
            }
            _ => {
                new["subjects"] =
                    json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "x"}]);
            }
        }
        let user = writer(random, round);
        let path = format!("{}/{name}?dryRun=All", collection(kind, namespace));
        let answer = real.send(Some(&user), "PUT", &path, Some(&typed(kind, &new))).await;
        let write = escalation::Write { kind, namespace, path_name: name, new: &new, old: Some(old) };
        match escalation::check(policy, &user, &write) {
            Ok(()) => assert_eq!(answer["kind"], kind_name(kind), "{user:?} {new}: {answer}"),
            Err(refusal) => assert_eq!(answer["message"], refusal.to_string(), "{user:?} {new}"),
        }
        *seen.entry(answer["code"].as_u64()).or_default() += 1;
    }
    assert!(seen[&None] > 20 && seen[&Some(403)] > 10, "one-sided writes: {seen:?}");
}

/// Somebody who may write roles and bindings; every third may grant some.
fn writer(random: &mut TestRunner, round: usize) -> User {
    let mut user = sample(random, worlds::users());
    user.groups.push("writers".to_owned());
    if round.is_multiple_of(3) {
        user.groups.push("granters".to_owned());
    }
    user.authenticated()
}

async fn denials(real: &Real<'_>, policy: &Policy) {
    let user = User::new("nobody \"x\"", ["<none>"]).authenticated();
    let pods = ResourceTarget { resource: "pods", ..Default::default() };
    let deployments = ResourceTarget { group: "apps", resource: "deployments", namespace: "n1", ..pods };
    for (method, path, attributes) in [
        ("GET", "/api/v1/pods", Attributes::resource("list", pods)),
        (
            "GET",
            "/api/v1/namespaces/n1/pods/p/log",
            Attributes::resource(
                "get",
                ResourceTarget { namespace: "n1", name: "p", subresource: "log", ..pods },
            ),
        ),
        (
            "DELETE",
            "/apis/apps/v1/namespaces/n1/deployments",
            Attributes::resource("deletecollection", deployments),
        ),
        (
            "DELETE",
            "/apis/apps/v1/namespaces/n1/deployments/d",
            Attributes::resource("delete", ResourceTarget { name: "d", ..deployments }),
        ),
        ("GET", "/metrics", Attributes::path("get", "/metrics")),
        ("POST", "/logs/a%3Cb%3E", Attributes::path("post", "/logs/a<b>")),
    ] {
        let answer = real.send(Some(&user), method, path, None).await;
        let decision = policy.authorize(&user, &attributes);
        assert!(!decision.allowed, "{path}");
        assert_eq!(answer["message"], attributes.refusal(&user, &decision.reason).to_string(), "{path}");
        assert_eq!(answer["code"], 403);
    }
}

/// With every resource served, the roles are the real ones, aggregation included.
async fn defaults(real: &Real<'_>, server: &ApiServer) {
    let _controller = server.controller_manager(&["clusterrole-aggregation-controller"]).await.unwrap();
    let relevant = |object: &Value| {
        let pick = |pointer: &str| object.pointer(pointer).cloned().unwrap_or_default();
        ["/metadata/labels", "/metadata/annotations", "/rules", "/aggregationRule", "/roleRef", "/subjects"]
            .map(pick)
    };
    let get = async |resource: &str, object: &Value| {
        let name = object["metadata"]["name"].as_str().unwrap();
        real.send(None, "GET", &format!("{RBAC}/{resource}/{name}"), None).await
    };
    for role in default_roles::cluster_roles(&|_, _| true) {
        let mut theirs = get("clusterroles", &role).await;
        // The controller fills in rules when it comes to it; of the roles, these are the only ones that change.
        let patience = Instant::now() + Duration::from_secs(60);
        while role.get("aggregationRule").is_some()
            && theirs["rules"].as_array().map(Vec::len) != role["rules"].as_array().map(Vec::len)
            && Instant::now() < patience
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
            theirs = get("clusterroles", &role).await;
        }
        assert_eq!(relevant(&role), relevant(&theirs), "{}", role["metadata"]["name"]);
    }
    for binding in default_roles::cluster_role_bindings() {
        let theirs = get("clusterrolebindings", &binding).await;
        assert_eq!(relevant(&binding), relevant(&theirs), "{}", binding["metadata"]["name"]);
    }
}

fn sample<S: Strategy>(random: &mut TestRunner, strategy: S) -> S::Value {
    strategy.new_tree(random).unwrap().current()
}
