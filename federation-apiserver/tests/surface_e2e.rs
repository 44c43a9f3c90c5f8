//! What the server says of its kinds, beside what a real kube-apiserver says of the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where something is missing")]

use std::collections::BTreeSet;

use federation_apiserver::builtin::{self, Kind, Profile};
use federation_apiserver::discovery::{self, Described};
use federation_apiserver::openapi::OpenApi;
use federation_apiserver::select::{FieldSelector, LabelSelector};
use federation_apiserver::table::{IncludeObject, TableFormat, TableOptions};
use http::Request;
use kube::Client;
use kube::core::Status;
use serde_json::{Value, json};
use testbed::Testbed;

#[path = "surface/invalid.rs"]
mod invalid;
#[path = "surface/objects.rs"]
mod objects;
#[path = "surface/widgets.rs"]
mod widgets;

#[tokio::test(flavor = "multi_thread")]
async fn the_surface_is_that_of_a_real_api_server() {
    let testbed = Testbed::start().await.unwrap();
    let server = testbed.api_server("surface").await.unwrap();
    let real = Real { client: server.client() };

    let definition = objects::definition();
    real.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await.unwrap();
    while real.get("/apis/example.com/v1").await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }

    let mut differences = Vec::new();
    discovery_documents(&real, &definition, &mut differences).await;
    selectors(&real, &mut differences).await;
    created_objects(&real, &mut differences).await;
    custom_resource_tables(&real, &definition, &mut differences).await;
    openapi_documents(&real, &definition, &mut differences).await;
    refused_objects(&real, &mut differences).await;
    refused_updates(&real, &mut differences).await;
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

struct Real {
    client: Client,
}

impl Real {
    async fn call(
        &self,
        method: &str,
        path: &str,
        accept: &str,
        body: Option<&Value>,
    ) -> Result<Value, Status> {
        let body = body.map(Value::to_string).unwrap_or_default().into_bytes();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Accept", accept)
            .header("Content-Type", "application/json")
            .body(body)
            .unwrap();
        match self.client.request::<Value>(request).await {
            Ok(answer) => Ok(answer),
            Err(kube::Error::Api(status)) => Err(*status),
            Err(error) => panic!("{method} {path}: {error}"),
        }
    }

    async fn get(&self, path: &str) -> Result<Value, Status> {
        self.call("GET", path, "application/json", None).await
    }

    async fn create(&self, path: &str, object: &Value) -> Result<Value, Status> {
        self.call("POST", path, "application/json", Some(object)).await
    }
}

/// The resources of both profiles, and a custom one.
fn described(definition: &Value) -> Vec<Described> {
    let mut all: Vec<_> = builtin::kinds(Profile::Member).map(Described::from).collect();
    all.extend(["v1", "v1beta1"].map(|version| Described::of_definition(definition, version).unwrap()));
    all
}

