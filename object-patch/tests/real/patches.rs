//! Strategic merge patches with their directives, and what is refused, with which words.

use http::Method;
use object_patch::field_set::{Path, PathElement};
use object_patch::scale_fields::{ReplicasPaths, from_scale, to_scale};
use object_patch::{
    FieldSet, ManagedFields, OneForm, PatchError, Resource, Writer, apply, json_patch, merge_patch,
    strategic_merge, track_update,
};
use serde_json::{Value, json};
use structural_schema::SchemaRef;
use testbed::{ApiServer, Testbed};

use crate::api::{APPLY_PATCH, Answer, Api, JSON, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH};
use crate::built_in::{DEFAULTS, definitions};
use crate::compared::{NOW, additions, check_same, content, entries};
use crate::dice::Dice;

async fn server(testbed: &Testbed) -> (ApiServer, Api) {
    let server = testbed.api_server("patches").await.unwrap();
    let api = Api::new(server.client());
    (server, api)
}

/// Sends a patch to the server and carries it out here; gives the object that the server has then.
async fn compare(api: &Api, path: &str, live: Value, patch: &Value, schema: SchemaRef<'_>) -> (Value, bool) {
    let answer = api.call(Method::PATCH, path, STRATEGIC_PATCH, patch).await;
    let context = format!("{patch}\nto {live}\n{answer:?}");
    match strategic_merge(&live, patch, schema) {
        Err(error) => {
            // Which of several faults a server names is chance: it goes through a map.
            let mut answer = answer;
            for _ in 0..50 {
                if answer.body["message"] == error.to_string() {
                    break;
                }
                answer = api.call(Method::PATCH, path, STRATEGIC_PATCH, patch).await;
            }
            let message = answer.body["message"].as_str().unwrap_or_default();
            assert_eq!((error.code(), error.to_string().as_str()), (answer.code, message), "{context}");
            (live, false)
        }
        Ok(_) if answer.code == 422 => (live, false),
        Ok(ours) => {
            assert!(answer.is_success(), "{context}");
            // What is left of directives in new elements is unknown to the type, and goes when the server reads it.
            let (mut ours, mut theirs) = (without_directives(&content(&ours)), content(&answer.body));
            ours["status"] = Value::Null;
            theirs["status"] = Value::Null;
            let added = additions(&ours, &theirs).unwrap_or_else(|error| panic!("{context}\n{error}"));
            let unexpected: Vec<_> = added.iter().filter(|name| !DEFAULTS.contains(&name.as_str())).collect();
            assert!(unexpected.is_empty(), "{context}\nonly there: {unexpected:?}");
            (answer.body, true)
        }
    }
}

fn without_directives(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(without_directives).collect(),
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !name.starts_with('$'));
            kept.map(|(name, field)| (name.clone(), without_directives(field))).collect()
        }
        other => other.clone(),
    }
}

fn named(dice: &mut Dice, names: &[&str]) -> Vec<Value> {
    dice.some_of(names).iter().map(|name| json!({ "name": name })).collect()
}

/// An empty order is left out: no client sends one, and what a server makes of it depends on how it lays out its lists.
fn set_order(holder: &mut Value, directive: &str, order: Vec<Value>) {
    if !order.is_empty() {
        holder[directive] = Value::Array(order);
    }
}

fn environment(dice: &mut Dice) -> Value {
    let mut variables = named(dice, &["X", "Y", "Z"]);
    for variable in &mut variables {
        match dice.below(5) {
            0 => variable["$patch"] = json!("delete"),
            _ => variable["value"] = json!(dice.one_of(&["1", "2"])),
        }
    }
    if dice.once_in(8) {
        variables.push(json!({"$patch": "replace"}));
    }
    json!(variables)
}

fn containers(dice: &mut Dice) -> Value {
    let mut containers = named(dice, &["a", "b", "c"]);
    for container in &mut containers {
        match dice.below(6) {
            0 => container["$patch"] = json!("delete"),
            1 => container["image"] = json!("other"),
            _ => {
                container["image"] = json!(dice.one_of(&["one", "two"]));
                container["env"] = environment(dice);
            }
        }
        if dice.once_in(5) {
            set_order(container, "$setElementOrder/env", named(dice, &["X", "Y", "Z"]));
        }
        if dice.once_in(20) {
            container.as_object_mut().unwrap().remove("name");
        }
    }
    match dice.below(12) {
        0 => containers.push(json!({"$patch": "replace"})),
        1 => containers.push(json!({"name": "d", "$patch": dice.one_of(&["merge", "jump"])})),
        2 => containers.push(json!("text")),
        _ => {}
    }
    json!(containers)
}

