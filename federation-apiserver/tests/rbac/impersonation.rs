//! A service account that may be some others, in the wide and the narrow kind of right.

use http::HeaderMap;
use kube::Client;
use serde_json::json;
use testbed::ApiServer;

use federation_apiserver::auth::{Attributes, Policy, ResourceTarget, User, impersonation};

use crate::real::Real;

/// The namespace of the service account `agent`, whose group is bound to the role `impersonators`.
pub(crate) const NAMESPACE: &str = "n3";

/// The rules of the role `impersonators`.
pub(crate) fn rules() -> serde_json::Value {
    let authentication = "authentication.k8s.io";
    json!([
        {"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["u1", "system:node:x"]},
        {"verbs": ["impersonate"], "apiGroups": [""], "resources": ["groups"], "resourceNames": ["g1", "system:masters"]},
        {"verbs": ["impersonate"], "apiGroups": [authentication], "resources": ["userextras/key"]},
        {
            "verbs": ["impersonate:user-info"],
            "apiGroups": [authentication],
            "resources": ["users", "groups", "userextras/example.org/key"],
            "resourceNames": ["u2", "g2", "v", "*"],
        },
        {"verbs": ["impersonate:serviceaccount"], "apiGroups": [authentication], "resources": ["serviceaccounts"]},
        {
            "verbs": ["impersonate-on:user-info:create", "impersonate-on:serviceaccount:create"],
            "apiGroups": [authentication],
            "resources": ["selfsubjectreviews"],
        },
    ])
}

pub(crate) async fn impersonations(real: &Real<'_>, server: &ApiServer, policy: &Policy) {
    let core = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts");
    real.create(&core, "ServiceAccount", &json!({"metadata": {"name": "agent"}})).await;
    let answer = real.create(&format!("{core}/agent/token"), "TokenRequest", &json!({"spec": {}})).await;
    let mut config = server.kube_config();
    config.auth_info = kube::config::AuthInfo {
        token: Some(answer["status"]["token"].as_str().unwrap().to_owned().into()),
        ..Default::default()
    };
    let agent = Client::try_from(config).unwrap();
    let me = User::service_account(NAMESPACE, "agent", "").authenticated();

    let group = "authentication.k8s.io";
    let reviews = ResourceTarget { group, resource: "selfsubjectreviews", ..Default::default() };
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let questions = [
        &[("impersonate-user", "u1")][..],
        &[("impersonate-user", "u2")],
        &[("impersonate-user", "u3")],
        &[("impersonate-user", "u1"), ("impersonate-group", "g1")],
        &[("impersonate-user", "u1"), ("impersonate-group", "g2")],
        &[("impersonate-user", "u2"), ("impersonate-group", "g1")],
        &[("impersonate-user", "u2"), ("impersonate-group", "g2")],
        &[
            ("impersonate-user", "u2"),
            ("impersonate-group", "g2"),
            ("impersonate-extra-example.org%2fkey", "v"),
        ],
        &[("impersonate-user", "u2"), ("impersonate-extra-example.org%2fkey", "w")],
        &[("impersonate-user", "u1"), ("impersonate-extra-key", "w")],
        &[("impersonate-user", "u2"), ("impersonate-extra-example.org%2fother", "v")],
        &[("impersonate-user", "u1"), ("impersonate-uid", "7")],
        &[("impersonate-user", "u1"), ("impersonate-group", "system:masters")],
        &[("impersonate-user", "u2"), ("impersonate-group", "system:masters")],
        &[
            ("impersonate-user", "u2"),
            ("impersonate-group", "1"),
            ("impersonate-group", "2"),
            ("impersonate-group", "3"),
            ("impersonate-group", "4"),
        ],
        &[("impersonate-user", "system:serviceaccount:n1:any")],
        &[("impersonate-user", "system:serviceaccount:n1:any"), ("impersonate-group", "g2")],
        &[("impersonate-user", "system:node:x")],
        &[("impersonate-user", "system:node:y")],
        &[("impersonate-user", "system:anonymous")],
    ]
    .map(|headers| -> HeaderMap {
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    })
    .map(|headers| {
        let wanted = impersonation::wanted(&headers).unwrap().unwrap();
        let ours = impersonation::impersonate(policy, &me, &wanted, &Attributes::resource("create", reviews));
        (headers, ours)
    });
    // The real server remembers which kind of right helped last, and refuses in its words: so refusals come first.
    let (refused, granted): (Vec<_>, Vec<_>) = questions.into_iter().partition(|(_, ours)| ours.is_err());
    assert!(granted.len() > 6 && refused.len() > 6, "one-sided: {granted:?}");
    for (headers, ours) in refused.into_iter().chain(granted) {
        let answer = Real { client: &agent }.send_with(headers.clone(), "POST", path, Some(&review)).await;
        match ours {
            Ok(user) => assert_eq!(answer["status"]["userInfo"], json!(user), "{headers:?}: {answer}"),
            Err(refusal) => assert_eq!(answer["message"], refusal.to_string(), "{headers:?}"),
        }
    }
}