async fn discovery_documents(real: &Real, definition: &Value, differences: &mut Vec<String>) {
    let all = described(definition);
    let versions: BTreeSet<_> = all.iter().map(|one| (one.group.as_str(), one.version.as_str())).collect();
    for (group, version) in versions {
        let path =
            if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let mut ours = discovery::resources(&all, group, version).unwrap();
        let mut theirs = real.get(&path).await.unwrap();
        // Meant: what is not served here is not listed; the hash of the stored version is optional.
        let served: BTreeSet<String> = names(&ours["resources"], "name");
        keep(&mut theirs["resources"], |line| served.contains(line["name"].as_str().unwrap()));
        for line in theirs["resources"].as_array_mut().unwrap() {
            line.as_object_mut().unwrap().remove("storageVersionHash");
        }
        sort(&mut ours["resources"]);
        sort(&mut theirs["resources"]);
        compare(&path, &ours, &theirs, differences);
        if !group.is_empty() {
            let mut theirs = real.get(&format!("/apis/{group}")).await.unwrap();
            let ours = discovery::group(&all, group).unwrap();
            // Meant: autoscaling is served in its preferred version only.
            let served = names(&ours["versions"], "version");
            keep(&mut theirs["versions"], |one| served.contains(one["version"].as_str().unwrap()));
            compare(&format!("/apis/{group}"), &ours, &theirs, differences);
        }
    }
    let order = |list: &Value| -> Vec<String> {
        list["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let (ours, theirs) = (order(&discovery::groups(&all)), order(&real.get("/apis").await.unwrap()));
    let theirs: Vec<_> = theirs.into_iter().filter(|name| ours.contains(name)).collect();
    compare("order of groups", &json!(ours), &json!(theirs), differences);

    for (path, ours) in
        [("/api", discovery::aggregated_core(&all)), ("/apis", discovery::aggregated_groups(&all))]
    {
        let theirs = real.call("GET", path, discovery::AGGREGATED, None).await.unwrap();
        for group in ours["items"].as_array().unwrap() {
            let same = |one: &&Value| one["metadata"] == group["metadata"];
            let mut found = theirs["items"].as_array().unwrap().iter().find(same).unwrap().clone();
            let served = names(&group["versions"], "version");
            keep(&mut found["versions"], |one| served.contains(one["version"].as_str().unwrap()));
            for (version, ours) in found["versions"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .zip(group["versions"].as_array().unwrap())
            {
                let served = names(&ours["resources"], "resource");
                keep(&mut version["resources"], |one| served.contains(one["resource"].as_str().unwrap()));
                for resource in version["resources"].as_array_mut().unwrap() {
                    let same = |one: &&Value| one["resource"] == resource["resource"];
                    let ours = ours["resources"].as_array().unwrap().iter().find(same).unwrap();
                    let served =
                        ours.get("subresources").map(|all| names(all, "subresource")).unwrap_or_default();
                    if let Some(all) = resource.get_mut("subresources") {
                        keep(all, |one| served.contains(one["subresource"].as_str().unwrap()));
                    }
                    if resource["subresources"].as_array().is_some_and(Vec::is_empty) {
                        resource.as_object_mut().unwrap().remove("subresources");
                    }
                }
            }
            compare(&format!("aggregated {path} {}", group["metadata"]), group, &found, differences);
        }
    }
}

/// Selectors: what is said of wrong ones.
async fn selectors(real: &Real, differences: &mut Vec<String>) {
    let encoded = |text: &str| -> String {
        text.bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect()
    };
    for text in [
        "a=b=c",
        "a,",
        ",a",
        "a in",
        "a in (b",
        "a b",
        "a=!",
        "!",
        "a>b",
        "A_/b=c",
        "a in b",
        "a notin (,b)",
        "=a",
        "a=b,,c",
        "a=-",
        "a in ((b))",
        "()",
        "a<1,b",
        "a..b/c",
        "a/b/c=d",
        "!a=b",
        "a in (b c)",
    ] {
        let theirs = real.get(&format!("/api/v1/configmaps?labelSelector={}", encoded(text))).await;
        // The parameter's name is the handler's to say.
        let theirs = theirs.err().map(|status| status.message);
        let ours = LabelSelector::parse(text).err().map(|error| error.to_string());
        compare(&format!("label selector {text}"), &json!(ours), &json!(theirs), differences);
    }
    for (path, group, plural) in [
        ("/api/v1/pods", "", "pods"),
        ("/api/v1/configmaps", "", "configmaps"),
        ("/api/v1/namespaces", "", "namespaces"),
        ("/api/v1/nodes", "", "nodes"),
        ("/api/v1/events", "", "events"),
        ("/apis/events.k8s.io/v1/events", "events.k8s.io", "events"),
        ("/apis/batch/v1/jobs", "batch", "jobs"),
        ("/api/v1/services", "", "services"),
        ("/api/v1/secrets", "", "secrets"),
    ] {
        let kind = builtin::find(group, "v1", plural).unwrap();
        let own = kind.selectable.iter().map(|field| format!("{}=x", field.label));
        let wrong = [
            "spec.foo=x",
            "nothing",
            "metadata.name=a=b",
            r"metadata.name=\a",
            "a!=b,spec.x=1",
            "metadata.namespace=x",
            "=",
        ];
        for text in own.chain(wrong.into_iter().map(str::to_owned)) {
            let theirs = real.get(&format!("{path}?fieldSelector={}", encoded(&text))).await;
            let theirs = theirs.err().map(|status| status.message);
            let ours =
                FieldSelector::parse(&text, &kind.selectable_fields()).err().map(|error| error.to_string());
            compare(
                &format!("field selector {plural}.{group} {text}"),
                &json!(ours),
                &json!(theirs),
                differences,
            );
        }
    }
}

/// Objects of each kind: what is kept, dropped and filled in, and their rows in a table.
async fn created_objects(real: &Real, differences: &mut Vec<String>) {
    for object in objects::all() {
        let kind = kind_of(&object);
        let path = collection(kind);
        let title = format!("{} {}", kind.kind, object["metadata"]["name"].as_str().unwrap());
        let mut theirs = match real.create(&path, &object).await {
            Ok(created) => created,
            Err(status) => {
                differences.push(format!("{title} was refused: {}", status.message));
                continue;
            }
        };
        let table_path = format!("{path}/{}", object["metadata"]["name"].as_str().unwrap());
        for include in ["None", "Metadata", "Object"] {
            let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
            let mut shown = real
                .call("GET", &format!("{table_path}?includeObject={include}"), accept, None)
                .await
                .unwrap();
            let stored = real.get(&table_path).await.unwrap();
            // Meant: kube-apiserver makes this annotation from a field of its internal form, when the metadata has
            // already been taken for the row.
            if kind.kind == "DaemonSet" && include == "Metadata" {
                shown["rows"][0]["object"]["metadata"]["annotations"] =
                    stored["metadata"]["annotations"].clone();
            }
            let metadata = json!({"resourceVersion": stored["metadata"]["resourceVersion"]});
            let options = TableOptions {
                version: "v1",
                include: IncludeObject::parse(include).unwrap(),
                headers: true,
                now: now(),
            };
            let ours = TableFormat::of_kind(kind).table([&stored], metadata, options);
            compare_tables(&format!("table of {title}"), ours, shown, differences);
        }
        let read = builtin::typed::read(kind, object).unwrap();
        let mut ours = read.object;
        builtin::set_defaults(kind, &mut ours);
        for name in ["uid", "creationTimestamp", "resourceVersion", "namespace"] {
            if let Some(value) = theirs["metadata"].get(name).cloned() {
                ours["metadata"][name] = value;
            }
        }
        builtin::prepare_create(kind, &mut ours);
        if kind.kind == "Service" {
            let mut address = || theirs.pointer("/spec/clusterIP").and_then(Value::as_str).map(str::to_owned);
            let node_ports: Vec<_> = theirs["spec"]["ports"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|p| p["nodePort"].clone())
                .collect();
            let mut ports =
                node_ports.iter().filter_map(Value::as_u64).map(|port| u16::try_from(port).unwrap());
            builtin::service::assign(&mut ours, &mut address, &mut || ports.next());
        }
        let errors = builtin::validate(kind, "", &ours, None);
        if !errors.is_empty() {
            differences.push(format!("{title}: refused here: {errors:?}"));
        }
        theirs["metadata"].as_object_mut().unwrap().remove("managedFields");
        // Meant: a node's taint and a volume's time of its phase are other plug-ins' and controllers' to set.
        if kind.kind == "Node" {
            theirs["spec"].as_object_mut().unwrap().remove("taints");
        }
        if kind.kind == "PersistentVolume" {
            theirs["status"].as_object_mut().unwrap().remove("lastPhaseTransitionTime");
        }
        compare(&title, &ours, &theirs, differences);
    }
}

async fn custom_resource_tables(real: &Real, definition: &Value, differences: &mut Vec<String>) {
    let path = "/apis/example.com/v1/namespaces/default/widgets";
    for widget in widgets::widgets() {
        real.create(path, &widget).await.unwrap();
    }
    for version in ["v1", "v1beta1"] {
        let path = path.replace("v1", version);
        let list = real.get(&path).await.unwrap();
        let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
        let theirs = real.call("GET", &path, accept, None).await.unwrap();
        let declared = definition["spec"]["versions"].as_array().unwrap();
        let declared = declared.iter().find(|one| one["name"] == version).unwrap();
        let options =
            TableOptions { version: "v1", include: IncludeObject::Metadata, headers: true, now: now() };
        let items = list["items"].as_array().unwrap();
        let metadata = json!({"resourceVersion": theirs["metadata"]["resourceVersion"]});
        let format = TableFormat::of_custom_resource(&declared["additionalPrinterColumns"]);
        compare_tables(
            &format!("table of widgets in {version}"),
            format.table(items, metadata, options),
            theirs,
            differences,
        );
    }
}

/// Every definition and every operation is one of the real server's documents.
async fn openapi_documents(real: &Real, definition: &Value, differences: &mut Vec<String>) {
    let all = described(definition);
    let openapi = OpenApi::new(&all);
    // Definitions of custom resources come a moment after the resources.
    while real.get("/openapi/v3/apis/example.com/v1beta1").await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let index = openapi.index();
    for path in index["paths"].as_object().unwrap().keys() {
        let ours: Value = serde_json::from_slice(&openapi.document(path).unwrap().text).unwrap();
        let theirs = real.get(&format!("/openapi/v3/{path}")).await.unwrap();
        let schemas = |document: &Value| document["components"]["schemas"].as_object().unwrap().clone();
        let published = schemas(&theirs);
        for (name, mut schema) in schemas(&ours) {
            let mut wanted = published.get(&name).cloned().unwrap_or_default();
            without_enums(&mut wanted);
            // Meant: of custom resources, the groups in which there is something else to delete are not listed.
            if path.contains("example.com") && name.ends_with(".DeleteOptions") {
                wanted["x-kubernetes-group-version-kind"] = schema["x-kubernetes-group-version-kind"].clone();
            }
            // Meant: the description of a list of custom resources is this project's.
            if name.ends_with("WidgetList") {
                for schema in [&mut schema, &mut wanted] {
                    schema.as_object_mut().unwrap().remove("description");
                    schema["properties"].as_object_mut().unwrap().values_mut().for_each(|property| {
                        property.as_object_mut().unwrap().remove("description");
                    });
                }
            }
            compare(&format!("openapi {path} {name}"), &schema, &wanted, differences);
        }
        for (at, operations) in ours["paths"].as_object().unwrap() {
            for (method, operation) in
                operations.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters")
            {
                let wanted = &theirs["paths"][at][method];
                for field in ["operationId", "x-kubernetes-action", "x-kubernetes-group-version-kind", "tags"]
                {
                    compare(
                        &format!("openapi {at} {method} {field}"),
                        &operation[field],
                        &wanted[field],
                        differences,
                    );
                }
                // Some parameters are the path's there.
                let queries = |of: &Value| names(of.get("parameters").unwrap_or(&json!([])), "name");
                let mut known = queries(wanted);
                known.extend(queries(&theirs["paths"][at]));
                let extra: Vec<_> = queries(operation).difference(&known).cloned().collect();
                compare(&format!("openapi {at} {method} parameters"), &json!(extra), &json!([]), differences);
            }
        }
    }
}

/// Meant: what Kubernetes publishes with a release does not list the values of its enumerations; a server does.
fn without_enums(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("enum").is_some_and(Value::is_array) {
                fields.remove("enum");
            }
            if let Some(Value::String(text)) = fields.get_mut("description")
                && let Some(at) = text.find("Possible enum values:")
            {
                text.truncate(at);
                text.truncate(text.trim_end().len());
                if text.is_empty() {
                    fields.remove("description");
                }
            }
            fields.values_mut().for_each(without_enums);
        }
        Value::Array(all) => all.iter_mut().for_each(without_enums),
        _ => {}
    }
}

/// Objects that are refused, and the causes.
async fn refused_objects(real: &Real, differences: &mut Vec<String>) {
    for object in invalid::created() {
        let kind = kind_of(&object);
        let theirs = real.create(&format!("{}?dryRun=All", collection(kind)), &object).await;
        let ours = refusal(kind, &object, None);
        let title = format!("{} {object}", kind.kind);
        compare(&title, &json!(ours), &json!(causes(theirs)), differences);
    }
}

async fn refused_updates(real: &Real, differences: &mut Vec<String>) {
    for (old, change) in invalid::updated() {
        let kind = kind_of(&old);
        let path = format!("{}/{}", collection(kind), old["metadata"]["name"].as_str().unwrap());
        let stored = match real.create(&collection(kind), &old).await {
            Ok(created) => created,
            Err(status) => {
                differences.push(format!("{old} was refused: {}", status.message));
                continue;
            }
        };
        let mut new = stored.clone();
        merge(&mut new, &change);
        let theirs = real.call("PUT", &format!("{path}?dryRun=All"), "application/json", Some(&new)).await;
        let ours = refusal(kind, &new, Some(&stored));
        compare(
            &format!("update of {} by {change}", kind.kind),
            &json!(ours),
            &json!(causes(theirs)),
            differences,
        );
    }
}

/// What is said here of an object: an error of its type, or what is invalid.
fn refusal(kind: &Kind, object: &Value, old: Option<&Value>) -> BTreeSet<(String, String, String)> {
    let mut object = match builtin::typed::read(kind, object.clone()) {
        Ok(read) => read.object,
        Err(error) => {
            let whole = format!(
                "{} in version \"{}\" cannot be handled as a {}: {error}",
                kind.kind,
                kind.version(),
                kind.kind
            );
            return [("BadRequest".to_owned(), String::new(), whole)].into();
        }
    };
    builtin::set_defaults(kind, &mut object);
    match old {
        Some(old) => builtin::prepare_update(kind, "", &mut object, old),
        None => {
            if kind.namespaced {
                object["metadata"]["namespace"] = "default".into();
            }
            object["metadata"]["uid"] = "u".into();
            builtin::prepare_create(kind, &mut object);
        }
    }
    let errors = builtin::validate(kind, "", &object, old);
    errors.into_iter().map(|error| (error.cause.reason().to_owned(), error.field, error.message)).collect()
}

fn causes(answer: Result<Value, Status>) -> BTreeSet<(String, String, String)> {
    match answer {
        Ok(_) => BTreeSet::new(),
        Err(status) if status.code == 400 => {
            [("BadRequest".to_owned(), String::new(), status.message)].into()
        }
        Err(status) => match status.details {
            Some(details) => {
                details.causes.into_iter().map(|cause| (cause.reason, cause.field, cause.message)).collect()
            }
            None => [(status.reason, String::new(), status.message)].into(),
        },
    }
}

fn kind_of(object: &Value) -> &'static Kind {
    let api_version = object["apiVersion"].as_str().unwrap();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let same = |kind: &&Kind| {
        kind.group() == group && kind.version() == version && kind.kind == object["kind"].as_str().unwrap()
    };
    builtin::KINDS.iter().find(same).unwrap()
}

