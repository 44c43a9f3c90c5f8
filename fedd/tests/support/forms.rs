//! kubectl, in each form of an object: by whichever means and by however many managers it is written, what they do not
//! write stays.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::process::within;

const BY_CLUSTER: &str = "v1beta1";
const BY_CELL: &str = "v1beta2";
const FORMS: [&str; 2] = [BY_CLUSTER, BY_CELL];

/// A namespace in a federation, and kubectl in it.
pub(crate) struct Shop {
    client: Client,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    folder: PathBuf,
}

/// An object in both forms, without what the API server and controllers keep for themselves.
type Both = [Value; 2];

impl Shop {
    /// Makes the namespace; files are kept in the folder.
    pub(crate) async fn open(client: Client, kubeconfig: PathBuf, folder: &Path) -> Self {
        let kubectl = testbed::kubectl_path().await.unwrap();
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace = serde_json::from_value(json!({"metadata": {"name": "shop"}})).unwrap();
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        Self { client, kubeconfig, kubectl, folder: folder.to_owned() }
    }

    /// All of this, at once.
    pub(crate) async fn loses_no_field_in_either_form(&self) {
        tokio::join!(
            client_side(self, BY_CLUSTER),
            client_side(self, BY_CELL),
            server_side(self, BY_CLUSTER),
            server_side(self, BY_CELL),
            watched(self, BY_CLUSTER),
            watched(self, BY_CELL),
        );
    }

    /// kubectl with these arguments, and with this command as the editor.
    fn kubectl(&self, arguments: &[&str], editor: &str) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.args(["--namespace", "shop"]).args(arguments).env("HOME", &self.folder).env("EDITOR", editor);
        command.env("KUBECONFIG", &self.kubeconfig).env_remove("KUBE_EDITOR").kill_on_drop(true);
        command
    }

    /// Runs kubectl; answers whether it succeeded, and all that it said.
    async fn run(&self, arguments: &[&str], editor: &str) -> (bool, String) {
        let output = within("kubectl ends", self.kubectl(arguments, editor).output()).await.unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    async fn done(&self, arguments: &[&str]) {
        let (success, said) = self.run(arguments, "").await;
        assert!(success, "{arguments:?}: {said}");
    }

    /// `kubectl apply` of an object in a file.
    async fn apply(&self, object: &Value, arguments: &[&str]) -> (bool, String) {
        let text = object.to_string();
        let file = self.folder.join(format!("object-{:x}.json", hash(&text)));
        std::fs::write(&file, text).unwrap();
        self.run(&[&["apply", "-f", file.to_str().unwrap()], arguments].concat(), "").await
    }

    async fn applied(&self, object: &Value, arguments: &[&str]) {
        let (success, said) = self.apply(object, arguments).await;
        assert!(success, "{said}");
    }

    async fn both(&self, name: &str) -> Both {
        let mut both = Both::default();
        for (form, read) in FORMS.into_iter().zip(&mut both) {
            let kind = GroupVersionKind::gvk("types.kubefed.io", form, "FederatedConfigMap");
            let resource = ApiResource::from_gvk_with_plural(&kind, "federatedconfigmaps");
            let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), "shop", &resource);
            let mut object = serde_json::to_value(api.get(name).await.unwrap()).unwrap();
            object.as_object_mut().unwrap().remove("status");
            let metadata = object["metadata"].as_object_mut().unwrap();
            metadata.retain(|key, _| ["name", "annotations", "labels"].contains(&key.as_str()));
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
                annotations.retain(|key, value| key != "fedd.io/topology-type" || value != "cluster");
            }
            metadata.retain(|_, value| *value != json!({}));
            // The default, which the first write by cell writes out.
            object["spec"]
                .as_object_mut()
                .unwrap()
                .retain(|key, value| key != "topologyType" || value != "cluster");
            *read = object;
        }
        both
    }
}

fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// As kubectl is told of it: the resource in one form.
fn resource(form: &str) -> String {
    format!("federatedconfigmaps.{form}.types.kubefed.io")
}