fn deployment_patch(dice: &mut Dice) -> Value {
    let mut patch = json!({"spec": {"template": {"spec": {}}}});
    let pod = &mut patch["spec"]["template"]["spec"];
    if !dice.once_in(4) {
        pod["containers"] = containers(dice);
    }
    if dice.once_in(3) {
        set_order(pod, "$setElementOrder/containers", named(dice, &["a", "b", "c"]));
    }
    if dice.once_in(4) {
        let volumes = [
            json!({"name": "v", "emptyDir": {}}),
            json!({"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}),
            json!({"name": "w", "$retainKeys": ["name"], "emptyDir": {}}),
            json!({"name": "w", "$patch": "delete"}),
        ];
        pod["volumes"] = json!(dice.some_of(&volumes));
    }
    if dice.once_in(4) {
        patch["spec"]["strategy"] = dice.one_of(&[
            json!({"$retainKeys": ["type"], "type": "Recreate"}),
            json!({"$retainKeys": ["type", "rollingUpdate"], "type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}}),
            json!({"$retainKeys": "type"}),
            json!({"$patch": "replace", "type": "RollingUpdate"}),
        ]);
    }
    if dice.once_in(3) {
        patch["metadata"] = dice.one_of(&[
            json!({"labels": {"a": "1", "b": null}}),
            json!({"labels": {"b": "2", "$patch": "replace"}}),
            json!({"labels": {"$patch": "delete"}}),
            json!({"labels": {"$patch": "jump"}}),
            json!({"labels": null}),
            json!({"finalizers": ["example.com/b", "example.com/a"]}),
            json!({"finalizers": ["example.com/c"], "$setElementOrder/finalizers": ["example.com/c", "example.com/a"]}),
            json!({"finalizers": ["example.com/c"], "$setElementOrder/finalizers": ["example.com/a"]}),
            json!({"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}),
            json!({"$deleteFromPrimitiveListfinalizers": ["example.com/a"]}),
            json!({"$setElementOrder/finalizers": "example.com/a"}),
            json!({"finalizers": [1]}),
        ]);
    }
    patch
}

fn service_patch(dice: &mut Dice) -> Value {
    let ports = dice.some_of(&[80, 81, 443]);
    let port = |dice: &mut Dice, port: i32| {
        let mut made = json!({"port": port, "name": format!("p{port}")});
        match dice.below(4) {
            0 => made["$patch"] = json!("delete"),
            1 => made["targetPort"] = dice.one_of(&[json!(8080), json!("web")]),
            _ => {}
        }
        made
    };
    let made: Vec<_> = ports.iter().map(|number| port(dice, *number)).collect();
    let mut patch = json!({"spec": {"ports": made}});
    if dice.once_in(3) {
        let order: Vec<_> = dice.some_of(&[80, 81, 443]).iter().map(|port| json!({ "port": port })).collect();
        set_order(&mut patch["spec"], "$setElementOrder/ports", order);
    }
    if dice.once_in(3) {
        patch["spec"]["selector"] =
            dice.one_of(&[json!({"a": "1"}), json!({"$patch": "replace", "b": "2"}), json!(null)]);
    }
    if dice.once_in(6) {
        patch["metadata"] = json!({"finalizers": dice.some_of(&["example.com/a", "example.com/b"])});
    }
    patch
}

#[tokio::test(flavor = "multi_thread")]
async fn strategic_merge_patches_make_what_a_real_server_makes() {
    let testbed = Testbed::start().await.unwrap();
    let (_server, api) = server(&testbed).await;
    let apps = definitions(&api, "apis/apps/v1").await;
    let core = definitions(&api, "api/v1").await;
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x", "labels": {"b": "1"}, "finalizers": ["example.com/a"]},
        "spec": {
            "selector": {"matchLabels": {"app": "x"}},
            "template": {
                "metadata": {"labels": {"app": "x"}},
                "spec": {"containers": [
                    {"name": "a", "image": "one", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "1"}]},
                    {"name": "b", "image": "one"},
                ]},
            },
        },
    });
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "x"},
        "spec": {"selector": {"a": "1"}, "ports": [{"port": 80, "name": "p80"}, {"port": 443, "name": "p443"}]},
    });
    let cases: [(&str, Value, SchemaRef<'_>, fn(&mut Dice) -> Value); 2] = [
        (
            "/apis/apps/v1/namespaces/default/deployments",
            deployment,
            apps.get("io.k8s.api.apps.v1.Deployment").unwrap().root(),
            deployment_patch,
        ),
        (
            "/api/v1/namespaces/default/services",
            service,
            core.get("io.k8s.api.core.v1.Service").unwrap().root(),
            service_patch,
        ),
    ];
    for (collection, first, schema, make) in cases {
        let created = api.call(Method::POST, collection, JSON, &first).await;
        assert!(created.is_success(), "{created:?}");
        let mut live = created.body;
        let dice = &mut Dice::new(7);
        let mut changed = 0;
        for _ in 0..400 {
            let patch = make(dice);
            let (next, has_changed) = compare(&api, &format!("{collection}/x"), live, &patch, schema).await;
            live = next;
            changed += usize::from(has_changed);
        }
        println!("{collection}: {changed} of 400 changed");
        assert!(changed > 100, "{collection}: {changed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_the_words_of_a_real_server() {
    let testbed = Testbed::start().await.unwrap();
    let (_server, api) = server(&testbed).await;
    let core = definitions(&api, "api/v1").await;
    let collection = "/api/v1/namespaces/default/configmaps";
    let path = &format!("{collection}/x");
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "1"}});
    let live = api.call(Method::POST, collection, JSON, &object).await.body;

    let check = |ours: Result<Value, PatchError>, answer: &Answer, patch: &Value| match ours {
        Ok(ours) => {
            assert!(answer.is_success(), "{patch}\n{answer:?}");
            additions(&content(&ours), &content(&answer.body)).unwrap();
        }
        Err(error) => {
            let message = answer.body["message"].as_str().unwrap_or_default();
            assert_eq!((error.code(), error.to_string().as_str()), (answer.code, message), "{patch}");
        }
    };
    let dry = &format!("{path}?dryRun=All");
    let test = json!({"op": "test", "path": "/data/a", "value": "1"});
    for patch in [
        json!([{"op": "replace", "path": "/data/new", "value": "2"}]),
        json!([{"op": "copy", "from": "/data/a", "path": "/data/b"}]),
        json!([{"op": "move", "from": "/data/a", "path": "/data/b"}]),
        json!([{"op": "test", "path": "/data/missing", "value": null}]),
        json!([{"op": "test", "path": "/data/a", "value": "2"}]),
        json!([{"op": "add", "path": "/data/b/c", "value": "2"}]),
        json!([{"op": "remove", "path": "/data/b"}]),
        json!([{"op": "add", "path": "", "value": {}}]),
        json!([{"op": "jump"}]),
        json!([{}]),
        json!([null]),
        json!([]),
        json!({}),
        json!("x"),
        json!([1]),
        json!([{"op": {}}]),
        json!([{"op": "add", "path": 1, "value": 1}]),
        json!(vec![test.clone(); 10_000]),
        json!(vec![test; 10_001]),
    ] {
        let answer = api.call(Method::PATCH, dry, JSON_PATCH, &patch).await;
        check(json_patch(&live, &patch), &answer, &patch);
    }
    for patch in [json!({"data": {"a": null, "b": "2"}}), json!([]), json!("x"), json!(1)] {
        let answer = api.call(Method::PATCH, dry, MERGE_PATCH, &patch).await;
        check(merge_patch(&live, &patch), &answer, &patch);
    }
    let schema = core.get("io.k8s.api.core.v1.ConfigMap").unwrap().root();
    for patch in [json!({"data": {"b": "2"}}), json!([]), json!("x"), json!({"$patch": "jump"})] {
        let answer = api.call(Method::PATCH, dry, STRATEGIC_PATCH, &patch).await;
        check(strategic_merge(&live, &patch, schema), &answer, &patch);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_applied_is_refused_in_the_words_of_a_real_server() {
    let testbed = Testbed::start().await.unwrap();
    let (_server, api) = server(&testbed).await;
    let apps = definitions(&api, "apis/apps/v1").await;
    let forms = OneForm(Some(apps.get("io.k8s.api.apps.v1.Deployment").unwrap().root()));
    let ignored = FieldSet::of_fields(&[&["status"]]);
    let resource = Resource { api_version: "apps/v1", kind: "Deployment", forms: &forms, ignored: &ignored };
    let writer = Writer { manager: "a", subresource: "", time: NOW };

    let with = |change: fn(&mut Value)| {
        let container = json!({"name": "a", "image": "one"});
        let mut object = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "x", "namespace": "default"},
            "spec": {
                "selector": {"matchLabels": {"app": "x"}},
                "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [container]}},
            },
        });
        change(&mut object);
        object
    };
    let pod = "/spec/template/spec";
    assert!(with(|_| {}).pointer(pod).is_some());
    for config in [
        with(|object| object["spec"]["unknown"] = json!(1)),
        with(|object| object["spec"]["replicas"] = json!("1")),
        with(|object| object["spec"]["replicas"] = json!([1])),
        with(|object| object["spec"]["paused"] = json!("yes")),
        with(|object| object["spec"]["template"] = json!("x")),
        with(|object| object["spec"]["template"]["spec"]["containers"] = json!({})),
        with(|object| object["spec"]["template"]["spec"]["containers"][0]["image"] = json!(1)),
        with(|object| {
            object["spec"]["template"]["spec"]["containers"][0]["image"] = json!({"a": [1.5, "x"]});
        }),
        with(|object| object["spec"]["template"]["spec"]["containers"] = json!([{"image": "one"}])),
        with(|object| object["spec"]["template"]["spec"]["containers"] = json!([null])),
        with(|object| object["spec"]["template"]["spec"]["containers"] = json!(["a"])),
        with(|object| {
            object["spec"]["template"]["spec"]["containers"] = json!([{"name": "a"}, {"name": "a"}]);
        }),
        with(|object| {
            object["spec"]["template"]["spec"]["containers"][0]["env"] =
                json!([{"name": "X"}, {"name": "X"}]);
        }),
        with(|object| object["metadata"]["finalizers"] = json!(["a", "a"])),
        with(|object| object["metadata"]["finalizers"] = json!([{}])),
        with(|object| object["metadata"]["managedFields"] = json!([])),
        with(|object| object["kind"] = json!("DaemonSet")),
    ] {
        let path = "/apis/apps/v1/namespaces/default/deployments/x?fieldManager=a";
        let answer = api.call(Method::PATCH, path, APPLY_PATCH, &config).await;
        let Err(error) = apply(None, &config, &resource, &writer, false) else {
            assert_eq!(answer.code, 422, "{config}\n{answer:?}");
            continue;
        };
        let message = answer.body["message"].as_str().unwrap_or_default();
        assert_eq!((error.code(), error.to_string().as_str()), (answer.code, message), "{config}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_owned_through_the_scale_as_on_a_real_server() {
    let testbed = Testbed::start().await.unwrap();
    let (_server, api) = server(&testbed).await;
    let apps = definitions(&api, "apis/apps/v1").await;
    let forms = OneForm(Some(apps.get("io.k8s.api.autoscaling.v1.Scale").unwrap().root()));
    let ignored = FieldSet::new();
    let resource =
        Resource { api_version: "autoscaling/v1", kind: "Scale", forms: &forms, ignored: &ignored };
    let replicas = ["spec", "replicas"].map(|name| PathElement::Field(name.to_owned()));
    let paths = ReplicasPaths::from([("apps/v1".to_owned(), Some(Path(replicas.to_vec())))]);

    let config = |replicas: Value| {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "x"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "x"}},
                "template": {
                    "metadata": {"labels": {"app": "x"}},
                    "spec": {"containers": [{"name": "a", "image": "one"}]},
                },
            },
        })
    };
    let path = "/apis/apps/v1/namespaces/default/deployments/x";
    for manager in ["one", "two"] {
        let path = format!("{path}?fieldManager={manager}");
        assert!(api.call(Method::PATCH, &path, APPLY_PATCH, &config(json!(1))).await.is_success());
    }
    for (manager, count) in [("three", 2), ("four", 2), ("four", 3), ("three", 3), ("one", 4)] {
        let live = ManagedFields::of(&api.get(path).await.body).unwrap();
        let scale = api.get(&format!("{path}/scale")).await.body;
        let mut ours = scale.clone();
        to_scale(&live, &paths).put_into(&mut ours);

        let patch = json!({"spec": {"replicas": count}});
        let answer = api
            .call(Method::PATCH, &format!("{path}/scale?fieldManager={manager}"), MERGE_PATCH, &patch)
            .await;
        assert!(answer.is_success(), "{answer:?}");
        let mut scaled = merge_patch(&ours, &patch).unwrap();
        let writer = Writer { manager, subresource: "scale", time: NOW };
        track_update(Some(&ours), &mut scaled, &resource, &writer);
        let managed = from_scale(live, ManagedFields::of(&scaled).unwrap(), &paths, "apps/v1");
        let mut ours = json!({});
        managed.put_into(&mut ours);
        check_same(&entries(&ours), &entries(&api.get(path).await.body), &format!("{manager} sets {count}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_put_together_and_taken_over_as_on_a_real_server() {
    let testbed = Testbed::start().await.unwrap();
    let (_server, api) = server(&testbed).await;
    let core = definitions(&api, "api/v1").await;
    let forms = OneForm(Some(core.get("io.k8s.api.core.v1.ConfigMap").unwrap().root()));
    let ignored = FieldSet::new();
    let resource = Resource { api_version: "v1", kind: "ConfigMap", forms: &forms, ignored: &ignored };
    let collection = "/api/v1/namespaces/default/configmaps";

    // More updaters than are kept.
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "many"}, "data": {"a": "1"}});
    let mut live = api.call(Method::POST, &format!("{collection}?fieldManager=m"), JSON, &object).await.body;
    for number in 0..14 {
        let manager = format!("manager-{number:02}");
        let patch = json!({"data": {manager.clone(): "1"}});
        let path = format!("{collection}/many?fieldManager={manager}");
        let answer = api.call(Method::PATCH, &path, MERGE_PATCH, &patch).await;
        let mut ours = merge_patch(&live, &patch).unwrap();
        // The server's own clock: the entries are put together in order of their times.
        let time = answer.body["metadata"]["managedFields"].as_array().unwrap().iter();
        let time = time.filter_map(|entry| entry["time"].as_str()).max().unwrap();
        let writer = Writer { manager: &manager, subresource: "", time };
        track_update(Some(&live), &mut ours, &resource, &writer);
        check_same(&entries(&ours), &entries(&answer.body), &format!("update {number}"));
        live = answer.body;
    }

    // From client-side to server-side apply.
    let annotation = "kubectl.kubernetes.io/last-applied-configuration";
    let applied = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "side", "namespace": "default"}, "data": data});
    let first = applied(json!({"a": "1", "b": "<1>"}));
    let mut object = first.clone();
    object["metadata"]["annotations"] = json!({annotation: first.to_string()});
    let path = format!("{collection}?fieldManager=kubectl-client-side-apply");
    api.call(Method::POST, &path, JSON, &object).await;
    let other = json!({"data": {"c": "1"}});
    let path = format!("{collection}/side?fieldManager=other");
    let live = api.call(Method::PATCH, &path, MERGE_PATCH, &other).await.body;
    for (data, is_accepted) in [(json!({"a": "2", "c": "2"}), false), (json!({"a": "2", "b": "<2>"}), true)] {
        let config = applied(data);
        let path = format!("{collection}/side?fieldManager=kubectl");
        let answer = api.call(Method::PATCH, &path, APPLY_PATCH, &config).await;
        let writer = Writer { manager: "kubectl", subresource: "", time: NOW };
        let ours = apply(Some(&live), &config, &resource, &writer, false);
        assert_eq!(answer.is_success(), is_accepted, "{answer:?}");
        match ours {
            Ok(ours) => {
                check_same(&entries(&ours), &entries(&answer.body), "kubectl");
                check_same(&[content(&ours)], &[content(&answer.body)], "kubectl");
            }
            Err(error) => assert_eq!(error.to_string(), answer.body["message"].as_str().unwrap()),
        }
    }
}
