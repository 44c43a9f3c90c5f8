//! Built-in kinds, by the schemas that the server publishes.

use http::Method;
use object_patch::{
    ApplyError, Conflict, FieldSet, OneForm, Resource, Writer, apply, json_patch, merge_patch,
    strategic_merge, track_update,
};
use serde_json::{Value, json};
use structural_schema::{Definitions, SchemaRef};
use testbed::Testbed;

use crate::api::{APPLY_PATCH, Answer, Api, JSON, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH};
use crate::compared::{NOW, additions, causes, check_kept_times, check_order, check_same, content, entries};
use crate::dice::Dice;

/// The definitions of one of the server's OpenAPI documents.
pub(crate) async fn definitions(api: &Api, document: &str) -> Definitions {
    let answer = api.get(&format!("/openapi/v3/{document}")).await;
    assert!(answer.is_success(), "{answer:?}");
    Definitions::compile(answer.body["components"]["schemas"].as_object().unwrap()).unwrap()
}

/// Fields that the server adds to what it is sent.
pub(crate) const DEFAULTS: [&str; 35] = [
    "failureThreshold",
    "periodSeconds",
    "successThreshold",
    "timeoutSeconds",
    "annotations",
    "namespace",
    "creationTimestamp",
    "generation",
    "resourceVersion",
    "uid",
    "status",
    "strategy",
    "type",
    "rollingUpdate",
    "maxSurge",
    "maxUnavailable",
    "replicas",
    "revisionHistoryLimit",
    "progressDeadlineSeconds",
    "template",
    "metadata",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "imagePullPolicy",
    "resources",
    "protocol",
    "defaultMode",
    "dnsPolicy",
    "restartPolicy",
    "schedulerName",
    "securityContext",
    "terminationGracePeriodSeconds",
    "apiVersion",
    "targetPort",
    "spec",
];

struct Case<'a> {
    api: &'a Api,
    schema: SchemaRef<'a>,
    api_version: &'static str,
    kind: &'static str,
    collection: &'static str,
    ignored: FieldSet,
    ignored_in_status: Option<FieldSet>,
    /// Something to send: with the fields that are required, and some others.
    make: fn(&mut Dice, &str) -> Value,
    make_status: fn(&mut Dice) -> Value,
}