fn collection(kind: &Kind) -> String {
    let base = if kind.group().is_empty() { "/api".to_owned() } else { format!("/apis/{}", kind.group()) };
    let namespace = if kind.namespaced { "namespaces/default/" } else { "" };
    format!("{base}/{}/{namespace}{}", kind.version(), kind.plural)
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Meant: descriptions of columns are this project's. Ages run on between two requests.
fn compare_tables(title: &str, mut ours: Value, mut theirs: Value, differences: &mut Vec<String>) {
    for table in [&mut ours, &mut theirs] {
        let mut ages = Vec::new();
        for (index, column) in table["columnDefinitions"].as_array_mut().unwrap().iter_mut().enumerate() {
            column.as_object_mut().unwrap().remove("description");
            if ["Age", "Last Seen", "First Seen", "Duration"].contains(&column["name"].as_str().unwrap()) {
                ages.push(index);
            }
        }
        for row in table["rows"].as_array_mut().unwrap() {
            for index in &ages {
                let cell = &mut row["cells"][*index];
                if cell.as_str().is_some_and(|text| text.ends_with('s') && text.len() < 4) {
                    *cell = "<seconds>".into();
                }
            }
        }
    }
    compare(title, &ours, &theirs, differences);
}

fn compare(title: &str, ours: &Value, theirs: &Value, differences: &mut Vec<String>) {
    differ(title, "", ours, theirs, differences);
}

/// Each place where two values differ.
fn differ(title: &str, path: &str, ours: &Value, theirs: &Value, differences: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differ(title, &format!("{path}.{key}"), a, b, differences),
                    (a, b) => differences.push(format!("{title}: {path}.{key}: here {a:?}, there {b:?}")),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differ(title, &format!("{path}[{index}]"), a, b, differences);
            }
        }
        (a, b) if a == b => {}
        (a, b) => differences.push(format!("{title}: {path}: here {a}, there {b}")),
    }
}

fn names(list: &Value, field: &str) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|one| one[field].as_str().unwrap().to_owned()).collect()
}

fn keep(list: &mut Value, wanted: impl Fn(&Value) -> bool) {
    list.as_array_mut().unwrap().retain(|one| wanted(one));
}

fn sort(list: &mut Value) {
    list.as_array_mut().unwrap().sort_by_key(|one| one["name"].as_str().unwrap().to_owned());
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}
