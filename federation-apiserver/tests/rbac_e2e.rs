//! Decisions, refusals, default roles, reviews and tokens against a real kube-apiserver.

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};
use http::Request;
use kube::Client;
use proptest::{
    strategy::{Strategy, ValueTree as _},
    test_runner::TestRunner,
};
use serde_json::{Value, json};
use testbed::{ApiServer, Testbed};

use federation_apiserver::auth::{
    AccessReview, Account, Attributes, Claims, Policy, RbacKind, ResourceTarget, TokenRequest, User,
    access_review, default_roles, escalation, rules_review,
};

#[path = "rbac/naive.rs"]
mod naive;
#[path = "rbac/worlds.rs"]
mod worlds;

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const KINDS: [RbacKind; 4] =
    [RbacKind::Role, RbacKind::ClusterRole, RbacKind::RoleBinding, RbacKind::ClusterRoleBinding];

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
    denials(&real, &policy).await;
    wrong_reviews(&real, &policy).await;
    all_rules(&real, &policy).await;
    tokens(&real).await;
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
    let mut seen = std::collections::BTreeMap::<_, usize>::new();
    for round in 0..160 {
        let mut user = sample(random, worlds::users().prop_filter("a person", |user| user.uid.is_empty()));
        user.groups.push("writers".to_owned());
        let user = user.authenticated();
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
        if kind == RbacKind::ClusterRole && round % 3 == 0 {
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
        assert_eq!(answer["message"], attributes.forbidden_message(&user, &decision.reason), "{path}");
        assert_eq!(answer["code"], 403);
    }
}

async fn wrong_reviews(real: &Real<'_>, policy: &Policy) {
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

async fn all_rules(real: &Real<'_>, policy: &Policy) {
    for user in ["u1", "u2", "u3"] {
        let user = User::new(user, ["g1"]).authenticated();
        for namespace in worlds::NAMESPACES.iter().chain(&["elsewhere"]) {
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

async fn tokens(real: &Real<'_>) {
    let core = "/api/v1/namespaces/n1";
    let account = real
        .create(&format!("{core}/serviceaccounts"), "ServiceAccount", &json!({"metadata": {"name": "s"}}))
        .await;
    let secret = real.create(&format!("{core}/secrets"), "Secret", &json!({"metadata": {"name": "k"}})).await;
    let uid = |object: &Value| object["metadata"]["uid"].as_str().unwrap().to_owned();
    let (account_uid, secret_uid) = (uid(&account), uid(&secret));
    let own = ["https://kubernetes.default.svc.cluster.local".to_owned()];
    let bound = |kind: &str, name: &str, uid: &str| json!({"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": kind, "name": name, "uid": uid}}});
    for request in [
        json!({"spec": {}}),
        json!({"spec": {"audiences": ["a", "b"], "expirationSeconds": 600}}),
        bound("Secret", "k", &secret_uid),
        bound("Secret", "k", "other"),
        bound("Secret", "absent", ""),
        bound("ConfigMap", "k", ""),
        json!({"spec": {"expirationSeconds": 599}}),
        json!({"spec": {"expirationSeconds": 5_000_000_000_i64}}),
        json!({"metadata": {"name": "other"}, "spec": {}}),
        json!({"metadata": {"namespace": "n2"}, "spec": {}}),
        json!({"metadata": {"uid": "other"}, "spec": {}}),
    ] {
        let answer = real.create(&format!("{core}/serviceaccounts/s/token"), "TokenRequest", &request).await;
        let account = Account { namespace: "n1", name: "s", uid: &account_uid };
        let ours = TokenRequest::read(&request, account, &own).and_then(|read| {
            let object =
                federation_apiserver::auth::BoundObject { uid: secret_uid.clone(), ..Default::default() };
            let found = read.bound_object().filter(|reference| reference.name == "k").map(|_| &object);
            read.grant(found, None, &own, "id".to_owned(), jiff::Timestamp::now())
        });
        let grant = match ours {
            Ok(grant) => grant,
            Err(refusal) => {
                let message = answer["message"].as_str().unwrap_or_default().to_owned();
                assert_eq!(message, refusal.to_string(), "{request}");
                assert_eq!(answer["code"], refusal.code(), "{request}");
                continue;
            }
        };
        // The token of the real server, read with our types: the same claims, and nothing lost.
        let token = answer["status"]["token"].as_str().unwrap_or_else(|| panic!("{request}: {answer}"));
        let payload = token.split('.').nth(1).unwrap();
        let payload = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, payload).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        let claims: Claims = serde_json::from_value(payload.clone()).unwrap();
        assert_eq!(serde_json::to_value(&claims).unwrap(), payload);
        let masked = |claims: Claims| Claims {
            exp: claims.exp - claims.iat,
            iat: 0,
            nbf: claims.nbf - claims.iat,
            iss: String::new(),
            jti: String::new(),
            aud: if claims.aud.len() == 1 { Vec::new() } else { claims.aud },
            ..claims
        };
        assert_eq!(masked(claims.clone()), masked(grant.claims.clone()), "{request}");
        assert_eq!(shape(&grant.answer("t")), shape(&answer), "{request}");

        // And what the real server makes of it.
        let review = json!({"spec": {"token": token, "audiences": claims.aud}});
        let path = "/apis/authentication.k8s.io/v1/tokenreviews";
        let review = real.create(path, "TokenReview", &review).await;
        let user: User = serde_json::from_value(review["status"]["user"].clone()).unwrap();
        assert_eq!(user, claims.user().authenticated());
    }
}

/// The names of all fields, without managed fields.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| *key != "managedFields")
            .map(|(k, v)| (k.clone(), shape(v)))
            .collect(),
        Value::Null => Value::Null,
        _ => json!("…"),
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
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while role.get("aggregationRule").is_some()
            && theirs["rules"].as_array().map(Vec::len) != role["rules"].as_array().map(Vec::len)
            && std::time::Instant::now() < patience
        {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
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

fn spec(user: &User, attributes: &Attributes<'_>) -> Value {
    use federation_apiserver::auth::Target;
    let mut spec = json!({"user": user.name, "groups": user.groups});
    match attributes.target {
        Target::Path(path) => spec["nonResourceAttributes"] = json!({"verb": attributes.verb, "path": path}),
        Target::Resource(target) => {
            spec["resourceAttributes"] = json!({
                "verb": attributes.verb,
                "group": target.group,
                "resource": target.resource,
                "subresource": target.subresource,
                "namespace": target.namespace,
                "name": target.name,
            });
        }
    }
    spec
}

fn collection(kind: RbacKind, namespace: &str) -> String {
    match namespace {
        "" => format!("{RBAC}/{}", kind.resource()),
        namespace => format!("{RBAC}/namespaces/{namespace}/{}", kind.resource()),
    }
}

fn kind_name(kind: RbacKind) -> &'static str {
    match kind {
        RbacKind::Role => "Role",
        RbacKind::ClusterRole => "ClusterRole",
        RbacKind::RoleBinding => "RoleBinding",
        RbacKind::ClusterRoleBinding => "ClusterRoleBinding",
    }
}

fn typed(kind: RbacKind, object: &Value) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
    object["kind"] = json!(kind_name(kind));
    object
}