enum Step {
    Apply { config: Value, force: bool },
    Put(Value),
    Patch { content_type: &'static str, patch: Value },
}

#[derive(Default, Debug)]
struct Counts {
    changed: usize,
    conflicts: usize,
    invalid: usize,
}

impl Case<'_> {
    fn step(&self, dice: &mut Dice, live: &Value, is_status: bool) -> Step {
        let name = live["metadata"]["name"].as_str().unwrap();
        let make = |dice: &mut Dice| {
            let mut made = (self.make)(dice, name);
            if is_status {
                made = json!({"apiVersion": self.api_version, "kind": self.kind, "metadata": {"name": name}});
                made["status"] = (self.make_status)(dice);
            }
            made
        };
        match dice.below(8) {
            0..4 => Step::Apply { config: make(dice), force: dice.once_in(2) },
            4 => {
                let mut object = make(dice);
                if is_status {
                    object["spec"] = live["spec"].clone();
                }
                if dice.once_in(2) {
                    object["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
                    object["metadata"]["managedFields"] = live["metadata"]["managedFields"].clone();
                }
                if dice.once_in(6) {
                    object["metadata"]["managedFields"] = dice.one_of(&[json!([]), json!([{}])]);
                }
                Step::Put(object)
            }
            5 => Step::Patch { content_type: MERGE_PATCH, patch: make(dice) },
            6 => Step::Patch { content_type: STRATEGIC_PATCH, patch: make(dice) },
            _ => {
                let made = make(dice);
                let part = ["spec", "data", "status"].into_iter().find(|part| made.get(*part).is_some());
                let part = part.unwrap_or("metadata");
                let fields = made[part].as_object().into_iter().flatten();
                let operation = |(field, value): (&String, &Value)| json!({"op": "add", "path": format!("/{part}/{field}"), "value": value});
                Step::Patch { content_type: JSON_PATCH, patch: fields.map(operation).collect() }
            }
        }
    }

    async fn send(&self, step: &Step, path: &str, manager: &str) -> Answer {
        let manager = format!("fieldManager={manager}");
        match step {
            Step::Apply { config, force } => {
                let path = format!("{path}?{manager}&force={force}");
                self.api.call(Method::PATCH, &path, APPLY_PATCH, config).await
            }
            Step::Put(object) => self.api.call(Method::PUT, &format!("{path}?{manager}"), JSON, object).await,
            Step::Patch { content_type, patch } => {
                self.api.call(Method::PATCH, &format!("{path}?{manager}"), content_type, patch).await
            }
        }
    }

    /// The object that a step makes of a live one, as far as this crate goes: without defaults.
    fn made(
        &self,
        step: &Step,
        live: &Value,
        resource: &Resource<'_>,
        writer: &Writer<'_>,
    ) -> Result<Value, ApplyError> {
        Ok(match step {
            Step::Apply { config, force } => apply(Some(live), config, resource, writer, *force)?,
            Step::Put(object) => object.clone(),
            Step::Patch { content_type: MERGE_PATCH, patch } => merge_patch(live, patch).unwrap(),
            Step::Patch { content_type: STRATEGIC_PATCH, patch } => {
                strategic_merge(live, patch, self.schema).unwrap()
            }
            Step::Patch { patch, .. } => json_patch(live, patch).unwrap_or_default(),
        })
    }

    async fn run(&self, seed: u64, steps: usize, counts: &mut Counts) {
        let dice = &mut Dice::new(seed);
        let name = format!("object-{seed}");
        let forms = OneForm(Some(self.schema));
        let resource =
            |ignored| Resource { api_version: self.api_version, kind: self.kind, forms: &forms, ignored };

        let first = (self.make)(dice, &name);
        let writer = Writer { manager: "a", subresource: "", time: NOW };
        let (answer, ours) = if dice.once_in(2) {
            let path = format!("{}/{name}?fieldManager=a", self.collection);
            let answer = self.api.call(Method::PATCH, &path, APPLY_PATCH, &first).await;
            match apply(None, &first, &resource(&self.ignored), &writer, false) {
                Ok(ours) => (answer, ours),
                Err(error) => {
                    assert_eq!(error.to_string(), answer.body["message"], "seed {seed}: {first}");
                    return;
                }
            }
        } else {
            let path = format!("{}?fieldManager=a", self.collection);
            let answer = self.api.call(Method::POST, &path, JSON, &first).await;
            let mut ours = content(&answer.body);
            track_update(None, &mut ours, &resource(&self.ignored), &writer);
            (answer, ours)
        };
        assert!(answer.is_success(), "{first}\n{answer:?}");
        check_same(&entries(&ours), &entries(&answer.body), &format!("seed {seed}: created {first}"));

        let mut live = answer.body;
        for number in 0..steps {
            let is_status = self.ignored_in_status.is_some() && dice.once_in(5);
            let ignored = self.ignored_in_status.as_ref().filter(|_| is_status).unwrap_or(&self.ignored);
            let subresource = if is_status { "status" } else { "" };
            let manager = dice.one_of(&["a", "b", "c"]);
            let writer = Writer { manager, subresource, time: NOW };
            let step = self.step(dice, &live, is_status);
            let ours = self.made(&step, &live, &resource(ignored), &writer);

            let path = format!("{}/{name}{}", self.collection, if is_status { "/status" } else { "" });
            let answer = self.send(&step, &path, manager).await;
            let sent = match &step {
                Step::Apply { config, force } => format!("apply, force {force}: {config}"),
                Step::Put(object) => format!("put: {object}"),
                Step::Patch { content_type, patch } => format!("{content_type}: {patch}"),
            };
            let context =
                format!("{} seed {seed}, step {number}, {manager} at {path}\n{sent}\nto {live}", self.kind);
            match ours {
                Ok(mut ours) => {
                    if answer.code == 422 {
                        counts.invalid += 1;
                        continue;
                    }
                    assert!(answer.is_success(), "{context}\n{}", answer.body);
                    if !is_status {
                        let mut theirs = content(&answer.body);
                        theirs["status"] = Value::Null;
                        let mut made = content(&ours);
                        made["status"] = Value::Null;
                        let added =
                            additions(&made, &theirs).unwrap_or_else(|error| panic!("{context}\n{error}"));
                        let unexpected: Vec<_> =
                            added.iter().filter(|name| !DEFAULTS.contains(&name.as_str())).collect();
                        assert!(unexpected.is_empty(), "{context}\nonly there: {unexpected:?}");
                    }
                    if !matches!(step, Step::Apply { .. }) {
                        let sent = ours["metadata"]["managedFields"].take();
                        ours = content(&answer.body);
                        if !sent.is_null() {
                            ours["metadata"]["managedFields"] = sent;
                        }
                        track_update(Some(&live), &mut ours, &resource(ignored), &writer);
                    }
                    check_same(&entries(&ours), &entries(&answer.body), &context);
                    check_kept_times(&ours, &answer.body, &context);
                    check_order(&answer.body);
                    counts.changed += 1;
                    live = answer.body;
                }
                Err(error) => {
                    let message = answer.body["message"].as_str().unwrap_or_default();
                    assert_eq!(
                        (error.code(), error.to_string().as_str()),
                        (answer.code, message),
                        "{context}"
                    );
                    let ApplyError::Conflicts(conflicts) = error else { continue };
                    let cause = |conflict: &Conflict| {
                        json!({
                            "reason": "FieldManagerConflict",
                            "message": conflict.to_string(),
                            "field": conflict.field.to_string(),
                        })
                    };
                    let mut ours: Vec<_> = conflicts.iter().map(cause).collect();
                    ours.sort_by_key(Value::to_string);
                    assert_eq!(ours, causes(&answer.body), "{context}");
                    counts.conflicts += 1;
                }
            }
        }
    }
}

fn random_map(dice: &mut Dice) -> Value {
    let names = dice.some_of(&["a", "b", "c"]);
    names.into_iter().map(|name| (name.to_owned(), json!(dice.one_of(&["1", "2"])))).collect()
}

fn config_map(dice: &mut Dice, name: &str) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    if dice.once_in(3) {
        object["metadata"]["labels"] = random_map(dice);
    }
    if dice.once_in(4) {
        object["metadata"]["finalizers"] = json!(dice.some_of(&["example.com/a", "example.com/b"]));
    }
    if !dice.once_in(4) {
        object["data"] = random_map(dice);
    }
    if dice.once_in(6) {
        object["binaryData"] = json!({"x": "AAAA"});
    }
    object
}