fn object(form: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": format!("types.kubefed.io/{form}"), "kind": "FederatedConfigMap",
        "metadata": {"name": name}, "spec": spec})
}

/// Something of everything that an object can say, in one form.
fn everything(form: &str) -> Value {
    let template = json!({"metadata": {"annotations": {"a": "b"}}, "data": {"k": "v", "stays": "here"}, "unheard/of": [1, null]});
    let overrides = json!([{"path": "/data/k", "value": "w"}, {"path": "/data/stays", "op": "remove"}]);
    if form == BY_CELL {
        json!({"topologyType": "cell", "template": template,
            "placement": {"topologies": [{"name": "rz00a"}, {"name": "rz01a"}],
                          "topologySelector": {"matchLabels": {"fast": "yes"}}},
            "placementMask": {"topologies": [{"name": "rz00a"}]},
            "overrides": [{"topologyName": "rz01a", "topologyOverrides": overrides}]})
    } else {
        json!({"template": template,
            "placement": {"clusters": [{"name": "rz00a.shop"}, {"name": "elsewhere"}],
                          "clusterSelector": {"matchLabels": {"fast": "yes"}}},
            "placementMask": {"clusters": [{"name": "elsewhere"}]},
            "overrides": [{"clusterName": "rz00a.shop", "clusterOverrides": overrides}]})
    }
}

/// Sets a value of the template in both forms.
fn set(both: &mut Both, path: &str, value: &Value) {
    for object in both {
        let mut at = &mut object["spec"]["template"];
        for step in path.split('.') {
            at = &mut at[step];
        }
        *at = value.clone();
    }
}

/// Written in one form by client-side apply, then by everything that kubectl has, in the other form and in the same.
async fn client_side(shop: &Shop, written: &str) {
    for form in FORMS {
        let name = format!("client-{written}-{form}");
        let (name, resource) = (name.as_str(), resource(form));
        shop.applied(&object(written, name, &everything(written)), &[]).await;
        let mut expected = shop.both(name).await;
        let created = if written == BY_CLUSTER { &expected[0] } else { &expected[1] };
        assert_eq!(created["spec"], everything(written), "nothing is lost at the start");
        // The whole object as it reads in this form: what a user of this form has in a file.
        let at = FORMS.iter().position(|f| *f == form).unwrap();
        let mut file = object(form, name, &expected[at]["spec"]);

        let merge = json!({"spec": {"template": {"data": {"merged": "yes"}}}}).to_string();
        shop.done(&["patch", &resource, name, "--type", "merge", "--patch", &merge]).await;
        set(&mut expected, "data.merged", &json!("yes"));
        assert_eq!(shop.both(name).await, expected, "{name}: merge patch");

        // What it is called by cluster, and by what it was written as.
        let third = if written == BY_CELL { ["rz02a.shop", "rz02a"] } else { ["third", "third"] };
        let list = if form == BY_CELL { "topologies" } else { "clusters" };
        let operations = json!([{"op": "test", "path": "/spec/template/data/k", "value": "v"},
            {"op": "add", "path": "/spec/template/data/inserted", "value": "yes"},
            {"op": "add", "path": format!("/spec/placement/{list}/-"), "value": {"name": third[at]}}]);
        shop.done(&["patch", &resource, name, "--type", "json", "--patch", &operations.to_string()]).await;
        set(&mut expected, "data.inserted", &json!("yes"));
        for ((read, list), name) in expected.iter_mut().zip(["clusters", "topologies"]).zip(third) {
            read["spec"]["placement"][list].as_array_mut().unwrap().push(json!({"name": name}));
        }
        assert_eq!(shop.both(name).await, expected, "{name}: JSON patch");

        let (success, said) =
            shop.run(&["edit", &resource, name], "sed -i s/stays:.here/stays:\\ edited/").await;
        assert!(success && said.contains("edited"), "{said}");
        set(&mut expected, "data.stays", &json!("edited"));
        assert_eq!(shop.both(name).await, expected, "{name}: edit");

        // Applied again from this form's file, it keeps what came since.
        file["spec"]["template"]["data"]["k"] = json!("applied");
        file["spec"]["template"]["data"]["stays"] = json!("edited");
        file["spec"]["placement"] = expected[at]["spec"]["placement"].clone();
        shop.applied(&file, &[]).await;
        set(&mut expected, "data.k", &json!("applied"));
        assert_eq!(shop.both(name).await, expected, "{name}: apply");
        let (_, said) = shop.apply(&file, &[]).await;
        assert!(said.contains("unchanged"), "{said}");
    }
}

