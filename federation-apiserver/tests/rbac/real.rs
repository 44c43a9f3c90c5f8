//! A real kube-apiserver, and how it is asked.

use http::{HeaderMap, Request};
use kube::Client;
use serde_json::{Value, json};

use federation_apiserver::auth::{Attributes, Policy, RbacKind, ResourceTarget, Target, User};

use crate::{
    impersonation,
    worlds::{NAMESPACES, World},
};

pub(crate) const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
pub(crate) const KINDS: [RbacKind; 4] =
    [RbacKind::Role, RbacKind::ClusterRole, RbacKind::RoleBinding, RbacKind::ClusterRoleBinding];

/// The real server, asked as an administrator or as somebody else.
pub(crate) struct Real<'a> {
    pub(crate) client: &'a Client,
}

impl Real<'_> {
    pub(crate) async fn send(
        &self,
        user: Option<&User>,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Value {
        let mut headers = HeaderMap::new();
        if let Some(user) = user {
            headers.insert("impersonate-user", user.name.parse().unwrap());
            for group in &user.groups {
                headers.append("impersonate-group", group.parse().unwrap());
            }
        }
        self.send_with(headers, method, path, body).await
    }

    pub(crate) async fn send_with(
        &self,
        headers: HeaderMap,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Value {
        let mut request = Request::builder().method(method).uri(path);
        request.headers_mut().unwrap().extend(headers);
        let request = request.header("Content-Type", "application/json");
        let body = body.map(Value::to_string).unwrap_or_default().into_bytes();
        let response = self.client.send(request.body(body.into()).unwrap()).await.unwrap();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)))
    }

    pub(crate) async fn create(&self, path: &str, kind: &str, object: &Value) -> Value {
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

    /// Creates the world and two groups: `writers` may write roles and bindings, `granters` also some that give more than
    /// they hold. Waits until the authorizer knows.
    pub(crate) async fn create_world(&self, world: &World) {
        for namespace in NAMESPACES.into_iter().chain([impersonation::NAMESPACE]) {
            self.create("/api/v1/namespaces", "Namespace", &json!({"metadata": {"name": namespace}})).await;
        }
        let mut objects = world.clone();
        let group = "rbac.authorization.k8s.io";
        let agents = format!("system:serviceaccounts:{}", impersonation::NAMESPACE);
        let subject = |name: &str| {
            let name = if name == "impersonators" { &agents } else { name };
            json!([{"apiGroup": group, "kind": "Group", "name": name}])
        };
        let all = ["roles", "clusterroles", "rolebindings", "clusterrolebindings"];
        let writing = json!({"verbs": ["create", "get", "update"], "apiGroups": [group], "resources": all});
        let escalating = json!({"verbs": ["escalate"], "apiGroups": [group], "resources": ["roles"]});
        let binding = json!({"verbs": ["bind"], "apiGroups": [group], "resources": ["clusterroles"], "resourceNames": ["a"]});
        for (name, rules) in [
            ("writers", json!([writing])),
            ("granters", json!([escalating, binding])),
            ("impersonators", impersonation::rules()),
        ] {
            let role = json!({"apiGroup": group, "kind": "ClusterRole", "name": name});
            let meta = json!({"name": name});
            objects.push((RbacKind::ClusterRole, json!({"metadata": meta, "rules": rules})));
            let bound = json!({"metadata": meta, "roleRef": role, "subjects": subject(name)});
            objects.push((RbacKind::ClusterRoleBinding, bound));
        }
        // The last of each namespaced kind: each kind is watched in order.
        let last = json!({"apiGroup": group, "kind": "Role", "name": "last"});
        let rule = json!({"verbs": ["last"], "apiGroups": ["last"], "resources": ["last"]});
        let meta = json!({"name": "last", "namespace": "n1"});
        objects.push((RbacKind::Role, json!({"metadata": meta, "rules": [rule]})));
        objects.push((
            RbacKind::RoleBinding,
            json!({"metadata": meta, "roleRef": last, "subjects": subject("writers")}),
        ));
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
    pub(crate) async fn policy(&self) -> Policy {
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

pub(crate) fn spec(user: &User, attributes: &Attributes<'_>) -> Value {
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

pub(crate) fn collection(kind: RbacKind, namespace: &str) -> String {
    match namespace {
        "" => format!("{RBAC}/{}", kind.resource()),
        namespace => format!("{RBAC}/namespaces/{namespace}/{}", kind.resource()),
    }
}

pub(crate) fn kind_name(kind: RbacKind) -> &'static str {
    match kind {
        RbacKind::Role => "Role",
        RbacKind::ClusterRole => "ClusterRole",
        RbacKind::RoleBinding => "RoleBinding",
        RbacKind::ClusterRoleBinding => "ClusterRoleBinding",
    }
}

pub(crate) fn typed(kind: RbacKind, object: &Value) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
    object["kind"] = json!(kind_name(kind));
    object
}