fn deployment(dice: &mut Dice, name: &str) -> Value {
    let mut names = dice.some_of(&["a", "b", "c"]);
    if names.is_empty() {
        names.push("a");
    }
    let containers: Vec<_> = names.into_iter().map(|name| container(dice, name)).collect();
    let mut object = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": "x"}},
            "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": containers}},
        },
    });
    if dice.once_in(3) {
        object["metadata"]["labels"] = random_map(dice);
    }
    if dice.once_in(3) {
        object["spec"]["replicas"] = json!(dice.below(3));
    }
    if dice.once_in(4) {
        object["spec"]["strategy"] = dice.one_of(&[
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}}),
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 1}}),
            json!({"rollingUpdate": {"maxUnavailable": "10%"}}),
        ]);
    }
    if dice.once_in(3) {
        let volume = |name: &str| json!({"name": name, "emptyDir": {}});
        object["spec"]["template"]["spec"]["volumes"] = json!(dice.some_of(&[volume("v"), volume("w")]));
    }
    if dice.once_in(5) {
        let toleration = |key: &str| json!({"key": key, "operator": "Exists"});
        object["spec"]["template"]["spec"]["tolerations"] =
            json!(dice.some_of(&[toleration("t"), toleration("u")]));
    }
    if dice.once_in(6) {
        object["spec"]["template"]["spec"]["securityContext"] =
            dice.one_of(&[json!({}), json!({"runAsUser": 1}), json!({"supplementalGroups": [1, 2]})]);
    }
    object
}

