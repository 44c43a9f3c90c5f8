//! Objects that go, and what goes with them.

use std::process::Stdio;

use crate::session::{Session, within};

#[tokio::test(flavor = "multi_thread")]
async fn an_object_goes_and_kubectl_waits_for_it() {
    let session = Session::start().await;
    for name in ["a", "b", "kept"] {
        session.done(&format!("create secret generic {name} --from-literal=k=v")).await;
    }
    session.done("label secret a b old=yes").await;
    assert!(session.done("delete secret a --dry-run=server").await.contains("(server dry run)"));
    session.done("delete secret -l old=yes").await;
    assert_eq!(session.done("get secret -o name").await, "secret/kept");
    assert!(session.refused("delete secret a").await.contains("\"a\" not found"));
    session.done("delete secret a --ignore-not-found").await;

    // A finalizer holds it until it is taken away.
    session.done(r#"patch secret kept -p {"metadata":{"finalizers":["example.com/hold"]}}"#).await;
    session.done("delete secret kept --wait=false").await;
    assert_ne!(session.field("secret/kept", ".metadata.deletionTimestamp").await, "");
    let mut gone = session.command("wait --for=delete secret/kept --timeout=30s");
    let gone = gone.stdout(Stdio::null()).spawn().unwrap();
    session.done(r#"patch secret kept --type=merge -p {"metadata":{"finalizers":null}}"#).await;
    let output = within("kubectl has waited", gone.wait_with_output()).await.unwrap();
    assert!(output.status.success());
    assert_eq!(session.done("get secret -o name").await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_object_owns_goes_with_it_or_stays() {
    let session = Session::start().await;
    for (cascade, stays) in [("background", false), ("foreground", false), ("orphan", true)] {
        let owner = format!("owner-{cascade}");
        let owned = format!("owned-{cascade}");
        session.done(&format!("create configmap {owner}")).await;
        let uid = session.field(&format!("configmap/{owner}"), ".metadata.uid").await;
        session.file(
            "owned.yaml",
            &format!(
                "---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {owned}, ownerReferences: [
                  {{apiVersion: v1, kind: ConfigMap, name: {owner}, uid: {uid}, blockOwnerDeletion: true}}]}}}}"
            ),
        );
        session.done("create -f owned.yaml").await;
        session.done(&format!("delete configmap {owner} --cascade={cascade}")).await;
        if stays {
            let owners = session.field(&format!("configmap/{owned}"), ".metadata.ownerReferences").await;
            assert_eq!(owners, "", "an orphan has no owner");
        } else {
            session.done(&format!("wait --for=delete configmap/{owned} --timeout=30s")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_goes_with_all_that_is_in_it() {
    let session = Session::start().await;
    session.done("create secret generic key").await;
    session.done("create deployment web --image=nginx").await;
    session.done("delete namespace shop --timeout=30s").await;
    assert!(session.refused("get namespace shop").await.contains("namespaces \"shop\" not found"));
    assert_eq!(session.done("get secrets,deployments,configmaps -o name").await, "");
    session.done("create namespace shop").await;
    assert_eq!(session.done("get secrets,deployments -o name").await, "");
}
