//! Objects that are changed in place.

use std::os::unix::fs::PermissionsExt as _;

use crate::session::Session;

/// A session with a ConfigMap and a Deployment.
async fn session() -> Session {
    let session = Session::start().await;
    session.done("create configmap settings --from-literal=k=v").await;
    session.done("create deployment web --image=nginx").await;
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn patches_of_all_types_change_what_they_say() {
    let session = session().await;
    for line in [
        r#"patch configmap settings -p {"data":{"strategic":"1"}}"#,
        r#"patch configmap settings --type=merge -p {"data":{"merge":"2","k":null}}"#,
        r#"patch configmap settings --type=json -p [{"op":"add","path":"/data/json","value":"3"}]"#,
    ] {
        assert_eq!(session.done(line).await, "configmap/settings patched");
    }
    let data = session.field("configmap/settings", ".data").await;
    assert_eq!(data, r#"{"json":"3","merge":"2","strategic":"1"}"#);

    // Lists are merged by their keys, and replaced where that is said.
    let containers =
        |patch: &str| format!(r#"{{"spec":{{"template":{{"spec":{{"containers":[{patch}]}}}}}}}}"#);
    let second = containers(r#"{"name":"second","image":"busybox"}"#);
    session.done(&format!("patch deployment web -p {second}")).await;
    let names = ".spec.template.spec.containers[*].name";
    assert_eq!(session.field("deployment/web", names).await, "second nginx");
    session.done(&format!("patch deployment web --type=merge -p {second}")).await;
    assert_eq!(session.field("deployment/web", names).await, "second");

    session.done(r#"patch deployment web --subresource=scale --type=merge -p {"spec":{"replicas":4}}"#).await;
    session
        .done(r#"patch deployment web --subresource=status --type=merge -p {"status":{"readyReplicas":4}}"#)
        .await;
    assert_eq!(session.field("deployment/web", "['.spec.replicas','.status.readyReplicas']").await, "4 4");

    for (line, said) in [
        (
            r#"patch configmap settings --type=json -p [{"op":"test","path":"/data/json","value":"4"}]"#,
            "the server rejected our request due to an error in our request",
        ),
        (
            r#"patch configmap settings -p {"data":{"n":1}}"#,
            "cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
        (r#"patch deployment web -p {"spec":{"replicas":-1}}"#, "spec.replicas: Invalid value: -1"),
        (r"patch configmap other -p {}", "configmaps \"other\" not found"),
    ] {
        let complaint = session.refused(line).await;
        assert!(complaint.contains(said), "{line}: {complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_replicas_and_images_are_set() {
    let session = session().await;
    session.done("label configmap settings tier=front").await;
    assert!(session.refused("label configmap settings tier=back").await.contains("--overwrite is false"));
    session.done("label configmap settings tier=back --overwrite").await;
    assert_eq!(session.done("get configmap -l tier=back -o name").await, "configmap/settings");
    session.done("label configmap settings tier-").await;
    assert_eq!(session.done("get configmap -l tier -o name").await, "");
    session.done("annotate configmap settings note=x").await;
    assert_eq!(session.field("configmap/settings", ".metadata.annotations.note").await, "x");

    session.done("scale deployment web --replicas=3").await;
    assert!(
        session.refused("scale deployment web --current-replicas=1 --replicas=5").await.contains("Expected")
    );
    assert_eq!(session.field("deployment/web", ".spec.replicas").await, "3");
    session.done("set image deployment/web nginx=nginx:2").await;
    session.done("set env deployment/web A=1").await;
    let container = ".spec.template.spec.containers[0]";
    assert_eq!(session.field("deployment/web", &format!("{container}.image")).await, "nginx:2");
    assert_eq!(session.field("deployment/web", &format!("{container}.env[0].value")).await, "1");
    session.done("rollout status deployment/web --timeout=30s").await;
    session.done("rollout restart deployment/web").await;
    let restarted = session.field("deployment/web", ".spec.template.metadata.annotations").await;
    assert!(restarted.contains("restartedAt"), "{restarted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_edited_and_replaced() {
    let session = session().await;
    let edit = |script: &str| {
        session.file("editor", &format!("#!/bin/sh\n{script}\n"));
        let editor = session.path("editor");
        std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o700)).unwrap();
        let mut command = session.command("edit configmap settings");
        command.env("EDITOR", editor);
        command
    };
    let (code, said, _) = session.run(edit("sed -i 's/k: v/k: edited/' \"$1\"")).await;
    assert_eq!((code, said.as_str()), (0, "configmap/settings edited"));
    assert_eq!(session.field("configmap/settings", ".data.k").await, "edited");
    let (code, _, said) = session.run(edit("true")).await;
    assert_eq!((code, said.as_str()), (0, "Edit cancelled, no changes made."));

    session.file(
        "settings.yaml",
        "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {new: x}}",
    );
    session.done("replace -f settings.yaml").await;
    assert_eq!(session.field("configmap/settings", ".data").await, r#"{"new":"x"}"#);
    let stale = "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, resourceVersion: '1'}}";
    session.file("settings.yaml", stale);
    let conflict = session.refused("replace -f settings.yaml").await;
    assert!(conflict.contains("the object has been modified; please apply your changes"), "{conflict}");
    session.file("settings.yaml", "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}");
    session.done("replace --force -f settings.yaml").await;
    assert_eq!(session.field("configmap/settings", ".data").await, "");
}