/// The real server, asked as an administrator or as somebody else.
struct Real<'a> {
    client: &'a Client,
}

impl Real<'_> {
    async fn send(&self, user: Option<&User>, method: &str, path: &str, body: Option<&Value>) -> Value {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(user) = user {
            request = request.header("Impersonate-User", &user.name);
            for group in &user.groups {
                request = request.header("Impersonate-Group", group);
            }
        }
        let request = request.header("Content-Type", "application/json");
        let body = body.map(Value::to_string).unwrap_or_default().into_bytes();
        let response = self.client.send(request.body(body.into()).unwrap()).await.unwrap();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)))
    }

    async fn create(&self, path: &str, kind: &str, object: &Value) -> Value {
        let group = path.trim_start_matches("/apis/").split('/').take(2).collect::<Vec<_>>().join("/");
        let mut object = object.clone();
        object["apiVersion"] = json!(match kind {
            "TokenRequest" => "authentication.k8s.io/v1",
            _ if path.starts_with("/api/") => "v1",
            _ => &group,
        });
        object["kind"] = json!(kind);
        self.send(None, "POST", path, Some(&object)).await
    }

    /// Creates the world, a right to write roles for the group `writers`, and waits until the authorizer knows.
    async fn create_world(&self, world: &worlds::World) {
        for namespace in worlds::NAMESPACES {
            self.create("/api/v1/namespaces", "Namespace", &json!({"metadata": {"name": namespace}})).await;
        }
        let mut objects = world.clone();
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "writer"});
        let subject = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "writers"});
        let rule = json!({"verbs": ["create", "get", "update"], "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["roles", "clusterroles", "rolebindings", "clusterrolebindings"]});
        objects.push((RbacKind::ClusterRole, json!({"metadata": {"name": "writer"}, "rules": [rule]})));
        objects.push((
            RbacKind::ClusterRoleBinding,
            json!({"metadata": {"name": "writers"}, "roleRef": role, "subjects": [subject]}),
        ));
        // The last of each namespaced kind: each kind is watched in order.
        let last = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "last"});
        let rule = json!({"verbs": ["last"], "apiGroups": ["last"], "resources": ["last"]});
        let meta = json!({"name": "last", "namespace": "n1"});
        objects.push((RbacKind::Role, json!({"metadata": meta, "rules": [rule]})));
        objects
            .push((RbacKind::RoleBinding, json!({"metadata": meta, "roleRef": last, "subjects": [subject]})));
        for (kind, object) in &objects {
            let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
            let path = collection(*kind, namespace);
            let answer = self.send(None, "POST", &path, Some(&typed(*kind, object))).await;
            assert_eq!(answer["kind"], kind_name(*kind), "{object}: {answer}");
        }
        let writers = User::new("w", ["writers"]);
        let target =
            |group, resource| ResourceTarget { group, resource, namespace: "n1", ..Default::default() };
        for attributes in [
            Attributes::resource("create", target("rbac.authorization.k8s.io", "roles")),
            Attributes::resource("last", target("last", "last")),
        ] {
            let review = json!({"spec": spec(&writers, &attributes)});
            let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
            while self.create(path, "SubjectAccessReview", &review).await["status"]["allowed"] != true {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }

    /// All roles and bindings of the server.
    async fn policy(&self) -> Policy {
        let mut policy = Policy::default();
        for kind in KINDS {
            let list = self.send(None, "GET", &collection(kind, ""), None).await;
            for object in list["items"].as_array().unwrap() {
                policy.apply(kind, object).unwrap();
            }
        }
        policy
    }
}
