//! `kubectl create`, which sends the kinds that it knows in protobuf.

use crate::session::Session;

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_that_kubectl_makes_is_created() {
    let session = Session::start().await;
    for (line, created) in [
        ("create configmap settings --from-literal=k=v", "configmap/settings"),
        ("create secret generic key --from-literal=k=v", "secret/key"),
        ("create secret docker-registry pull --docker-username=u --docker-password=p", "secret/pull"),
        ("create serviceaccount robot", "serviceaccount/robot"),
        ("create deployment web --image=nginx --replicas=2", "deployment.apps/web"),
        ("create service clusterip web --tcp=80:8080", "service/web"),
        ("create service nodeport node --tcp=80:8080", "service/node"),
        ("create service loadbalancer balanced --tcp=80:8080", "service/balanced"),
        ("create service externalname far --external-name=example.com", "service/far"),
        ("create job once --image=busybox -- true", "job.batch/once"),
        ("create cronjob often --image=busybox --schedule=@hourly -- true", "cronjob.batch/often"),
        ("create role reader --verb=get,list --resource=pods", "role.rbac.authorization.k8s.io/reader"),
        (
            "create rolebinding readers --role=reader --serviceaccount=shop:robot",
            "rolebinding.rbac.authorization.k8s.io/readers",
        ),
        (
            "create clusterrole nodes --verb=get --resource=nodes",
            "clusterrole.rbac.authorization.k8s.io/nodes",
        ),
        (
            "create clusterrolebinding nodes --clusterrole=nodes --user=jane",
            "clusterrolebinding.rbac.authorization.k8s.io/nodes",
        ),
        ("create quota limit --hard=cpu=1500m,pods=2", "resourcequota/limit"),
        ("create ingress way --rule=host/path=web:80", "ingress.networking.k8s.io/way"),
        (
            "create poddisruptionbudget keep --selector=app=web --min-available=1",
            "poddisruptionbudget.policy/keep",
        ),
        ("create priorityclass first --value=10", "priorityclass.scheduling.k8s.io/first"),
        ("run one --image=nginx --env=A=1", "pod/one"),
        ("expose deployment web --name=exposed --port=80", "service/exposed"),
    ] {
        let said = session.done(line).await;
        assert!(said.starts_with(&format!("{created} ")), "{line}: {said}");
        // What was sent is what is kept: kubectl reads it again.
        session.done(&format!("get {created}")).await;
    }

    assert_eq!(session.field("configmap/settings", ".data").await, r#"{"k":"v"}"#);
    assert_eq!(session.field("secret/key", ".data.k").await, "dg==");
    assert_eq!(session.field("secret/pull", ".type").await, "kubernetes.io/dockerconfigjson");
    assert_eq!(session.field("deployment/web", ".spec.replicas").await, "2");
    assert_eq!(session.field("deployment/web", ".spec.strategy.rollingUpdate.maxSurge").await, "25%");
    assert_eq!(session.field("service/web", ".spec.ports[0].targetPort").await, "8080");
    assert_eq!(session.field("service/far", ".spec.externalName").await, "example.com");
    assert_eq!(session.field("job/once", ".spec.template.spec.containers[0].command").await, r#"["true"]"#);
    assert_eq!(session.field("cronjob/often", ".spec.schedule").await, "@hourly");
    assert_eq!(session.field("quota/limit", ".spec.hard.cpu").await, "1500m");
    assert_eq!(session.field("pdb/keep", ".spec.minAvailable").await, "1");
    assert_eq!(session.field("pod/one", ".spec.containers[0].env[0].value").await, "1");
    // Nothing but what the type writes: no empty texts of Go's structs.
    let metadata = session.field("configmap/settings", ".metadata").await;
    assert!(!metadata.contains("generateName") && !metadata.contains("selfLink"), "{metadata}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_created_is_explained() {
    let session = Session::start().await;
    session.done("create configmap once --from-literal=k=v").await;
    for (line, said) in [
        ("create configmap once", "configmaps \"once\" already exists"),
        ("create configmap Upper", "metadata.name: Invalid value: \"Upper\""),
        ("create configmap lost -n nowhere", "namespaces \"nowhere\" not found"),
        ("create deployment web --image=nginx --replicas=-1", "spec.replicas: Invalid value: -1"),
        ("create namespace shop", "namespaces \"shop\" already exists"),
    ] {
        let complaint = session.refused(line).await;
        assert!(complaint.contains(said), "{line}: {complaint}");
    }
    session.done("create configmap dry --from-literal=k=v --dry-run=server").await;
    assert!(session.refused("get configmap dry").await.contains("\"dry\" not found"));
}
