use serde_json::json;

use super::*;
use crate::auth::{AUTHENTICATED, RbacKind};

fn policy() -> Policy {
    let mut policy = Policy::default();
    let rule = |verb: &str, group: &str, resources: &[&str]| json!({"verbs": [verb], "apiGroups": [group], "resources": resources});
    for (name, rules) in [
        ("wide", json!([rule("impersonate", "", &["users", "groups", "serviceaccounts"])])),
        (
            "narrow",
            json!([
                rule("impersonate:user-info", AUTHENTICATION, &["users", "groups", "userextras/a.b/c"]),
                rule("impersonate-on:user-info:list", "", &["pods"]),
            ]),
        ),
    ] {
        policy.apply(RbacKind::ClusterRole, &json!({"metadata": {"name": name}, "rules": rules})).unwrap();
        let binding = json!({
            "metadata": {"name": name},
            "roleRef": {"kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "User", "name": name}],
        });
        policy.apply(RbacKind::ClusterRoleBinding, &binding).unwrap();
    }
    policy
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn verdict(me: &str, verb: &str, pairs: &[(&'static str, &str)]) -> Result<User, String> {
    let wanted = wanted(&headers(pairs)).unwrap().unwrap();
    let pods = ResourceTarget { resource: "pods", ..Default::default() };
    let attributes = Attributes::resource(verb, pods);
    impersonate(&policy(), &User::new(me, ["g"]), &wanted, &attributes).map_err(|refusal| refusal.to_string())
}

#[test]
fn headers_say_whom() {
    assert_eq!(wanted(&headers(&[("accept", "x")])), Ok(None));
    let user = wanted(&headers(&[
        ("Impersonate-User", "u"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Extra-a.b%2fc", "1"),
        ("Impersonate-Extra-a.b%2fc", "2"),
        ("Impersonate-Extra-broken%2", "3"),
    ]));
    let extra = [("a.b/c", vec!["1", "2"]), ("broken%2", vec!["3"])];
    let extra = extra.map(|(key, values)| (key.to_owned(), values.into_iter().map(str::to_owned).collect()));
    let expected = User { uid: "7".to_owned(), extra: extra.into(), ..User::new("u", ["a", "b"]) };
    assert_eq!(user, Ok(Some(expected)));
    assert_eq!(wanted(&headers(&[("Impersonate-Group", "a")])).unwrap_err().code(), 400);
}

#[test]
fn the_wide_right_is_for_everything_and_the_narrow_for_what_it_names() {
    let user = [("Impersonate-User", "u"), ("Impersonate-Group", "a")];
    let expected = User::new("u", ["a", AUTHENTICATED]);
    assert_eq!(verdict("wide", "delete", &user), Ok(expected.clone()));
    assert_eq!(verdict("narrow", "list", &user), Ok(expected));
    assert_eq!(
        verdict("narrow", "delete", &user).unwrap_err(),
        "pods is forbidden: User \"narrow\" cannot impersonate-on:user-info:delete resource \"pods\" in API group \"\" \
         at the cluster scope"
    );
    assert!(verdict("nobody", "list", &user).is_err());

    let masters = [("Impersonate-User", "u"), ("Impersonate-Group", MASTERS)];
    assert!(verdict("wide", "delete", &masters).is_ok());
    assert!(
        verdict("narrow", "list", &masters)
            .unwrap_err()
            .ends_with(": impersonating the system:masters group is not allowed")
    );

    let extra = |key| [("Impersonate-User", "u"), (key, "v")];
    assert!(verdict("narrow", "list", &extra("Impersonate-Extra-a.b%2Fc")).is_ok());
    assert!(verdict("narrow", "list", &extra("Impersonate-Extra-a.b%2Fd")).is_err());
    assert!(verdict("narrow", "list", &extra("Impersonate-Extra-c")).is_err());
    assert!(verdict("wide", "list", &extra("Impersonate-Uid")).is_err());
}

#[test]
fn service_accounts_and_the_anonymous_have_their_groups() {
    let groups = |me, name| verdict(me, "list", &[("Impersonate-User", name)]).map(|user| user.groups);
    let account = ["system:serviceaccounts", "system:serviceaccounts:n", AUTHENTICATED];
    assert_eq!(groups("wide", "system:serviceaccount:n:s").unwrap(), account);
    assert_eq!(groups("wide", ANONYMOUS).unwrap(), [UNAUTHENTICATED]);
    assert_eq!(
        groups("narrow", "system:serviceaccount:n:s").unwrap_err(),
        "pods is forbidden: User \"narrow\" cannot impersonate-on:serviceaccount:list resource \"pods\" in API group \
         \"\" at the cluster scope"
    );
}