fn container(dice: &mut Dice, name: &str) -> Value {
    let mut container = json!({"name": name, "image": dice.one_of(&["one", "two"])});
    if dice.once_in(2) {
        let variable = |dice: &mut Dice, name: &str| json!({"name": name, "value": dice.one_of(&["1", "2"])});
        let names = dice.some_of(&["X", "Y", "Z"]);
        let mut variables: Vec<_> = names.into_iter().map(|name| variable(dice, name)).collect();
        if dice.once_in(6) {
            // Refused where it is applied, and taken elsewhere.
            variables.push(json!({"name": "X", "value": "3"}));
        }
        container["env"] = json!(variables);
    }
    if dice.once_in(3) {
        let port = |dice: &mut Dice, port: i32| {
            let mut made = json!({ "containerPort": port });
            if dice.once_in(2) {
                made["protocol"] = json!("UDP");
            }
            made
        };
        let ports = dice.some_of(&[80, 81]);
        container["ports"] = ports.into_iter().map(|number| port(dice, number)).collect();
    }
    if dice.once_in(4) {
        container["args"] = json!(dice.some_of(&["a", "b"]));
    }
    if dice.once_in(4) {
        container["resources"] =
            dice.one_of(&[json!({}), json!({"limits": {"cpu": "1"}}), json!({"limits": {"memory": "1Gi"}})]);
    }
    if dice.once_in(6) {
        container["livenessProbe"] = json!({"tcpSocket": {"port": dice.one_of(&[json!(80), json!("web")])}});
    }
    container
}

fn deployment_status(dice: &mut Dice) -> Value {
    let condition = |ty: &str| json!({"type": ty, "status": "True"});
    let mut status = json!({"conditions": dice.some_of(&[condition("Available"), condition("Progressing")])});
    if dice.once_in(2) {
        status["observedGeneration"] = json!(dice.below(3));
    }
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn built_in_kinds_are_owned_as_on_a_real_server() {
    let testbed = Testbed::start().await.unwrap();
    let server = testbed.api_server("built-in").await.unwrap();
    let api = Api::new(server.client());
    let core = definitions(&api, "api/v1").await;
    let apps = definitions(&api, "apis/apps/v1").await;

    let config_maps = Case {
        api: &api,
        schema: core.get("io.k8s.api.core.v1.ConfigMap").unwrap().root(),
        api_version: "v1",
        kind: "ConfigMap",
        collection: "/api/v1/namespaces/default/configmaps",
        ignored: FieldSet::new(),
        ignored_in_status: None,
        make: config_map,
        make_status: |_| Value::Null,
    };
    let mut counts = Counts::default();
    for seed in 0..60 {
        config_maps.run(seed, 12, &mut counts).await;
    }
    println!("ConfigMap: {counts:?}");
    assert!(counts.changed > 300 && counts.conflicts > 30, "{counts:?}");

    let deployments = Case {
        api: &api,
        schema: apps.get("io.k8s.api.apps.v1.Deployment").unwrap().root(),
        api_version: "apps/v1",
        kind: "Deployment",
        collection: "/apis/apps/v1/namespaces/default/deployments",
        ignored: FieldSet::of_fields(&[&["status"]]),
        ignored_in_status: Some(FieldSet::of_fields(&[&["spec"], &["metadata", "labels"]])),
        make: deployment,
        make_status: deployment_status,
    };
    let mut counts = Counts::default();
    for seed in 0..100 {
        deployments.run(seed, 12, &mut counts).await;
    }
    println!("Deployment: {counts:?}");
    assert!(counts.changed > 400 && counts.conflicts > 50, "{counts:?}");
}
