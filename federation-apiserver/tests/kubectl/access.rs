//! Tokens, and who may do what.

use crate::session::Session;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_its_account_and_may_do_what_the_account_may() {
    let session = Session::start().await;
    session.done("create serviceaccount robot").await;
    session.done("create role reader --verb=get,list --resource=configmaps").await;
    session.done("create rolebinding readers --role=reader --serviceaccount=shop:robot").await;
    session.done("create configmap settings --from-literal=k=v").await;

    let token = session.done("create token robot --duration=1h").await;
    let url = session.url();
    let robot = format!("--kubeconfig=none --insecure-skip-tls-verify --server={url} --token={token}");
    session.file("none", "{}");
    let whoami = session.done(&format!("auth whoami -o jsonpath={{.status.userInfo}} {robot}")).await;
    assert!(whoami.contains("\"username\":\"system:serviceaccount:shop:robot\""), "{whoami}");
    assert!(whoami.contains("system:serviceaccounts:shop"), "{whoami}");
    let settings = session.done(&format!("get configmap settings -o name {robot}")).await;
    assert_eq!(settings, "configmap/settings");
    let forbidden = session.refused(&format!("delete configmap settings {robot}")).await;
    assert!(
        forbidden.contains(
            "User \"system:serviceaccount:shop:robot\" cannot delete resource \"configmaps\" in API group \"\" in the namespace \"shop\""
        ),
        "{forbidden}"
    );

    for (line, said) in [
        ("create token nobody", "serviceaccounts \"nobody\" not found"),
        ("create token robot --duration=5m", "may not specify a duration less than 10 minutes"),
    ] {
        let complaint = session.refused(line).await;
        assert!(complaint.contains(said), "{line}: {complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_may_is_answered_before_it_is_done() {
    let session = Session::start().await;
    session.done("create role reader --verb=get --resource=pods --resource=deployments.apps").await;
    session.done("create rolebinding readers --role=reader --user=jane").await;
    assert_eq!(session.done("auth can-i delete nodes").await, "yes");
    for (may, line) in [
        (true, "auth can-i get pods --as=jane"),
        (true, "auth can-i get deployments.apps --as=jane"),
        (false, "auth can-i get pods --as=jane -n default"),
        (false, "auth can-i delete pods --as=jane"),
        (false, "auth can-i get pods --subresource=log --as=jane"),
        (true, "auth can-i get /version --as=jane --as-group=system:authenticated"),
    ] {
        let (code, printed, complaint) = session.run(session.command(line)).await;
        assert_eq!((code == 0, printed == "yes"), (may, may), "{line}: {printed} {complaint}");
    }
    let list = session.done("auth can-i --list --as=jane --no-headers").await;
    assert!(list.lines().any(|line| line.starts_with("deployments.apps ")), "{list}");

    session.file(
        "role.yaml",
        "---\n{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: reader, namespace: shop},
          rules: [{apiGroups: [''], resources: [pods], verbs: [get, watch]}]}",
    );
    assert!(session.done("auth reconcile -f role.yaml").await.contains("reconciled"));
    assert_eq!(session.done("auth can-i watch pods --as=jane").await, "yes");
}
