//! `kubectl apply` and `kubectl diff`, in both ways.

use crate::session::Session;

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {tier: front}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: server, image: nginx, ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: one, b: two}
";

const DEFINITION: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wg]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}}
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    schema:
      openAPIV3Schema:
        type: object
        description: Something that is made.
        properties:
          spec:
            type: object
            properties:
              size: {type: integer, minimum: 0, description: How large it is.}
              colour: {type: string, default: grey}
          status: {type: object, properties: {size: {type: integer}}}
";

#[tokio::test(flavor = "multi_thread")]
async fn applied_files_become_the_objects_and_their_differences() {
    let session = Session::start().await;
    session.file("web.yaml", WEB);
    let (code, printed, _) = session.run(session.command("diff -f web.yaml")).await;
    assert!(code == 1 && printed.contains("+    tier: front"), "{printed}");
    assert_eq!(
        session.done("apply -f web.yaml").await,
        "deployment.apps/web created\nconfigmap/settings created"
    );
    assert_eq!(
        session.done("apply -f web.yaml").await,
        "deployment.apps/web unchanged\nconfigmap/settings unchanged"
    );
    // Nothing writes the status between what is compared.
    session.done("rollout status deployment/web --timeout=30s").await;
    session.done("diff -f web.yaml").await;

    // What another wrote stays; what is no longer in the file goes.
    session.done("annotate configmap settings by=another").await;
    session.file("web.yaml", &WEB.replace("image: nginx", "image: nginx:2").replace(", b: two", ""));
    let (code, printed, _) = session.run(session.command("diff -f web.yaml")).await;
    assert_eq!(code, 1, "{printed}");
    let changed =
        |line: &&str| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---");
    let changes: Vec<&str> = printed.lines().filter(changed).map(str::trim_end).collect();
    assert_eq!(
        changes,
        [
            "-  generation: 1",
            "+  generation: 2",
            "-      - image: nginx",
            "+      - image: nginx:2",
            "-  b: two"
        ]
    );
    assert_eq!(
        session.done("apply -f web.yaml").await,
        "deployment.apps/web configured\nconfigmap/settings configured"
    );
    assert_eq!(session.field("configmap/settings", ".data").await, r#"{"a":"one"}"#);
    assert_eq!(session.field("configmap/settings", ".metadata.annotations.by").await, "another");
    assert_eq!(session.field("deployment/web", ".metadata.generation").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn managers_of_the_same_field_are_in_conflict() {
    let session = Session::start().await;
    session.file("web.yaml", WEB);
    session.file("other.yaml", &WEB.replace("image: nginx", "image: nginx:2"));
    session.done("apply --server-side -f web.yaml").await;
    assert_eq!(
        session.done("apply --server-side -f web.yaml").await,
        "deployment.apps/web serverside-applied\nconfigmap/settings serverside-applied"
    );
    let conflict = session.refused("apply --server-side --field-manager=other -f other.yaml").await;
    assert!(
        conflict.contains("conflict with \"kubectl\": .spec.template.spec.containers[name=\"server\"].image"),
        "{conflict}"
    );
    session.done("apply --server-side --field-manager=other --force-conflicts -f other.yaml").await;
    let managers = ".metadata.managedFields[*].manager";
    let web =
        session.done(&format!("get deployment web --show-managed-fields -o jsonpath={{{managers}}}")).await;
    // Others may write the status.
    assert!(web.starts_with("kubectl other"), "{web}");
    assert_eq!(session.field("deployment/web", ".spec.template.spec.containers[0].image").await, "nginx:2");
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_resources_are_applied_scaled_and_explained() {
    let session = Session::start().await;
    session.file("definition.yaml", DEFINITION);
    session.done("create -f definition.yaml").await;
    session.done("wait --for=condition=Established crd/widgets.example.com --timeout=10s").await;

    let widget = |spec: &str| {
        format!("---\n{{apiVersion: example.com/v1, kind: Widget, metadata: {{name: w}}, spec: {spec}}}")
    };
    session.file("widget.yaml", &widget("{size: 2, weight: 1}"));
    let unknown = session.refused("apply -f widget.yaml").await;
    assert!(unknown.contains("strict decoding error: unknown field \"spec.weight\""), "{unknown}");
    session.file("widget.yaml", &widget("{size: -1}"));
    let invalid = session.refused("apply -f widget.yaml").await;
    assert!(invalid.contains("spec.size: Invalid value: -1"), "{invalid}");
    session.file("widget.yaml", &widget("{size: 2}"));
    assert_eq!(session.done("apply -f widget.yaml").await, "widget.example.com/w created");
    assert_eq!(session.field("widget/w", ".spec").await, r#"{"colour":"grey","size":2}"#);

    session.done("scale widget/w --replicas=5").await;
    let table: Vec<String> =
        session.done("get wg").await.lines().map(|line| line.trim_end().to_owned()).collect();
    assert_eq!(table, ["NAME   SIZE", "w      5"]);
    let patched =
        session.done("patch widget w --subresource=status --type=merge -p {\"status\":{\"size\":5}}").await;
    assert!(patched.starts_with("widget.example.com/w patched"), "{patched}");
    session.done("wait widget/w --for=jsonpath={.status.size}=5 --timeout=10s").await;
    assert!(session.done("explain widget.spec.size").await.contains("How large it is."));
    session.done("delete crd widgets.example.com").await;
    assert!(!session.done("api-resources --api-group=example.com -o name").await.contains("widgets"));
}