/// Two managers by server-side apply, one in each form or both in one.
async fn server_side(shop: &Shop, team: &str) {
    for platform in FORMS {
        let name = format!("server-{team}-{platform}");
        let name = name.as_str();
        let by_team = ["--server-side", "--field-manager", "team"];
        let by_platform = ["--server-side", "--field-manager", "platform"];
        shop.applied(&object(team, name, &everything(team)), &by_team).await;
        let mut expected = shop.both(name).await;

        let mine = |data: Value| object(platform, name, &json!({"template": {"data": data}}));
        shop.applied(&mine(json!({"theirs": "1"})), &by_platform).await;
        set(&mut expected, "data.theirs", &json!("1"));
        assert_eq!(shop.both(name).await, expected, "{name}: another manager");

        // What one owns, another does not take by accident.
        let (success, said) = shop.apply(&mine(json!({"theirs": "1", "k": "taken"})), &by_platform).await;
        assert!(!success && said.contains("conflict with \"team\""), "{said}");
        assert_eq!(shop.both(name).await, expected, "{name}: a conflict");

        let mut spec = everything(team);
        spec["template"]["data"]["k"] = json!("again");
        shop.applied(&object(team, name, &spec), &by_team).await;
        set(&mut expected, "data.k", &json!("again"));
        assert_eq!(shop.both(name).await, expected, "{name}: the first again");

        // The first goes over to the other's form with what it reads there, and leaves one thing out.
        let at = FORMS.iter().position(|f| *f == platform).unwrap();
        let mut mine = object(platform, name, &expected[at]["spec"]);
        for gone in ["theirs", "stays"] {
            mine["spec"]["template"]["data"].as_object_mut().unwrap().remove(gone);
        }
        if (team, platform) == (BY_CELL, BY_CLUSTER) {
            // The annotation that says what the names are belongs to it. Without, to the API server the names of the
            // form before are gone; it refuses, and nothing is lost.
            assert!(!shop.apply(&mine, &by_team).await.0);
            assert_eq!(shop.both(name).await, expected, "{name}: half of what it reads");
        }
        mine["metadata"] = expected[at]["metadata"].clone();
        shop.applied(&mine, &by_team).await;
        for read in &mut expected {
            read["spec"]["template"]["data"].as_object_mut().unwrap().remove("stays");
        }
        assert_eq!(shop.both(name).await, expected, "{name}: the first in the other's form");
    }
}

/// `kubectl get -w` in one form, while the object is written in the other.
async fn watched(shop: &Shop, form: &str) {
    let name = format!("watched-{form}");
    let name = name.as_str();
    let other = if form == BY_CELL { BY_CLUSTER } else { BY_CELL };
    shop.applied(&object(form, name, &everything(form)), &[]).await;
    let output = "jsonpath={.apiVersion} {.spec.template.data.k} {.spec.placementMask}{\"\\n\"}";
    let mut watching = shop
        .kubectl(&["get", &resource(form), name, "--watch", "--output", output], "")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut line = String::new();
    for value in ["v", "1", "2"] {
        if value != "v" {
            let merge = json!({"spec": {"template": {"data": {"k": value}}}}).to_string();
            shop.done(&["patch", &resource(other), name, "--type", "merge", "--patch", &merge]).await;
        }
        // Where controllers run, they write too: a status, which is not printed here.
        let before = line.clone();
        while line == before {
            line = within("the watch tells", lines.next_line()).await.unwrap().unwrap();
        }
        let mask = everything(form)["placementMask"].to_string();
        assert_eq!(line, format!("types.kubefed.io/{form} {value} {mask}"));
    }
}
